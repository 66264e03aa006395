"""What Slack did not sign ends here, before Bolt sees it. Pure ASGI, cheap first.

Bolt parses a body before it checks the signature, and a plain server buffers all of it before
that. So headers are judged before a byte of the body is read, the body is read to a limit, and
only a signed body goes on; whether Bolt can read it is for `bot.shapes`, off the event loop.
Answers are constant; nothing of a refused request is kept or logged.
The rules are Slack's: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

import asyncio
import hmac
import logging
import re
from collections import Counter
from collections.abc import Callable

from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.meters import REFUSED
from bot.replays import Replays

log = logging.getLogger(__name__)

SIGNED = "bot.guard.signed"
"""The scope key that only this guard sets: an endpoint can make sure that it is behind one. Its
value is the kind of content, `b"json"` or `b"x-www-form-urlencoded"`."""

MAX_BODY = 256 * 1024
MAX_AGE = 300  # seconds; Slack's own advice against replays
MAX_SMALL = 32 * 1024  # nearly all that Slack sends is smaller
MAX_HELD = 16 * 1024 * 1024  # of all bodies that are being read
# Seconds between two log records about refusals, so that a flood is not one of the log.
NOTE_EVERY = 60

_CONTENT_TYPE = re.compile(
    rb'application/(json|x-www-form-urlencoded)\s*(?:;\s*charset="?utf-8"?\s*)?', re.IGNORECASE
)
_LENGTH = re.compile(rb"[0-9]{1,18}")
_TIMESTAMP = re.compile(rb"[0-9]{10}")
_SIGNATURE = re.compile(rb"v0=[0-9a-f]{64}")

_WATCHED = frozenset(
    {
        b"content-type",
        b"content-length",
        b"content-encoding",
        b"x-slack-request-timestamp",
        b"x-slack-signature",
    }
)

_ANSWERS = {
    401: b"The request is not signed by Slack.\n",
    413: b"The request is too large.\n",
    415: b"The content type is not one that Slack sends.\n",
}

# Made once: nothing in them depends on the request. Each closes: what is left of a refused body is
# not read.
_STARTS: dict[int, Message] = {
    status: {
        "type": "http.response.start",
        "status": status,
        "headers": (
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ),
    }
    for status, body in _ANSWERS.items()
}
_BODIES: dict[int, Message] = {
    status: {"type": "http.response.body", "body": body} for status, body in _ANSWERS.items()
}

_Claim = tuple[bytes, bytes, float]  # timestamp, signature, and now


class _Refused(Exception):
    """Ends a check; carries the status and nothing of the request."""

    def __init__(self, status: int) -> None:
        self.status = status


class _Gone(Exception):
    """The sender hung up: there is nobody to answer."""


class Guard:
    """ASGI middleware that lets a POST to `path` through only when Slack signed it.

    Other paths and methods are not its business and go on unmarked, without `SIGNED`. `clock` gives
    seconds since the epoch. A body that passed is handed on whole, in one message.

    The very same signed request is taken once within the time that its signature is good for,
    unless the answer was a 5xx, after which its sender may well try again. The memory of that is
    this process's own and bounded (`Replays`): another replica, or a restart, would take it again,
    which does no harm because every effect behind it can be asked for twice.

    Small bodies are always read; large ones only while all that are being read are not too much
    together, so that many senders who sign nothing fill no memory either.
    """

    def __init__(
        self,
        app: ASGIApp,
        signing_secret: SecretStr,
        clock: Callable[[], float],
        path: str = "/slack/events",
        body_seconds: float = 3.0,
    ) -> None:
        key = signing_secret.get_secret_value().encode()
        if not key:
            raise ValueError("the signing secret is empty: anybody could sign")
        self._app = app
        self._key = key
        self._clock = clock
        self._path = path
        self._body_seconds = body_seconds
        self._replays = Replays(MAX_AGE)
        self._held = 0
        self._refusals: Counter[int] = Counter()
        self._note_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 413 or 415 itself, or hand on."""
        if scope["type"] != "http" or scope["path"] != self._path or scope.get("method") != "POST":
            await self._app(scope, receive, send)
            return
        try:
            kind, claim = self._judge(scope)
            body, taken = await self._admit(claim, receive)
        except _Gone:
            return
        except _Refused as refused:
            self._note(refused.status)
            await _answer(send, refused.status)
            return
        await self._hand_on({**scope, SIGNED: kind}, receive, send, body=body, taken=taken)

    def _judge(self, scope: Scope) -> tuple[bytes, _Claim]:
        """By the headers alone, which also say the kind of content; most strangers end here."""
        headers = _watched(scope)
        kind = _content_kind(headers)
        _check_length(headers)
        timestamp = headers.get(b"x-slack-request-timestamp", b"")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise _Refused(401)
        now = self._clock()
        if abs(now - int(timestamp)) > MAX_AGE:
            raise _Refused(401)
        signature = headers.get(b"x-slack-signature", b"")
        if not _SIGNATURE.fullmatch(signature):
            raise _Refused(401)
        return kind, (timestamp, signature, now)

    async def _admit(self, claim: _Claim, receive: Receive) -> tuple[bytes, tuple[int, bytes]]:
        timestamp, signature, now = claim
        body = await self._read(receive)
        expected = hmac.digest(self._key, b"v0:" + timestamp + b":" + body, "sha256").hex()
        if not hmac.compare_digest(b"v0=" + expected.encode(), signature):
            raise _Refused(401)
        taken = (int(timestamp), signature)
        if not self._replays.take(*taken, now):
            raise _Refused(401)
        return body, taken

    async def _read(self, receive: Receive) -> bytes:
        """The body, up to the limit and in time: a header may lie about either."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise _Gone
                    part = message.get("body", b"")
                    size += len(part)
                    self._held += len(part)
                    if size > MAX_BODY or (size > MAX_SMALL and self._held > MAX_HELD):
                        raise _Refused(413)
                    parts.append(part)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise _Refused(401) from None  # whatever it was going to be, it is not signed
        finally:
            self._held -= size

    async def _hand_on(
        self, scope: Scope, receive: Receive, send: Send, *, body: bytes, taken: tuple[int, bytes]
    ) -> None:
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        done = False

        async def receive_again() -> Message:
            return waiting.pop() if waiting else await receive()

        async def send_and_watch(message: Message) -> None:
            nonlocal done
            if message["type"] == "http.response.start":
                done = message["status"] < 500
                if message["status"] == 400:  # signed, and malformed
                    self._note(400)
            await send(message)

        try:
            await self._app(scope, receive_again, send_and_watch)
        finally:
            if not done:
                self._replays.give_back(*taken)

    def _note(self, status: int) -> None:
        """One record a minute at most: a wrong signing secret must not look like silence."""
        REFUSED.add(str(status))
        self._refusals[status] += 1
        now = self._clock()
        if now >= self._note_at or self._note_at - now > NOTE_EVERY:  # or the clock was set back
            self._note_at = now + NOTE_EVERY
            counts = {str(code): count for code, count in sorted(self._refusals.items())}
            self._refusals.clear()
            log.warning("requests refused before Bolt", extra={"refused": counts})


def _watched(scope: Scope) -> dict[bytes, bytes]:
    """The headers that decide. One that is there twice becomes empty, which no check accepts."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _WATCHED:
            found[name] = b"" if name in found else value
    return found


def _content_kind(headers: dict[bytes, bytes]) -> bytes:
    matched = _CONTENT_TYPE.fullmatch(headers.get(b"content-type", b"").strip())
    encoding = headers.get(b"content-encoding")
    if matched is None or (encoding is not None and encoding.lower() != b"identity"):
        raise _Refused(415)
    return matched[1].lower()


def _check_length(headers: dict[bytes, bytes]) -> None:
    length = headers.get(b"content-length")
    if length is None:  # chunked: counted while it is read
        return
    if not _LENGTH.fullmatch(length):
        raise _Refused(401)
    if int(length) > MAX_BODY:
        raise _Refused(413)


async def _answer(send: Send, status: int) -> None:
    try:
        await send(_STARTS[status])
        await send(_BODIES[status])
    except OSError:  # ASGI: the sender has hung up by now
        return
