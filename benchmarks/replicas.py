"""Goal 7: two processes claim jobs faster than one, and none twice (PostgreSQL)."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.databases import Databases
from benchmarks.measuring import Figure
from sandbox.bot_process import ROOT
from sandbox.wandb_rules import wall_clock
from workflows.domain.reactions import JobKind
from workflows.errors import Conflict
from workflows.storage.database import Database
from workflows.storage.outbox import Owed
from workflows.storage.unit_of_work import Work

JOBS, TURNS = 1_500, 3


def claims(folder: Path, databases: Databases) -> Iterator[Figure]:
    """One process and two, by turns, each time with as many jobs that are due."""
    url = databases.postgresql()
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(TURNS):
        for replicas, found in rates.items():
            found.append(_rate(url, replicas))
    one, two = median(rates[1]), median(rates[2])
    note = f"{two:.0f} : {one:.0f} a second"
    yield Figure(7, "claims by two replicas against one", two / one, 1.7, "at least", note)


def _rate(url: str, replicas: int) -> float:
    """Jobs a second. The processes are up, and wait for a word, before the time begins."""
    _owe(url)
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.replicas", url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(replicas)
    ]
    for worker in workers:
        assert worker.stdout is not None, "it was opened with a pipe"
        assert worker.stdout.readline() == "ready\n"
    began = time.perf_counter()
    said = [worker.communicate("go\n")[0] for worker in _told(workers)]
    took = time.perf_counter() - began
    done = [key for one in said for key in one.split()]
    assert len(done) == len(set(done)) == JOBS, (len(done), len(set(done)))
    return JOBS / took


def _told(workers: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    """All of them at once, before the first is waited for."""
    for worker in workers:
        assert worker.stdin is not None, "it was opened with a pipe"
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return workers


def _owe(url: str) -> None:
    database = Database(url)
    now = wall_clock()
    with Work(database).begin() as work:
        work.outbox.add_all(
            [Owed(JobKind.ENSURE, f"subject-{n}", f"lane-{n}", now) for n in range(JOBS)]
        )
    with database.engine.connect() as connection:  # what autovacuum does within the minute
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE job")
    database.close()


def work_off(url: str) -> None:
    """What one replica does, without the work itself: claim, finish, until nothing is left."""
    database = Database(url)
    work = Work(database)
    with work.look() as looked:
        looked.outbox.next_due([JobKind.ENSURE], now=wall_clock())
    _say("ready")
    sys.stdin.readline()
    done = []
    for number in range(JOBS * 2):
        try:
            with work.begin() as begun:
                begun.may_be_lost()
                token = f"{id(database)}-{number}"
                job = begun.outbox.claim([JobKind.ENSURE], now=wall_clock(), token=token)
        except Conflict:
            continue
        if job is None:
            break
        with work.begin() as begun:
            begun.may_be_lost()
            begun.outbox.finish(job)
        done.append(job.key)
    _say("\n".join(done))
    database.close()


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    work_off(sys.argv[1])
