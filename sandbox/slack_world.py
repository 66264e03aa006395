"""A Slack workspace as its Web API and its people see it: `SlackWorld`.

Plain synchronous Python. `api` is one call of the Web API, `bring` one delivery to the app; HTTP
and websockets are `slack_server`'s, people are `slack_people`'s. Everything that was called is
kept in `calls`, everything that would hurt a reader in `warnings`.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from sandbox.slack_chat import take_answer
from sandbox.slack_delivery import Answer, Courier, Delivery, InProcess
from sandbox.slack_faults import Effect, ErrorCode, Faults, HttpStatus, Lost, NoAnswer, RateLimited
from sandbox.slack_methods import METHODS
from sandbox.slack_state import (
    Channel,
    Json,
    SlackApp,
    SlackError,
    User,
    Workspace,
)

LOOK_SECONDS = 45.0  # that somebody looks for what should have come long before

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the Web API: `error` is None when it was answered with ok; no tokens are kept."""

    method: str
    params: Json
    error: str | None
    at: datetime


class ApiAnswer(NamedTuple):
    """An HTTP answer; `body` is the JSON object, or a page of text that is not Slack's."""

    status: int
    headers: Mapping[str, str]
    body: Json | str


def _now() -> datetime:
    return datetime.now(UTC)


