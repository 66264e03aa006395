"""The real bot as a process of its own, `wandb-access run`, so that it can be killed.

Its output is kept in a file in its folder from the first byte on: its log, and what it says when it
cannot start.
"""

import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import httpx

from sandbox.processes import Command, Process, Starter, cold

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")


class BotProcess:
    """`with BotProcess(environ, folder) as running:` runs it until the block ends, killed at last.

    The environment is `environ` and what Python itself needs, nothing else of ours.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        folder: Path,
        *,
        port: int = 0,
        start: Starter = cold,
    ) -> None:
        self._folder = folder
        self._starter = start
        self.port = port or free_port()
        self._environ = bare_environ({"HOST": "127.0.0.1", "PORT": str(self.port), **environ})
        self._said = folder / f"said-{secrets.token_hex(4)}.log"
        self.process: Process | None = None

    @property
    def url(self) -> str:
        """Where the HTTP server answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def events_url(self) -> str:
        """The request URL that Slack is told."""
        return f"{self.url}/slack/events"

    @property
    def output(self) -> str:
        """All that it has written so far, both streams."""
        return self._said.read_text("utf-8", "replace") if self._said.exists() else ""

    def __enter__(self) -> "BotProcess":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, without waiting for anything."""
        self.process = self._starter(
            Command(("run",), self._folder, self._environ, out=self._said, err=self._said)
        )

    def wait_until(self, path: str, status: int, seconds: float = START_SECONDS) -> httpx.Response:
        """Ask a page until it answers with this status; TimeoutError with the output otherwise."""
        last: object = "no answer"
        end = time.monotonic() + seconds
        # One client, without TLS: to make one takes longer than the whole answer.
        with httpx.Client(base_url=self.url, timeout=2, trust_env=False, verify=False) as http:
            while time.monotonic() < end and self._running.poll() is None:
                try:
                    answer = http.get(path)
                    if answer.status_code == status:
                        return answer
                    last = f"{answer.status_code} {answer.text}"
                except httpx.TransportError as error:
                    last = type(error).__name__
                threading.Event().wait(0.05)
        raise TimeoutError(f"{path} did not answer {status} but {last}; it said: {self.output}")

    def wait_until_ready(self) -> None:
        """Wait for /readyz to say 200."""
        self.wait_until("/readyz", 200)

    def wait_until_over(self, seconds: float = START_SECONDS) -> int:
        """The exit code of a process that ends by itself."""
        return self._running.wait(seconds)

    def terminate(self, seconds: float = START_SECONDS) -> int:
        """Ask it to stop (SIGTERM), and return its exit code."""
        self._running.send_signal(signal.SIGTERM)
        return self.wait_until_over(seconds)

    def kill(self) -> None:
        """Take it away at once (SIGKILL): nothing of it runs any more. Twice does nothing."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def _running(self) -> Process:
        assert self.process is not None, "it was not started"
        return self.process


def bare_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What Python itself needs, and this."""
    inherited = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return inherited | {"PYTHONPATH": str(ROOT)} | dict(environ)


def free_port() -> int:
    """A port of loopback that nobody had a moment ago.

    Below those that systems give to whoever wants any (RFC 6335 section 6: from 49152 on, Linux:
    from 32768 on): of these, somebody else would have it before the bot that is still starting.
    """
    for port in secrets.SystemRandom().sample(range(10_240, 32_768), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("of a hundred ports of loopback none could be opened")
