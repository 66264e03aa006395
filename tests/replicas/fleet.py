"""One database with grants in it, stand-ins for W&B and Slack, and real bots that are killed.

`verdict` says at the end what was promised: everything that was approved was given once, and taken
back once, by the stand-in's log of writes and by the audit log.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue
from time import monotonic

from sqlalchemy import bindparam, func, select

from sandbox.bot_process import BotProcess, bare_environ, free_port
from sandbox.processes import warm
from tests.builders import ADA
from tests.journeys.rig import Journey
from tests.services.rig import Rig
from workflows import policy_file
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress
from workflows.storage.bookkeeping import table_of
from workflows.storage.database import Database
from workflows.storage.tables import GrantRow
from workflows.storage.unit_of_work import Work

DAY = 86_400

_GRANTS = table_of(GrantRow)
_ENDS = select(_GRANTS.c.id, _GRANTS.c.ends_at)
_HOW_MANY = select(_GRANTS.c.status, func.count()).group_by(_GRANTS.c.status)


def now() -> datetime:
    """By the machine: the bots are processes of their own, and have no other."""
    return datetime.now(UTC)  # noqa: TID251  # see above


class Fleet:
    """`people` persons p000, p001 and so on, who hold nothing; Ada approves."""

    def __init__(self, folder: Path, database: str, people: int) -> None:
        self.journey = Journey(folder, database=database)
        self.names = [f"p{number:04}" for number in range(people)]
        for name in self.names:
            self.journey.add(name)
        self.journey.open()
        self._database = Database(database)
        self._processes: list[BotProcess] = []
        self.grants: dict[str, str] = {}  # name → id of the grant

    def seed(self) -> None:
        """Everybody has asked for a day, and Ada has approved."""
        rig = Rig(self._database, policy=policy_file.load(self.journey.policy))
        rig.clock.now = now()
        for name in self.names:
            rig.directory.add_person(EmailAddress(f"{name}@corp.example"))
        rig.rosters.read()
        for name in self.names:
            self.grants[name] = rig.approved(
                requester=EmailAddress(f"{name}@corp.example"), duration=Span(DAY), by=ADA
            )

    def end_within(self, spread: timedelta, *, from_now: timedelta = timedelta(0)) -> None:
        """Move all ends into a time to come, evenly spread. No bot should be changing them now."""
        step = spread / len(self.names)
        first = now() + from_now
        moved = (
            _GRANTS.update()
            .where(_GRANTS.c.id == bindparam("grant"))
            .values(ends_at=bindparam("end"))
        )
        ends = [
            {"grant": id, "end": first + step * number}
            for number, id in enumerate(self.grants.values())
        ]
        with self._database.write() as connection:
            connection.execute(moved, ends)

    # -- processes ---------------------------------------------------------------------------

    def start(self) -> BotProcess:
        """One more bot, without waiting for it."""
        process = BotProcess(self.journey.environ, self.journey.folder, start=warm)
        self._processes.append(process)
        process.start()
        return process

    def nursery(self) -> "Nursery":
        """Where bots are born that die."""
        return Nursery(self.journey.environ, self.journey.folder)

    def close(self) -> None:
        """End everything."""
        for process in self._processes:
            process.kill()
        self._database.close()
        self.journey.close()

    # -- what there is -----------------------------------------------------------------------

    def statuses(self) -> Mapping[str, int]:
        """How many grants are in each state."""
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(_HOW_MANY)}

    def until_all(self, status: str, seconds: float) -> None:
        """Wait until every grant is in this state."""
        end = monotonic() + seconds
        while (statuses := self.statuses()) != {status: len(self.names)}:
            if monotonic() > end:
                raise TimeoutError(f"{statuses}; {self._last_words()}")
            threading.Event().wait(0.1)

    def _last_words(self) -> str:
        return " ".join(process.output[-1500:] for process in self._processes[-2:])

    def writes(self, op: str) -> Counter[str]:
        """How often each person was added to the team or removed from it, of what W&B applied."""
        accounts = {self.journey.wandb.id_of(name): name for name in self.names}
        found: Counter[str] = Counter()
        for call in self.journey.api.writes():
            if call.applied and f"'op': '{op}'" in str(call.body):
                found.update(name for id, name in accounts.items() if id in str(call.body))
        return found

    def lags(self) -> list[float]:
        """Seconds between each grant's end and its being read back as gone, the shortest first."""
        with self._database.read() as connection:
            ends = {row[0]: row[1] for row in connection.execute(_ENDS)}
        with Work(self._database).look() as work:
            over = {one.subject: one.at for one in work.audit.all() if one.event == "GrantEnded"}
        return sorted((over[id] - end).total_seconds() for id, end in ends.items())

    def verdict(self) -> None:
        """Nothing lost, nothing twice."""
        assert self.statuses() == {"ended": len(self.names)}
        assert {name: self.journey.role(name) for name in self.names} == dict.fromkeys(self.names)
        once = dict.fromkeys(self.names, 1)
        assert self.writes("remove") == once
        assert self.writes("add") == once
        with Work(self._database).look() as work:
            facts = Counter((entry.event, entry.subject) for entry in work.audit.all())
        for event in ("GrantIssued", "GrantActivated", "GrantExpired", "GrantEnded"):
            counts = {name: facts[event, id] for name, id in self.grants.items()}
            assert counts == once, event
        assert not [key for key in facts if key[0] == "DriftFound"], "its own is its own"


class Nursery:
    """Bots by the fork, see `tests.replicas.nursery`. `with` ends them all."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ = bare_environ(environ | {"HOST": "127.0.0.1"})
        self._folder = folder
        self._born: Queue[int] = Queue()
        self.died: dict[int, int] = {}  # process id → exit code

    def __enter__(self) -> "Nursery":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.replicas.nursery"],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="nursery")
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                word, pid, *code = line.split()
                if word == "born":
                    self._born.put(int(pid))
                else:
                    self.died[int(pid)] = int(code[0])

    def bear(self, point: str = "", count: int = 0, *, lease: float = 0) -> int:
        """One more; its process id. It kills itself at the n-th moment of this name."""
        assert self._process.stdin is not None
        told = {"point": point, "count": count, "lease": lease, "port": free_port()}
        log = str(self._folder / "mortals.log")
        self._process.stdin.write(json.dumps(told | {"log": log}) + "\n")
        self._process.stdin.flush()
        return self._born.get(timeout=60)

    def kill(self, pid: int) -> int:
        """Make sure that it is over; its exit code."""
        if pid not in self.died:
            with suppress(ProcessLookupError):  # it was faster
                os.kill(pid, signal.SIGKILL)
        end = monotonic() + 20
        while pid not in self.died:
            assert monotonic() < end, "a killed process is over at once"
            threading.Event().wait(0.005)
        return self.died[pid]
