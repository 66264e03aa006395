"""W&B refuses our key (401, 403): stop all writes, tell once, find out when it is over.

The state is stored, so all workers of all processes know it. `Gatekeeper` stands before each job
that would touch W&B; the reading of everybody (`services.roster`) reports what it met as well.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime

from workflows.domain import gate as gates
from workflows.domain.events import Change, DirectoryAcceptedKey, DirectoryRefusedKey
from workflows.domain.gate import Gate
from workflows.domain.reactions import JobKind
from workflows.errors import (
    Conflict,
    DirectoryClosed,
    DirectoryRejected,
    GateClosed,
    ProcessRefused,
)
from workflows.services.deps import Deps
from workflows.storage.unit_of_work import UnitOfWork, again_on_conflict

log = logging.getLogger(__name__)

Transaction = Callable[[], AbstractContextManager[UnitOfWork]]


class Gatekeeper:
    """One job's way through the gate; `subject` is the standing that it is about."""

    def __init__(self, deps: Deps, subject: str) -> None:
        self._deps = deps
        self._subject = subject
        self._gate = Gate()
        self._tries = False
        self._at_write = False
        self._wrote = False

    def enter(self, stored: Gate) -> None:
        """Raises `GateClosed` while W&B refuses our key, but for one job every half a minute.

        Raises `ProcessRefused` where it refuses this process only.
        """
        self._gate = stored
        if stored.is_apart(self._deps.process, now=self._deps.clock()):
            raise ProcessRefused("W&B refuses this process; another one does it.")
        if not stored.is_closed or self._tries:
            return
        now = self._deps.clock()
        if stored.may_try(now=now) and self._is_the_one(now):
            self._tries = True
            return
        raise GateClosed(stored.why)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around each call that changes W&B."""
        self._at_write = True
        yield
        self._at_write = False
        self._wrote = True

    def refused(self, error: DirectoryClosed) -> None:
        """W&B refused our key. Raises `DirectoryRejected` where it takes it for everybody else."""
        if error.personal and self._subject in self._gate.alone:
            raise DirectoryRejected(str(error)) from error
        self._close(error)
        self._deps.rosters.ask(soon=True)  # whether it is the key altogether shows there

    @again_on_conflict
    def _close(self, error: DirectoryClosed) -> None:
        now = self._deps.clock()
        with self._deps.begin() as work:
            stored = work.gate.load()
            closed = gates.refuse_work(
                stored,
                self._subject,
                str(error),
                process=self._deps.process,
                personal=error.personal,
                at_write=self._at_write,
                waiting=work.attention.ends_waiting(),
                now=now,
            )
            keep(work, closed)

    def passed(self) -> None:
        """W&B answered: what that says about the key."""
        was_apart = any(one.process == self._deps.process for one in self._gate.apart)
        if self._gate.is_closed or was_apart or self._subject in self._gate.alone:
            self._open()

    @again_on_conflict
    def _open(self) -> None:
        now = self._deps.clock()
        with self._deps.begin() as work:
            opened = gates.let_work(
                work.gate.load(),
                self._subject,
                wrote=self._wrote,
                process=self._deps.process,
                waiting=work.attention.ends_waiting(),
                now=now,
            )
            keep(work, opened)
            if opened.events:
                work.hasten(JobKind.ENSURE, at=now)

    def _is_the_one(self, now: datetime) -> bool:
        """Of those who would try now, one does."""
        try:
            with self._deps.begin() as work:
                stored = work.gate.load()
                if not stored.may_try(now=now):
                    return False
                work.gate.save(gates.trying(stored, self._subject, now=now))
        except Conflict:
            return False
        return True


def keep(work: UnitOfWork, change: Change[Gate]) -> None:
    """Store what became of it, and tell whom it concerns."""
    work.gate.save(change.entity)
    for event in change.events:
        work.announce(event)
        if isinstance(event, DirectoryRefusedKey):
            log.error("W&B refuses the key", extra={"why": event.reason})
        else:
            assert isinstance(event, DirectoryAcceptedKey), "the other one of the two"
            log.warning("W&B takes the key again", extra={"but": event.but})


@again_on_conflict
def note_refused_reading(
    begin: Transaction, reason: str, *, now: datetime, process: str = ""
) -> None:
    """W&B did not let us read everybody: no job need be tried until it does."""
    with begin() as work:
        stored = work.gate.load()
        if not stored.reading or stored.is_apart(process, now=now):
            waiting = work.attention.ends_waiting()
            closed = gates.refuse_reading(stored, reason, waiting=waiting, now=now, process=process)
            keep(work, closed)


def note_reading(work: UnitOfWork, *, now: datetime, process: str = "") -> None:
    """W&B let us read everybody, in the commit that stores what was read."""
    stored = work.gate.load()
    if not stored.reading and all(one.process != process for one in stored.apart):
        return
    waiting = work.attention.ends_waiting()
    opened = gates.let_read(stored, waiting=waiting, now=now, process=process)
    keep(work, opened)
    if opened.events:
        work.hasten(JobKind.ENSURE, at=now)
    elif opened.entity.is_closed:
        work.hasten_one(JobKind.ENSURE, but=stored.tried, at=now)


def send_one(deps: Deps) -> None:
    """While W&B refuses jobs: have one come that finds out, another than the last one if we can."""
    now = deps.clock()
    with deps.look() as work:
        if not work.gate.load().may_try(now=now):
            return
    with deps.begin() as work:
        work.hasten_one(JobKind.ENSURE, but=work.gate.load().tried, at=now)
