"""Hostile HTTP against the real server: raw bytes in, a status out, and Bolt never asked."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from slack_bolt import BoltRequest, BoltResponse

from tests.bot.serving import a_server_app, clock, exchange, served
from tests.bot.signing import signed_headers
from tests.bot.test_server import a_process

FORM = "content-type: application/x-www-form-urlencoded\r\n"
COMMAND = b"command=%2Fwandb&text=help"
MAX = 256 * 1024
asked: list[BoltRequest] = []


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    def dispatch(request: BoltRequest) -> BoltResponse:
        asked.append(request)
        return BoltResponse(status=200)

    with served(a_server_app(dispatch)) as port:
        yield port


@pytest.fixture(autouse=True)
def _nobody_asked_yet() -> None:
    asked.clear()


def request(head: str, headers: str = "", body: bytes = b"", *, length: int | None = None) -> bytes:
    """A request in bytes; `length` lies about the body's."""
    size = len(body) if length is None else length
    lines = f"{head} HTTP/1.1\r\nhost: bot\r\ncontent-length: {size}\r\n{headers}\r\n"
    return lines.encode("latin-1") + body


def signed(body: bytes, *, age: int = 0) -> str:
    """All headers that make it Slack's."""
    headers = signed_headers(body, clock() - age)
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def looks_signed() -> str:
    """The form of a signature, without the secret."""
    return (
        f"{FORM}x-slack-request-timestamp: {int(clock())}\r\nx-slack-signature: v0={'a' * 64}\r\n"
    )


def chunked(headers: str, *chunks: bytes) -> bytes:
    lines = f"POST /slack/events HTTP/1.1\r\nhost: bot\r\ntransfer-encoding: chunked\r\n{headers}"
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return lines.encode() + b"\r\n" + body


POST = "POST /slack/events"
SMUGGLED = "transfer-encoding: chunked\r\n"


def corpus() -> dict[str, tuple[bytes, int]]:
    """Made anew for each test: timestamps go stale."""
    return {
        "unsigned": (request(POST, FORM, COMMAND), 401),
        "unsigned JSON": (request(POST, "content-type: application/json\r\n", b"{}"), 401),
        "unsigned deep JSON": (
            request(POST, "content-type: application/json\r\n", b"[" * 200_000),
            401,
        ),
        "unsigned broken payload": (request(POST, FORM, b"payload=%7B"), 401),
        "unsigned bad UTF-8": (request(POST, FORM, b"\xff\xfe\x00"), 401),
        "forged": (request(POST, looks_signed(), COMMAND), 401),
        "forged in chunks": (chunked(looks_signed(), COMMAND), 401),
        "forged and empty": (request(POST, looks_signed()), 401),
        "stale": (request(POST, signed(COMMAND, age=400), COMMAND), 401),
        "from the future": (request(POST, signed(COMMAND, age=-400), COMMAND), 401),
        "signed twice": (request(POST, signed(COMMAND) + signed(COMMAND), COMMAND), 415),
        "another body": (request(POST, signed(COMMAND), b"command=%2Fwandb&text=evil"), 401),
        "no content type": (request(POST, "", COMMAND), 415),
        "text": (request(POST, "content-type: text/plain\r\n", COMMAND), 415),
        "XML": (request(POST, "content-type: application/xml\r\n", b"<a/>"), 415),
        "compressed": (request(POST, FORM + "content-encoding: gzip\r\n", b"\x1f\x8b"), 415),
        "says it is huge": (request(POST, FORM, length=10**9), 413),
        "is a byte too long": (request(POST, looks_signed(), b"x" * (MAX + 1)), 413),
        "chunks without an end": (chunked(looks_signed(), *[b"x" * 65_536] * 8), 413),
        "two lengths": (request(POST, FORM + "content-length: 1\r\n", COMMAND), 400),
        "length in words": (
            f"{POST} HTTP/1.1\r\nhost: b\r\ncontent-length: many\r\n{FORM}\r\n".encode(),
            400,
        ),
        "length and chunks": (request(POST, looks_signed() + SMUGGLED, b"0\r\n\r\n"), 401),
        "chunk size in words": (
            chunked(looks_signed()).replace(b"0\r\n\r\n", b"zz\r\nhello\r\n"),
            400,
        ),
        "no host": (f"{POST} HTTP/1.1\r\n{FORM}\r\n".encode(), 400),
        "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        "a header of 1 MB": (request(POST, f"x-long: {'a' * 10**6}\r\n"), 400),
        "a line feed in a header": (request(POST, "x-slack-signature: v0=\x00\r\n"), 400),
        "get": (request("GET /slack/events"), 405),
        "put": (request("PUT /slack/events", FORM, COMMAND), 405),
        "delete": (request("DELETE /slack/events"), 405),
        "made-up method": (request("BREW /slack/events"), 405),
        "small letters": (request("post /slack/events", FORM, COMMAND), 405),
        "post to health": (request("POST /healthz", FORM, COMMAND), 405),
        "elsewhere": (request("POST /", FORM, COMMAND), 404),
        "trailing slash": (request("POST /slack/events/", FORM, COMMAND), 404),
        "two slashes": (request("POST //slack/events", FORM, COMMAND), 404),
        "line feed after the path": (request("POST /slack/events%0A", FORM, COMMAND), 404),
        "dots": (request("POST /healthz/../slack/events", FORM, COMMAND), 404),
        "percents in the path": (request("POST /slack/%65vents", FORM, COMMAND), 401),
        "query": (request("POST /slack/events?command=/wandb", FORM, COMMAND), 401),
        "websocket": (
            request(
                "GET /slack/events",
                "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: eA==\r\n",
            ),
            405,
        ),
        "lazy listener of Bolt": (
            request(POST, FORM + "x-slack-bolt-lazy-only: 1\r\n", COMMAND),
            401,
        ),
    }


