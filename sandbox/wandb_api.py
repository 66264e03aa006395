"""The W&B HTTP API as one call: `WandbApi(world).handle(call)` gives an answer, never raises.

The route table below is the whole surface: SCIM under the base paths of the profile, `/graphql`,
the audit log, and the stand-in's own `/_sandbox`.
"""

import traceback
import urllib.parse
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from sandbox.wandb_audit import PATHS as AUDIT_PATHS
from sandbox.wandb_audit import audit_logs
from sandbox.wandb_auth import Realm, authenticate
from sandbox.wandb_faults import Fault, Faults
from sandbox.wandb_graphql import answer_graphql, operation_of
from sandbox.wandb_groups import (
    create_group,
    delete_group,
    get_group,
    list_groups,
    patch_group,
    put_group,
)
from sandbox.wandb_records import Key, Problem, State
from sandbox.wandb_roles import (
    create_role,
    delete_role,
    get_role,
    list_roles,
    patch_role,
    put_role,
)
from sandbox.wandb_user_patch import patch_user
from sandbox.wandb_users import create_user, delete_user, get_user, list_users, put_user
from sandbox.wandb_wire import (
    Answer,
    Call,
    Recorded,
    Reply,
    Request,
    decoded,
    html,
    scim_error,
    to_answer,
    transport,
)
from sandbox.wandb_world import WandbWorld

Handler = Callable[[Request], Reply]

COLLECTIONS: Mapping[str, Mapping[str, Handler]] = {
    "Users": {"GET": list_users, "POST": create_user},
    "Groups": {"GET": list_groups, "POST": create_group},
    "Roles": {"GET": list_roles, "POST": create_role},
}
ITEMS: Mapping[str, Mapping[str, Handler]] = {
    "Users": {"GET": get_user, "PATCH": patch_user, "PUT": put_user, "DELETE": delete_user},
    "Groups": {"GET": get_group, "PATCH": patch_group, "PUT": put_group, "DELETE": delete_group},
    "Roles": {"GET": get_role, "PATCH": patch_role, "PUT": put_role, "DELETE": delete_role},
}
_BASES = ("/scim/v2", "/scim")  # the longer one first
_ERROR = 400  # statuses from here on are refusals


@dataclass(frozen=True, slots=True)
class _Done:
    answer: Answer
    caller: str = ""