class SlackWorld(Workspace):
    """One workspace with one app. Give `clock` (aware datetimes) to move time by hand.

    `manifest` is the parsed app_manifest.yaml; without it every command exists, and the scopes are
    those that an access bot commonly has.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = _now,
        manifest: Mapping[str, Any] | None = None,
        bot_token: str = "xoxb-sandbox-bot-token",
        app_token: str = "xapp-sandbox-app-token",
        signing_secret: str = "sandbox-signing-secret",
        bot_name: str = "wandb-access",
    ) -> None:
        super().__init__(clock, SlackApp.of_manifest(manifest) if manifest else SlackApp())
        self.bot_token = bot_token
        self.app_token = app_token
        self.courier = Courier(signing_secret)
        self.faults = Faults()
        self.calls: list[Call] = []
        self.hooks_url = "http://127.0.0.1:9/hooks"  # the server puts its own here
        self.socket_url: str | None = None
        self.is_down = False
        self.users[self.bot_user] = User(
            self.bot_user, bot_name, bot_name, None, "UTC", self.team_id, is_bot=True
        )

    # -- what is set up ----------------------------------------------------------------------

    @property
    def signing_secret(self) -> str:
        """The secret that deliveries are signed with."""
        return self.courier.signing_secret

    @property
    def bot_url(self) -> str | None:
        """Where deliveries go by HTTP: the app's request URL."""
        return self.courier.bot_url

    @bot_url.setter
    def bot_url(self, url: str | None) -> None:
        self.courier.bot_url = url

    @property
    def socket_mode(self) -> bool:
        """Whether deliveries go through a websocket instead."""
        return self.courier.socket_mode

    @socket_mode.setter
    def socket_mode(self, on: bool) -> None:
        self.courier.socket_mode = on

    @property
    def deliver(self) -> InProcess | None:
        """A function that takes (body, headers) in place of HTTP; it comes before the others."""
        return self.courier.in_process

    @deliver.setter
    def deliver(self, deliver: InProcess | None) -> None:
        self.courier.in_process = deliver

    @property
    def timeouts(self) -> list[Answer]:
        """Deliveries that were not answered within `patience`."""
        return self.courier.timeouts

    @property
    def failures(self) -> list[Answer]:
        """Deliveries that were answered with anything but 200, or not taken at all."""
        return self.courier.failures

    def add_user(
        self,
        name: str,
        email: str | None,
        *,
        tz: str = "Europe/Berlin",
        is_bot: bool = False,
        deleted: bool = False,
        is_restricted: bool = False,
        is_ultra_restricted: bool = False,
        is_stranger: bool = False,
        real_name: str | None = None,
    ) -> str:
        """Add a person and return the id."""
        user = User(
            self.new_id("U"),
            name,
            real_name or name.capitalize(),
            email,
            tz,
            "T0ELSEWHERE" if is_stranger else self.team_id,
            is_bot,
            deleted,
            is_restricted,
            is_ultra_restricted,
            is_stranger,
        )
        self.users[user.id] = user
        return user.id

    def set_email(self, user: str, email: str | None) -> None:
        """Change a person's address."""
        self.users[user] = replace(self.users[user], email=email)

    def deactivate(self, user: str) -> None:
        """Deactivate a person's Slack account."""
        self.users[user] = replace(self.users[user], deleted=True)

    def add_channel(
        self, name: str, *members: str, bot_in: bool = True, is_private: bool = False
    ) -> str:
        """Add a channel ("#approvals") and return its id."""
        inside = frozenset(members) | ({self.bot_user} if bot_in else frozenset())
        kind = "group" if is_private else "channel"
        channel = Channel(self.new_id("C"), name.removeprefix("#"), kind, inside)
        self.channels[channel.id] = channel
        return channel.id

    def archive(self, channel: str) -> None:
        """Archive a channel."""
        self.channels[channel] = replace(self.channels[channel], is_archived=True)

    def add_usergroup(self, id_: str, users: Iterable[str]) -> None:
        """Add a user group, or change who is in it."""
        self.usergroups[id_] = tuple(users)

    # -- the Web API -------------------------------------------------------------------------

    def down(self) -> None:
        """Have Slack be unreachable: connections are cut, people cannot do anything."""
        self.is_down = True
        for link in list(self.courier.links):
            link.close()
        self.announce()

    def up(self) -> None:
        """Have Slack be back."""
        self.is_down = False
        self.announce()

    def api(self, method: str, params: Json, token: str | None) -> ApiAnswer:
        """Make one call; raises NoAnswer when a fault, or being down, swallows the answer."""
        error: str | None = "no_answer"
        try:
            answer = self._api(method, params, token)
            ok = isinstance(answer.body, dict) and answer.body.get("ok")
            code = answer.body.get("error") if isinstance(answer.body, dict) else None
            error = None if ok else str(code or answer.status)
            return answer
        finally:
            shown = {key: value for key, value in params.items() if key != "token"}
            with self.changed:
                self.calls.append(Call(method, shown, error, self.clock()))
                self.announce()

    def _api(self, method: str, params: Json, token: str | None) -> ApiAnswer:
        if self.is_down:
            raise NoAnswer
        fault = self.faults.take(method)
        if fault is not None and fault.phase == "before":
            return _faulty(fault.effect)
        try:
            with self.changed:
                body = {"ok": True, **self._handle(method, params, token)}
        except SlackError as refused:
            body = _refusal(refused)
        if fault is not None:
            return _faulty(fault.effect)
        granted = ",".join(sorted(self.app.scopes))
        headers = {"x-oauth-scopes": granted} if token == self.bot_token else {}
        return ApiAnswer(200, headers, body)

    def _handle(self, method: str, params: Json, token: str | None) -> Json:
        if not token:
            raise SlackError("not_authed")
        if token not in (self.bot_token, self.app_token):
            raise SlackError("invalid_auth")
        if method == "apps.connections.open":
            if token != self.app_token:
                raise SlackError("not_allowed_token_type")
            return {"url": f"{self.socket_url}?ticket={self.new_id('')}&app_id={self.app_id}"}
        found = METHODS.get(method)
        if found is None:
            raise SlackError("unknown_method", req_method=method)
        if token != self.bot_token:
            raise SlackError("not_allowed_token_type")
        for scope in found.scopes:
            if scope not in self.app.scopes:
                provided = ",".join(sorted(self.app.scopes))
                raise SlackError("missing_scope", needed=scope, provided=provided)
        return found.handle(self, params)

    # -- answers of the app ------------------------------------------------------------------

    def respond(self, token: str, body: Json) -> ApiAnswer:
        """Take what the app sends to a response URL; faults call it the method response_url."""
        if self.is_down:
            raise NoAnswer
        fault = self.faults.take("response_url")
        if fault is not None and fault.phase == "before":
            return _faulty(fault.effect)
        try:
            with self.changed:
                take_answer(self, self.use_response_url(token), body)
        except SlackError as refused:
            return ApiAnswer(404, {}, _refusal(refused))
        if fault is not None:
            return _faulty(fault.effect)
        return ApiAnswer(200, {}, "ok")

    # -- deliveries and waiting --------------------------------------------------------------

    def bring(
        self,
        delivery: Delivery,
        *,
        seconds: float | None = None,
        retry: tuple[int, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Bring something to the app as Slack would; nothing can be done while Slack is down."""
        if self.is_down:
            raise ConnectionError("Slack is down")
        seconds = self.patience if seconds is None else seconds
        answer = self.courier.bring(delivery, seconds=seconds, retry=retry, headers=headers)
        self.announce()
        return answer

    def wait_for(self, condition: Callable[[], T], timeout: float = LOOK_SECONDS) -> T:
        """Return what `condition` returns as soon as it is true; it is asked after each change.

        The lock is not held meanwhile, so the condition may ask anybody. TimeoutError when it never
        was; the calls made so far are in it.
        """
        end = time.monotonic() + timeout
        while True:
            with self.changed:
                seen = self.version
            found = condition()
            if found:
                return found
            with self.changed:
                while self.version == seen and (left := end - time.monotonic()) > 0:
                    self.changed.wait(left)
                if self.version == seen:
                    break
        found = condition()  # what it asks about may have changed elsewhere
        if found:
            return found
        lately = [f"{call.method} {call.error or 'ok'}" for call in self.calls[-8:]]
        raise TimeoutError(f"not within {timeout} s; the last calls were {lately}")

    def called(self, pattern: str) -> list[Call]:
        """Return the calls of methods that match a regular expression, in order."""
        with self.changed:
            return [call for call in self.calls if re.fullmatch(pattern, call.method)]

    def close(self) -> None:
        """Close the connections to the app."""
        self.courier.close()


def _refusal(refused: SlackError) -> Json:
    body: Json = {"ok": False, "error": refused.code, **refused.fields}
    if refused.messages:
        body["response_metadata"] = {"messages": list(refused.messages)}
    return body


def _faulty(effect: Effect) -> ApiAnswer:
    match effect:
        case ErrorCode(code):
            return ApiAnswer(200, {}, {"ok": False, "error": code})
        case HttpStatus(status, body):
            return ApiAnswer(status, {}, body)
        case RateLimited(after):
            limited = {"ok": False, "error": "ratelimited"}
            return ApiAnswer(429, {"Retry-After": str(after)}, limited)
        case Lost(seconds):
            raise NoAnswer(seconds)
