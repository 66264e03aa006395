"""Faults of the Web API on demand: what goes wrong, with which method, how often, and when.

`before` means that Slack did nothing; `after` means that it did it and the answer went wrong, the
case that makes a repeated call dangerous.
"""

import re
import threading
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """HTTP 200 with `ok: false`, as in internal_error or fatal_error."""

    code: str


@dataclass(frozen=True, slots=True)
class HttpStatus:
    """An answer that is not the API's own: an HTML page of something in between."""

    status: int = 503
    body: str = "<html><body><h1>Service Unavailable</h1></body></html>"


@dataclass(frozen=True, slots=True)
class RateLimited:
    """HTTP 429 with Retry-After in seconds (docs.slack.dev/apis/web-api/rate-limits)."""

    retry_after: int = 1


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer: the connection is cut after `seconds`; 0 is a reset, 60 is a hang."""

    seconds: float = 0


Effect = ErrorCode | HttpStatus | RateLimited | Lost


class NoAnswer(Exception):
    """Raised for a call that gets no answer; the server cuts the connection after `seconds`."""

    def __init__(self, seconds: float = 0) -> None:
        super().__init__(f"no answer, cut after {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class SlackFault:
    """The next `times` calls of methods that match `method` (a regular expression) go wrong."""

    method: str
    effect: Effect
    times: int = 1
    phase: Literal["before", "after"] = "before"


@dataclass(slots=True)
class Faults:
    """The faults still to come, first in first out, and how many have happened."""

    happened: int = 0
    _left: list[tuple[SlackFault, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *faults: SlackFault) -> None:
        """Have these go wrong, after those that are there."""
        with self._lock:
            self._left += [(fault, fault.times) for fault in faults]

    def clear(self) -> None:
        """Have nothing more go wrong."""
        with self._lock:
            self._left.clear()

    def take(self, method: str) -> SlackFault | None:
        """Use up one fault for this call, the first that matches, if there is one."""
        with self._lock:
            for place, (fault, left) in enumerate(self._left):
                if re.fullmatch(fault.method, method):
                    self._left[place : place + 1] = [(fault, left - 1)] if left > 1 else []
                    self.happened += 1
                    return fault
        return None