class WandbApi:
    """The wire of one W&B organization, with a record of all calls and faults on demand."""

    def __init__(self, world: WandbWorld) -> None:
        self.world = world
        self.calls: list[Recorded] = []
        self.faults = Faults(world, self._land)
        self.errors: list[str] = []  # tracebacks of the stand-in's own mistakes; a test wants none
        self._down = False
        self._stale: tuple[float, State] | None = None

    def handle(self, call: Call) -> Answer:
        """Answer one call."""
        with self.world.lock:
            if call.path.startswith("/_sandbox/"):
                return self._own(call)
            self.faults.land(due_only=True)
            if self._down:
                return self._record(call, _Done(html(503, "Service unavailable")), applied=False)
            fault = self.faults.take(call)
            if fault is None:
                done = self._perform(call)
                return self._record(call, done, applied=_is_done(call, done))
            return self._handle_with(fault, call)

    def writes(self) -> list[Recorded]:
        """The recorded calls that ask for a change, refused ones included."""
        with self.world.lock:
            return [
                seen
                for seen in self.calls
                if seen.method != "GET"
                and not (seen.path == "/graphql" and "mutation" not in str(seen.body))
            ]

    def down(self) -> None:
        """Begin an outage: every call gets 503 with an HTML page."""
        self._down = True

    def up(self) -> None:
        """End an outage."""
        self._down = False

    def reset(self) -> None:
        """Forget calls, faults and outage, and bring back the remembered state of the world."""
        with self.world.lock:
            self.world.reset()
            self.calls.clear()
            self.errors.clear()
            self.faults.clear()
            self._stale = None
            self._down = False

    def transport(self) -> httpx.MockTransport:
        """An httpx transport to this API, without sockets."""
        return transport(self.handle)

    # -- one call -----------------------------------------------------------------------------

    def _handle_with(self, fault: Fault, call: Call) -> Answer:
        if fault.meanwhile is not None and fault.phase == "before":
            fault.meanwhile()
        done, applied = _Done(html(504, "Gateway timeout")), False
        if fault.late_apply is not None:
            self.faults.later(fault.late_apply, call)
        if not fault.prevents:
            before = self.world.state.copy()
            done = self._perform(call, commit=not fault.ignored_write)
            if fault.deliver_twice:
                done = self._perform(call)
            applied = _is_done(call, done) and not fault.ignored_write
            if applied and fault.stale_reads:
                self._stale = (self.world.clock().timestamp() + fault.stale_reads, before)
        if fault.meanwhile is not None and fault.phase == "after":
            fault.meanwhile()
        return self._record(call, _Done(fault.spoiled(done.answer), done.caller), applied=applied)

    def _land(self, call: Call) -> None:
        self._perform(call)

    def _perform(self, call: Call, *, commit: bool = True) -> _Done:
        """Work on a copy of the state, and keep the copy if a write succeeded."""
        path = call.path
        try:
            if path == "/graphql" and call.method == "POST":
                return self._as_caller(call, "graphql", "", commit)
            if path == AUDIT_PATHS[self.world.profile.deployment] and call.method == "GET":
                return self._as_caller(call, "audit", "", commit)
            base = next((base for base in _BASES if path.startswith(base + "/")), "")
            if base not in self.world.profile.base_paths:
                return _Done(html(404, "Page not found"))
            return self._as_caller(call, "scim", path.removeprefix(base + "/"), commit)
        except Problem as problem:
            return _Done(_refusal(path, problem))
        except Exception:  # a bug here must not look like one of W&B's: the tests look at `errors`
            self.errors.append(traceback.format_exc())
            return _Done(scim_error(500, "mistake in the stand-in: see WandbApi.errors"))

    def _as_caller(self, call: Call, realm: Realm, resource: str, commit: bool) -> _Done:
        world = self.world
        key = authenticate(world, call, realm)
        ours = key.organization == world.state.organization
        live = world.state_of(key.organization)
        draft = (self._seen() if ours and not is_write(call) else live).copy()
        admins = world.admin_counts() if is_write(call) else Counter()
        name = key.owner.username
        with world.using(draft):
            world.actor = key.owner
            try:
                answer = self._dispatch(call, realm, resource, key)
            except Problem as problem:
                return _Done(_refusal(call.path, problem), name)
            finally:
                world.actor = None
        if commit and is_write(call) and answer.status < _ERROR:
            live.become(draft)
            left = world.admin_counts()
            world.last_admin_removals += sum(
                n > 0 and not left[where] for where, n in admins.items()
            )
        return _Done(answer, name)

    def _seen(self) -> State:
        """The state that reads see: an older one for a while after a write with `stale_reads`."""
        if self._stale is not None:
            until, state = self._stale
            if self.world.clock().timestamp() < until:
                return state
            self._stale = None
        return self.world.state

    def _dispatch(self, call: Call, realm: Realm, resource: str, key: Key) -> Answer:
        query = dict(urllib.parse.parse_qsl(call.query, keep_blank_values=True))
        if realm == "graphql":
            return answer_graphql(self.world, key, call)
        if realm == "audit":
            return audit_logs(self.world, query)
        kind, _, item = resource.partition("/")
        handlers = (ITEMS if item else COLLECTIONS).get(kind)
        if handlers is None or "/" in item:
            raise Problem(404, "Not found")
        if call.method not in handlers:
            raise Problem(405, "Method not allowed")
        body = call.json()
        if call.method in ("GET", "DELETE"):
            body = {}
        elif not isinstance(body, dict):
            raise Problem(400, "the body must be a JSON object")
        request = Request(
            self.world, key.owner, decoded(item), query, body, call.header("if-match")
        )
        reply = handlers[call.method](request)
        return to_answer(reply, "application/scim+json", etags=self.world.profile.etags)

    # -- the stand-in's own calls, and its memory ---------------------------------------------

    def _own(self, call: Call) -> Answer:
        if (call.method, call.path) == ("POST", "/_sandbox/reset"):
            self.reset()
            return Answer(204)
        if (call.method, call.path) == ("GET", "/_sandbox/state"):
            return to_answer(Reply(200, self.world.describe()), "application/json", etags=False)
        return html(404, "Page not found")

    def _record(self, call: Call, done: _Done, *, applied: bool) -> Answer:
        answer = done.answer
        status = 0 if answer.reset or answer.hang else answer.status
        now = self.world.clock()
        seen = (call.method, call.path, call.query, call.json(), status, now, done.caller)
        self.calls.append(Recorded(*seen, applied))
        return answer


def is_write(call: Call) -> bool:
    """Whether a call asks for a change."""
    if call.path == "/graphql":
        operation = operation_of(call)
        return operation is not None and operation.kind == "mutation"
    return call.method != "GET"


def _is_done(call: Call, done: _Done) -> bool:
    """Whether a change was asked for and made."""
    return is_write(call) and done.answer.status < _ERROR


def _refusal(path: str, problem: Problem) -> Answer:
    """A refusal in the form of its API: a SCIM Error, or `{"error": …}` elsewhere."""
    if path == "/graphql":
        body = {"error": problem.detail}
    elif path in AUDIT_PATHS.values():
        body = {"error": "forbidden" if problem.status == 403 else problem.detail}
    else:
        return scim_error(problem.status, problem.detail)
    return to_answer(Reply(problem.status, body), "application/json", etags=False)
