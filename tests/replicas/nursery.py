"""`python -m tests.replicas.nursery` brings up bots that die, many a minute: it imports the bot
once, and forks a process for each line of its standard input.

A line is JSON: `point` and `count` (the bot kills itself, by SIGKILL so that nothing of it can tidy
up, when it comes to the named moment for the n-th time), `lease` (how many seconds a lease lasts;
0: as long as ever), `port` and `log`. It answers `born PID`, and `died PID STATUS` when it is over.
When its input ends, so do the bots.
"""

import itertools
import json
import os
import select
import signal
import sys
from datetime import timedelta
from typing import Any

from bot import __main__ as command_line
from bot import app, logs, server, settings
from workflows import points, worker
from workflows.storage import outbox

IMPORTED = (app, logs, server, settings)  # what the command line would import when it runs


def be_a_bot(told: dict[str, Any]) -> None:
    """In the forked process: everything from here on is `wandb-access run`."""
    os.dup2(os.open(told["log"], os.O_CREAT | os.O_APPEND | os.O_WRONLY), 1)
    os.dup2(1, 2)
    hits = itertools.count(1)

    def hook(reached: str) -> None:
        if reached == told["point"] and next(hits) == told["count"]:
            os.kill(os.getpid(), signal.SIGKILL)

    points.set_hook(hook)
    if told["lease"]:
        outbox.LEASE = worker.LEASE = timedelta(seconds=told["lease"])
    os.environ["PORT"] = str(told["port"])
    sys.argv = ["wandb-access", "run"]
    command_line.main()


def reap(living: set[int]) -> None:
    """Say which bots are over."""
    for pid in list(living):
        over, status = os.waitpid(pid, os.WNOHANG)
        if over:
            living.discard(pid)
            sys.stdout.write(f"died {pid} {os.waitstatus_to_exitcode(status)}\n")
    sys.stdout.flush()


def main() -> None:
    """Fork and reap until the input ends."""
    living: set[int] = set()
    while True:
        ready, _, _ = select.select([0], [], [], 0.02)
        reap(living)
        if not ready:
            continue
        line = sys.stdin.buffer.raw.readline()
        if not line:
            break
        pid = os.fork()
        if pid == 0:
            be_a_bot(json.loads(line))
            os._exit(0)
        living.add(pid)
        sys.stdout.write(f"born {pid}\n")
        sys.stdout.flush()
    for pid in living:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
