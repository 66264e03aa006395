"""Pairs that act at the same moment: two threads, or two processes that share only a database.

Both sides get ready, meet at a barrier, and act, pair by pair. What each came to is kept in words
that can cross from one process to another.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from typing import Protocol

from sandbox.processes import FORKS
from tests.builders import ADA, BOB
from tests.services.rig import Rig
from workflows.domain.entitlements import EmailAddress
from workflows.errors import AccessError
from workflows.services import expiry
from workflows.services.grants import extend_grant
from workflows.services.requests import cancel_request
from workflows.storage.database import Database

PATIENCE = 60.0  # seconds at a barrier; whoever is missing has died
LONGER = timedelta(days=20)

DONE = "done"
NOTHING = "nothing to do"


@dataclass(frozen=True, slots=True)
class Subject:
    """What both sides of a pair act on: a request, and its grant where there is one already."""

    id: str
    requester: EmailAddress
    ends_at: datetime


Act = Callable[[], object]


def _approves(rig: Rig, subject: Subject, *, by: EmailAddress) -> Act:
    return partial(rig.approve, subject.id, by)


def _denies(rig: Rig, subject: Subject) -> Act:
    return partial(rig.deny, subject.id, BOB)


def _cancels(rig: Rig, subject: Subject) -> Act:
    return partial(cancel_request, rig.deps, subject.id, by=subject.requester)


def _extends(rig: Rig, subject: Subject) -> Act:
    """In the last second before the end, by a reading that is fresh then."""
    rig.clock.now = subject.ends_at - timedelta(seconds=1)
    rig.rosters.read()
    return partial(extend_grant, rig.deps, subject.id, until=subject.ends_at + LONGER, by=ADA)


def _sweeps(rig: Rig, subject: Subject) -> Act:
    rig.clock.now = subject.ends_at
    return partial(expiry.expire_due_grants, rig.deps)


ACTS: Mapping[str, Callable[[Rig, Subject], Act]] = {
    "Ada approves": partial(_approves, by=ADA),
    "Bob approves": partial(_approves, by=BOB),
    "Bob denies": _denies,
    "the requester cancels": _cancels,
    "Ada extends": _extends,
    "the clock ends it": _sweeps,
}


def add_people(rig: Rig, count: int) -> list[EmailAddress]:
    """So many new accounts."""
    people = [EmailAddress(f"p{number}@corp.example") for number in range(count)]
    for person in people:
        rig.directory.add_person(person)
    rig.rosters.read()
    return people


def play(rig: Rig, name: str, subjects: Sequence[Subject], meet: Callable[[], object]) -> list[str]:
    """One side of every pair: what each act came to."""
    outcomes: list[str] = []
    for subject in subjects:
        act = ACTS[name](rig, subject)
        meet()
        outcomes.append(_outcome_of(act))
    return outcomes


def _outcome_of(act: Act) -> str:
    try:
        result = act()
    except AccessError as error:
        return type(error).__name__
    except Exception as error:  # the other side waits for us at the next pair: told, not raised
        return f"{type(error).__name__}: {error}"
    return NOTHING if result == 0 else DONE


class AtOnce(Protocol):
    """A way to let two sides act at once on one database."""

    def __call__(
        self, database: Database, url: str, names: tuple[str, str], subjects: Sequence[Subject]
    ) -> list[list[str]]:
        """What each side's acts came to, in the order of the subjects."""


def in_threads(
    database: Database, url: str, names: tuple[str, str], subjects: Sequence[Subject]
) -> list[list[str]]:
    """Two threads of this process; each has a clock of its own, as two replicas would."""
    barrier = threading.Barrier(len(names))
    outcomes: list[list[str]] = [[] for _ in names]
    rigs = [Rig(database) for _ in names]

    def side(number: int) -> None:
        meet = partial(barrier.wait, timeout=PATIENCE)
        outcomes[number] = play(rigs[number], names[number], subjects, meet)

    threads = [threading.Thread(target=side, args=(number,)) for number in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def in_processes(
    database: Database, url: str, names: tuple[str, str], subjects: Sequence[Subject]
) -> list[list[str]]:
    """Two processes, forked before there was any database: they share that and nothing else."""
    barrier = FORKS.Barrier(len(names))
    sides = []
    for name in names:
        ours, theirs = FORKS.Pipe(duplex=False)
        process = FORKS.Process(
            target=_side, args=(url, name, list(subjects), partial(barrier.wait, PATIENCE), theirs)
        )
        process.start()
        theirs.close()
        sides.append((process, ours))
    outcomes = []
    for process, ours in sides:
        with ours:
            outcomes.append(ours.recv())  # raises `EOFError` when that process has died
        process.join()
        process.close()
    return outcomes


def _side(
    url: str,
    name: str,
    subjects: Sequence[Subject],
    meet: Callable[[], object],
    answers: Connection,
) -> None:
    database = Database(url)
    try:
        answers.send(play(Rig(database), name, subjects, meet))
    finally:
        answers.close()
        database.close()
