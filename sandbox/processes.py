"""`wandb-access …` as a process of its own, begun in one of two ways.

`cold` starts a new interpreter, as everybody does who runs the bot. `warm` forks a process that has
imported everything already: the same code from its first line on, in a tenth of the time, which
counts where hundreds are started. Nothing that a command does may be done while importing, so the
two differ in nothing that can be seen from outside, except their `/proc/<pid>/cmdline`.
"""

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# What a command imports while it runs: none of it starts a thread or opens anything.
_IMPORTED = [
    "bot.__main__",
    "bot.app",
    "bot.settings",
    "bot.views.phrases",
    "workflows.services.reconcile",
    "workflows.services.revocation",
    "workflows.storage.schema",
]
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(_IMPORTED)


class Process(Protocol):
    """What is used of `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """Its id."""

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises `subprocess.TimeoutExpired` after so many seconds."""

    def send_signal(self, sig: int) -> None:
        """Send it this signal; nothing when it is over."""

    def kill(self) -> None:
        """SIGKILL."""


@dataclass(frozen=True)
class Command:
    """`wandb-access` with these arguments, in this folder, with this environment and no other.

    It has no standard input. `out` and `err` are files that it appends to; they may be the same.
    """

    arguments: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str]
    out: Path
    err: Path


Starter = Callable[[Command], Process]


def cold(command: Command) -> Process:
    """By a new interpreter."""
    with command.out.open("ab") as stdout, command.err.open("ab") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *command.arguments],
            cwd=command.folder,
            env=command.environ,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )


def warm(command: Command) -> Process:
    """By a fork of what has been imported."""
    return forked(become, command)


def forked(target: Callable[[Command], None], command: Command) -> Process:
    """By a fork of the same, in which `target` runs; what it does last should be to `become` it."""
    process = FORKS.Process(target=target, args=(command,))
    process.start()
    return _Forked(process)


def finished(
    arguments: Sequence[str],
    *,
    folder: Path,
    environ: Mapping[str, str],
    start: Starter = warm,
    seconds: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """Start it and wait for its end: with its exit code, and what it wrote."""
    with tempfile.TemporaryDirectory() as beside:
        out, err = Path(beside, "out"), Path(beside, "err")
        process = start(Command(tuple(arguments), folder, environ, out, err))
        try:
            code = process.wait(seconds)
        finally:
            process.kill()
        told = [file.read_bytes().decode("utf-8") for file in (out, err)]
    return subprocess.CompletedProcess(list(arguments), code, *told)


def become(command: Command) -> None:
    """In a process that was forked: be the command from here on."""
    append = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    streams = ((Path(os.devnull), os.O_RDONLY), (command.out, append), (command.err, append))
    for number, (path, flags) in enumerate(streams):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(command.environ)
    os.chdir(command.folder)
    sys.argv = ["wandb-access", *command.arguments]
    from bot.__main__ import main

    try:
        main()
    finally:
        logging.shutdown()  # as every interpreter does at its end, but one that was forked does not


class _Forked:
    """`multiprocessing.Process` with the manners of `subprocess.Popen`."""

    def __init__(self, process: multiprocessing.process.BaseProcess) -> None:
        self._process = process
        self._lock = threading.Lock()  # of two who ask for it at once, one would get another code

    @property
    def pid(self) -> int:
        """Its id."""
        pid = self._process.pid
        assert pid is not None, "it was started"
        return pid

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        with self._lock:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises `subprocess.TimeoutExpired` after so many seconds."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        """Send it this signal; nothing when it is over."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended, and its code is on its way
                os.kill(self.pid, sig)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)
