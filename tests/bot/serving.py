"""The real server on loopback: in a thread for most tests, in a process for memory and signals."""

import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from pydantic import SecretStr
from slack_bolt import BoltRequest, BoltResponse
from starlette.applications import Starlette

from bot.rush import WAIT_SECONDS, Turns
from bot.server import BOLT_THREADS, Health, Server, build_server_app, listen, serve
from tests.bot.signing import SECRET

clock = time.time  # noqa: TID251 - the real server is told the real time, as the root would


def a_server_app(
    dispatch: Callable[[BoltRequest], BoltResponse] = lambda request: BoltResponse(status=200),
    health: Callable[[], Health] = lambda: Health(ready=True),
    *,
    wait_seconds: float = WAIT_SECONDS,
) -> Starlette:
    """The app with references `ref-1`, `ref-2`, …"""
    numbers = count(1)
    return build_server_app(
        dispatch,
        health,
        signing_secret=SecretStr(SECRET),
        clock=clock,
        new_reference=lambda: f"ref-{next(numbers)}",
        turns=Turns(BOLT_THREADS, wait_seconds),
    )


@contextmanager
def served(app: Starlette) -> Iterator[int]:
    """The port that it answers on; it has stopped when the block is left."""
    with listen("127.0.0.1", 0) as listening:
        server = Server(app, on_stop=lambda: None)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def exchange(port: int, *parts: bytes) -> tuple[int, dict[str, str], str]:
    """Send raw bytes, and read the first answer: status, headers, body. The sender stops writing
    when the other side has closed, as real ones do.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what was answered before is still there to be read
        return _first_answer(connection)


def _first_answer(connection: socket.socket) -> tuple[int, dict[str, str], str]:
    received = b""
    while b"\r\n\r\n" not in received and (more := connection.recv(65_536)):
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    length = int(headers.get("content-length", "0"))
    while len(body) < length and (more := connection.recv(65_536)):
        body += more
    return int(first.split(" ")[1]), headers, body.decode()


def _main() -> None:
    """Serve until a signal; say the port, and `stopping` and `stopped` when it is so."""

    class SayPort(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print(vars(record)["port"], flush=True)  # noqa: T201 - it is how the test learns it

    logger = logging.getLogger("bot.server")
    logger.setLevel(logging.INFO)
    logger.addHandler(SayPort())
    with listen("127.0.0.1", 0) as port:
        serve(a_server_app(), port, on_stop=lambda: print("stopping", flush=True))  # noqa: T201 - see above
    print("stopped", flush=True)  # noqa: T201 - see above
    sys.exit(0)


if __name__ == "__main__":
    _main()
