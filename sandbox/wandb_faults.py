"""Faults on demand: what a test or a demo makes the stand-in do wrong.

A fault is matched against each call and used up `times` times. Several effects may be combined;
those that say nothing leave the answer as it is.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sandbox.wandb_rules import Rules
from sandbox.wandb_wire import Answer, Call, html, scim_error

_FIRST_GATEWAY_STATUS = 502  # from here on a proxy answers, in HTML


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What to match and what goes wrong. All durations are in seconds of the world's clock.

    `phase` says whether `status`, `hang`, `reset` and `meanwhile` come before the change is
    applied (which then, except for `meanwhile`, does not happen) or after it. A slow answer
    that is right in the end is `hang` with `phase="after"`. A late change lands with the first
    call after its time, or on `land`.
    """

    method: str = ""  # regular expression for the whole method; empty matches all
    path: str = ""  # regular expression found anywhere in the percent-encoded path
    body: Callable[[Any], bool] | None = None  # asked with the decoded JSON
    times: int | None = 1  # None: until cleared
    skip: int = 0  # matching calls to let through first
    phase: Literal["before", "after"] = "before"
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: bytes | None = None  # the body that goes with `status`
    hang: float = 0.0
    reset: bool = False
    drop_answer_after_apply: bool = False
    late_apply: float | None = None  # answer an error now (504 unless `status`), apply later
    stale_reads: float = 0.0  # reads show the state before this write for so long
    ignored_write: bool = False  # answered as done, not done
    deliver_twice: bool = False
    truncated: bool = False  # half of the body
    wrong_type: bool = False  # every attribute of the body has another JSON type
    meanwhile: Callable[[], None] | None = None  # a second actor, or an identity provider

    def matches(self, call: Call) -> bool:
        """Whether this fault is about this call."""
        return (
            (not self.method or re.fullmatch(self.method, call.method) is not None)
            and re.search(self.path, call.path) is not None
            and (self.body is None or self.body(call.json()))
        )

    @property
    def prevents(self) -> bool:
        """Whether the change is not applied now."""
        breaks = self.status is not None or self.hang > 0 or self.reset
        return self.late_apply is not None or (self.phase == "before" and breaks)

    def spoiled(self, answer: Answer) -> Answer:
        """The answer that leaves after the handler's answer went through this fault."""
        if self.late_apply is not None or self.status is not None:
            answer = self._instead()
        if self.wrong_type:
            answer = replace(answer, body=_other_types(answer.body))
        if self.truncated:
            answer = replace(answer, body=answer.body[: len(answer.body) // 2])
        broken = self.reset or self.drop_answer_after_apply
        return replace(answer, reset=broken, hang=self.hang)

    def _instead(self) -> Answer:
        status = self.status or 504
        if self.answer is not None:
            return Answer(status, self.headers, self.answer)
        if status >= _FIRST_GATEWAY_STATUS:
            return html(status, "Bad gateway", self.headers)
        error = scim_error(status, "fault on demand")
        return replace(error, headers={**error.headers, **self.headers})


def too_many_requests(retry_after: int, **match: Any) -> Fault:
    """A 429 that asks to wait for so many seconds."""
    wait = str(retry_after)
    headers = {"Retry-After": wait, "RateLimit-Remaining": "0", "RateLimit-Reset": wait}
    return Fault(status=429, headers=headers, **match)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    skip: int
    left: int | None


class Faults:
    """The faults in force, and the changes that are still to land. Guarded by the world's lock."""

    def __init__(self, world: Rules, perform: Callable[[Call], None]) -> None:
        self._world = world
        self._perform = perform
        self._armed: list[_Armed] = []
        self._late: list[tuple[float, Call]] = []

    def add(self, fault: Fault) -> None:
        """Arm a fault."""
        with self._world.lock:
            self._armed.append(_Armed(fault, fault.skip, fault.times))

    def clear(self) -> None:
        """Disarm all faults and forget changes that have not landed."""
        with self._world.lock:
            self._armed.clear()
            self._late.clear()

    def take(self, call: Call) -> Fault | None:
        """The first armed fault for this call, used once."""
        for armed in self._armed:
            if armed.left == 0 or not armed.fault.matches(call):
                continue
            if armed.skip:
                armed.skip -= 1
                continue
            if armed.left is not None:
                armed.left -= 1
            return armed.fault
        return None

    def later(self, seconds: float, call: Call) -> None:
        """Let a change land after so many seconds."""
        self._late.append((self._world.clock().timestamp() + seconds, call))

    def land(self, *, due_only: bool = False) -> None:
        """Apply the changes that are still to land, all of them or those that are due."""
        with self._world.lock:
            now = self._world.clock().timestamp()
            landing = [item for item in self._late if not due_only or item[0] <= now]
            self._late = [item for item in self._late if item not in landing]
            for _, call in landing:
                self._perform(call)


def _other_types(body: bytes) -> bytes:
    try:
        decoded = json.loads(body)
    except ValueError:
        return body
    if not isinstance(decoded, dict):
        return b'"unexpected"'
    return json.dumps({key: _other_type(value) for key, value in decoded.items()}).encode()


def _other_type(value: Any) -> Any:
    match value:
        case list():
            return "unexpected"
        case str():
            return [1]
        case _:
            return {"unexpected": str(value)}