@pytest.mark.parametrize("case", corpus())
def test_what_slack_did_not_sign_never_reaches_bolt(port: int, case: str) -> None:
    raw, status = corpus()[case]

    answered, _, body = exchange(port, raw)

    assert answered == status
    assert asked == []
    assert "evil" not in body
    assert "Traceback" not in body


SIGNED_CORPUS: dict[str, tuple[bytes, int]] = {
    "a command": (b"command=%2Fwandb&text=1", 200),
    "no field that counts": (b"hello=world", 400),
    "payload that is no object": (b"payload=%5B%5D", 400),
    "deep payload": (b"payload=" + b"%7B%22a%22%3A" * 15_000, 400),
    "bad UTF-8": (b"command=\xc3\x28", 400),
}


@pytest.mark.parametrize(("body", "status"), SIGNED_CORPUS.values(), ids=SIGNED_CORPUS)
def test_signed_bodies_must_make_sense(port: int, body: bytes, status: int) -> None:
    answered, _, _ = exchange(port, request(POST, signed(body), body))

    assert answered == status
    assert len(asked) == (1 if status == 200 else 0)


def test_a_replay_over_the_wire_is_a_401(port: int) -> None:
    body = b"command=%2Fwandb&text=replayed"
    raw = request(POST, signed(body), body)

    assert [exchange(port, raw)[0] for _ in range(3)] == [200, 401, 401]
    assert len(asked) == 1


def test_a_signed_command_may_come_in_chunks(port: int) -> None:
    body = b"command=%2Fwandb&text=chunks"

    answered, _, _ = exchange(port, chunked(signed(body), body[:7], body[7:]))

    assert answered == 200
    assert asked[0].body["text"] == "chunks"


def test_a_body_shorter_than_it_says_is_a_401_and_the_end(port: int) -> None:
    answered, headers, _ = exchange(port, request(POST, looks_signed(), b"half", length=1_000))

    assert answered == 401
    assert headers["connection"] == "close"


def test_a_body_longer_than_it_says_is_not_another_request(port: int) -> None:
    raw = request(POST, looks_signed(), COMMAND + request(POST, FORM, b"x"), length=len(COMMAND))

    answered, headers, _ = exchange(port, raw)

    assert (answered, headers["connection"]) == (401, "close")
    assert asked == []


def test_a_sender_who_hangs_up_does_no_harm(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request(POST, looks_signed(), b"half", length=1_000))

    assert exchange(port, request("GET /healthz"))[0] == 200


def test_refusals_say_the_same_whatever_was_sent(port: int) -> None:
    bodies = {exchange(port, request(POST, FORM, body))[2] for body in (b"", b"a=1", COMMAND)}

    assert bodies == {"The request is not signed by Slack.\n"}


def test_many_who_sign_nothing_fill_no_memory_together(port: int) -> None:
    large = b"x" * (MAX - 1024)
    holding = request(POST, looks_signed(), large, length=MAX)  # a little is missing

    with ExitStack() as stack:
        senders = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            for _ in range(80)
        ]
        for sender in senders:
            with suppress(BrokenPipeError, ConnectionResetError):
                sender.sendall(holding)
        first = [sender.recv(64).split(b" ")[1] for sender in senders]
    body = b"command=%2Fwandb&text=in-between"

    assert first.count(b"413") >= 80 - 64  # of a quarter of a MiB each 64 are let in at most
    assert set(first) <= {b"413", b"401"}
    assert exchange(port, request(POST, signed(body), body))[0] == 200


def peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads memory from /proc")
@pytest.mark.parametrize("how", ["with its length", "in chunks", "forged, in chunks"])
def test_200_mib_that_nobody_signed_cost_no_memory(how: str) -> None:
    part = b"x" * 2**20
    with a_process() as (process, port):
        exchange(port, request(POST, looks_signed(), COMMAND))  # what a first request loads
        before = peak_kib(process.pid)
        if how == "with its length":
            status, *_ = exchange(port, request(POST, FORM, length=200 * 2**20), *[part] * 200)
        else:
            headers = looks_signed() if how.startswith("forged") else FORM
            head = chunked(headers).removesuffix(b"0\r\n\r\n")
            status, *_ = exchange(port, head, *[b"%x\r\n%s\r\n" % (len(part), part)] * 200)
        added = peak_kib(process.pid) - before

    assert status == (413 if how != "in chunks" else 401)
    assert added < 5 * 1024
