"""Anything at all before the signature: a constant refusal; nothing is raised or logged of it."""

import asyncio
import logging
import string
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

from bot.guard import MAX_BODY, MAX_HELD, MAX_SMALL, Guard
from tests.bot.guard_rig import FORM, NOW
from tests.bot.serving import a_server_app
from tests.bot.signing import SECRET, signature

CHUNK = 64 * 1024  # of uvicorn: what it hands on at a time
REFUSALS = {
    401: b"The request is not signed by Slack.\n",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"The request is too large.\n",
    415: b"The content type is not one that Slack sends.\n",
}

NAMES = st.one_of(
    st.sampled_from(
        [
            b"content-type",
            b"content-length",
            b"content-encoding",
            b"x-slack-request-timestamp",
            b"x-slack-signature",
            b"transfer-encoding",
            b"host",
        ]
    ),
    st.binary(max_size=20),
)
VALUES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            FORM.encode(),
            b"application/json",
            b"application/json; charset=utf-16",
            b"%d" % int(NOW),
            b"%d" % (int(NOW) - 301),
            b"v0=" + b"0" * 64,
            b"10",
            b"-1",
            b"999999999",
            b"9" * 5000,
            b"\xd9\xa1" * 10,
        ]
    ),
    st.text(string.hexdigits, min_size=64, max_size=64).map(lambda text: b"v0=" + text.encode()),
)
LOOKS_RIGHT = [
    (b"content-type", FORM.encode()),
    (b"x-slack-request-timestamp", b"%d" % int(NOW)),
    (b"x-slack-signature", b"v0=" + b"f" * 64),
]
HEADERS = st.one_of(
    st.lists(st.tuples(NAMES, VALUES), max_size=8),
    st.lists(st.tuples(NAMES, VALUES), max_size=2).map(lambda more: LOOKS_RIGHT + more),
    st.permutations(LOOKS_RIGHT * 2),
)
PARTS = st.lists(
    st.one_of(
        st.binary(max_size=200),
        st.sampled_from([b"", b"x" * CHUNK, b"payload=%7B%7D", b'{"a":' * 9_000]),
    ),
    max_size=8,
)


@dataclass
class Sender:
    """Sends what it is told in chunks, and may hang up in the middle or before the answer."""

    parts: list[bytes]
    hangs_up: bool = False
    is_gone: bool = False
    sent: list[Message] = field(default_factory=list)
    read: int = 0

    async def receive(self) -> Message:
        if not self.parts:
            if self.hangs_up:
                return {"type": "http.disconnect"}
            return {"type": "http.request"}  # both other keys may be left out
        part = self.parts.pop(0)
        self.read += len(part)
        return {"type": "http.request", "body": part, "more_body": True}

    async def send(self, message: Message) -> None:
        if self.is_gone:
            raise OSError("the connection is closed")
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def _nobody(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("what nobody signed has passed")


def a_scope(
    method: str, path: str, headers: list[tuple[bytes, bytes]] | tuple[tuple[bytes, bytes], ...]
) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }


class Keeping(logging.Handler):
    """Keeps every record."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(scope="module")
def logged() -> Iterator[list[logging.LogRecord]]:
    """Every record of the process at the finest level."""
    root, handler = logging.getLogger(), Keeping()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.records
    root.removeHandler(handler)
    root.setLevel(level)


@given(
    method=st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "post", "BREW", ""]),
    path=st.one_of(
        st.just("/slack/events"), st.sampled_from(["/", "", "//", "/slack/events/", "/x\n"])
    ),
    headers=HEADERS,
    parts=PARTS,
    hangs_up=st.booleans(),
    is_gone=st.booleans(),
)
@settings(
    max_examples=400,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_nothing_that_nobody_signed_passes_raises_or_is_logged(
    logged: list[logging.LogRecord],
    method: str,
    path: str,
    headers: list[tuple[bytes, bytes]],
    parts: list[bytes],
    hangs_up: bool,
    is_gone: bool,
) -> None:
    sender = Sender(list(parts), hangs_up=hangs_up, is_gone=is_gone)
    scope = a_scope(method, path, headers)
    behind_guard = method == "POST" and path == "/slack/events"
    app = Guard(_nobody, SecretStr(SECRET), lambda: NOW) if behind_guard else a_server_app()
    logged.clear()

    if behind_guard or not is_gone:  # what is behind the guard leaves that to the server
        asyncio.run(app(scope, sender.receive, sender.send))

    if sender.status is not None:
        assert sender.body == REFUSALS[sender.status]
    else:
        assert hangs_up or is_gone
    assert sender.read <= MAX_BODY + CHUNK
    ours = [one for one in logged if one.name != "asyncio"]  # it says which selector it uses
    assert all(set(vars(one)["refused"]) <= {"401", "413", "415"} for one in ours)
    assert all(one.getMessage() == "requests refused before Bolt" for one in ours)


def test_of_200_mib_that_nobody_signed_a_quarter_of_one_is_read() -> None:
    sender = Sender([b"x" * CHUNK] * 3_200)
    guard = Guard(_nobody, SecretStr(SECRET), lambda: NOW)

    asyncio.run(guard(a_scope("POST", "/slack/events", LOOKS_RIGHT), sender.receive, sender.send))

    assert sender.status == 413
    assert sender.read <= MAX_BODY + CHUNK


def test_many_large_bodies_at_once_are_held_to_a_limit_and_small_ones_still_pass() -> None:
    guard, passed = _remembering_guard()
    small = b"command=%2Fwandb&text=small"
    signed = [*LOOKS_RIGHT[:2], (b"x-slack-signature", signature(small, str(int(NOW))).encode())]

    async def story() -> tuple[list[Sender], Sender]:
        slow = [Slow([b"x" * CHUNK] * 4) for _ in range(100)]
        scope = a_scope("POST", "/slack/events", LOOKS_RIGHT)
        tasks = [asyncio.create_task(guard(scope, one.receive, one.send)) for one in slow]
        for one in slow:
            await one.is_through.wait()
        quick = Sender([small])
        await guard(a_scope("POST", "/slack/events", signed), quick.receive, quick.send)
        for one in slow:
            one.go_on.set()
        await asyncio.gather(*tasks)
        return list(slow), quick

    slow, quick = asyncio.run(story())

    assert quick.status == 200
    assert passed == [small]
    assert sum(one.read for one in slow if one.status != 413) <= MAX_HELD + 100 * MAX_SMALL
    assert guard._held == 0


class Slow(Sender):
    """Sends all it has, and ends only when it is told to."""

    def __init__(self, parts: list[bytes]) -> None:
        super().__init__(parts)
        self.go_on = asyncio.Event()
        self.is_through = asyncio.Event()  # all is read, or it was refused

    async def receive(self) -> Message:
        if not self.parts:
            self.is_through.set()
            await self.go_on.wait()
        return await super().receive()

    async def send(self, message: Message) -> None:
        self.is_through.set()
        await super().send(message)


def _remembering_guard() -> tuple[Guard, list[bytes]]:
    passed: list[bytes] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    return Guard(inner, SecretStr(SECRET), lambda: NOW), passed
