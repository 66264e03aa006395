"""One HTTP exchange, bounded in size and time. What breaks on the way is `DirectoryUnavailable`.

Nothing is tried again here, no redirect is followed (it would carry the key to another host), and
no header, address or body gets into an error: an HTTP library's message can quote the key.
"""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version

import httpx

from workflows.errors import DirectoryUnavailable
from workflows.points import point
from workflows.ports import Clock
from workflows.unreached import why

MAX_BODY = 64 * 1024 * 1024  # bytes; ten thousand users are about 5 MiB
MAX_SECONDS = 120.0  # for a whole answer: a time-out of httpx starts anew with each piece
MAX_WAIT = 3600.0  # seconds; who asks for longer is asked again after an hour

_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", re.ASCII)
_EPOCH = 1_000_000_000  # a `RateLimit-Reset` from here on is a moment, not a number of seconds


def _agent() -> str:
    try:
        return f"wandb-access-bot/{version('wandb-access-bot')}"
    except PackageNotFoundError:  # run from a folder that is not installed
        return "wandb-access-bot/0"


AGENT = _agent()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole. `retry_after` is in seconds; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    retry_after: float | None = None

    @property
    def is_html(self) -> bool:
        """Whether a proxy or a web page answered instead of the API."""
        kind = self.headers.get("content-type", "").lower()
        return "html" in kind or self.body.lstrip()[:1] == b"<"


class Wire:
    """Sends one request over a pooled client whose `base_url` and time-outs the caller has set.

    `monotonic` gives seconds from any beginning.
    """

    def __init__(
        self, http: httpx.Client, *, clock: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._http = http
        self._clock = clock
        self._monotonic = monotonic

    def exchange(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Send and read the whole answer. `target` is a percent-encoded path with its query.

        Raises `DirectoryUnavailable` when no whole answer came, of whatever status; a change that
        was asked for may have been made all the same.
        """
        sent = {"User-Agent": AGENT, **headers}
        point("about to ask W&B")
        try:
            request = self._http.build_request(method, target, headers=sent, content=body)
            answer = self._answer(request)
            point("W&B answered")
            return answer
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            trouble = why(error)
        # Raised out here, so that the library's error, which can quote the key, is not chained.
        raise DirectoryUnavailable(f"W&B did not answer ({trouble}).")

    def _answer(self, request: httpx.Request) -> Answer:
        until = self._monotonic() + MAX_SECONDS
        with closing(self._http.send(request, stream=True, follow_redirects=False)) as response:
            received = bytearray()
            for piece in response.iter_bytes():
                received += piece
                if len(received) > MAX_BODY:
                    raise DirectoryUnavailable("W&B's answer is too large to be right.")
                if self._monotonic() > until:
                    raise DirectoryUnavailable("W&B's answer took too long.")
            headers = {name.lower(): value for name, value in response.headers.items()}
            wait = wait_asked_for(headers, now=self._clock())
            return Answer(response.status_code, headers, bytes(received), wait)


def raise_if_sick(answer: Answer) -> None:
    """Raise `DirectoryUnavailable` for what is worth asking again: 429 and 5xx."""
    if answer.status == httpx.codes.TOO_MANY_REQUESTS:
        raise DirectoryUnavailable(
            "W&B asks for fewer calls (429).", retry_after=answer.retry_after
        )
    if answer.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise DirectoryUnavailable(
            f"W&B has trouble ({answer.status}).", retry_after=answer.retry_after
        )


def wait_asked_for(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """How many seconds the server asks to wait.

    By `Retry-After` (RFC 9110 §10.2.3), else by `RateLimit-Reset`, which W&B's own client reads.
    What is negative or cannot be read counts as missing; what is absurdly long is cut to an hour.
    A date is compared with the server's own `Date`, so that a clock that is wrong does not matter.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_WAIT)
    if (moment := _moment(text)) is not None:
        served = _moment(headers.get("date", "")) or now
        return min(max((moment - served).total_seconds(), 0.0), MAX_WAIT)
    reset = headers.get("ratelimit-reset", "").strip()
    if not _SECONDS.fullmatch(reset):
        return None
    seconds = float(reset) - (now.timestamp() if float(reset) >= _EPOCH else 0.0)
    return min(max(seconds, 0.0), MAX_WAIT)


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
