"""One transaction. Everything that is written goes through `record`: no change without its event,
no event without its jobs, all in one commit.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

from workflows.domain.events import Change, Event
from workflows.domain.grants import Grant
from workflows.domain.reactions import DELAYS, REACTIONS, JobKind
from workflows.domain.requests import AccessRequest
from workflows.domain.roster import Roster
from workflows.domain.standings import Standing, standing_key
from workflows.errors import Conflict
from workflows.storage.database import Database
from workflows.storage.outbox import Outbox
from workflows.storage.repositories import Audit, Grants, Meta, Receipts, Requests, Standings
from workflows.storage.roster_store import RosterStore

TRIES = 5  # a use case that loses this many races in a row has met a bug

E = TypeVar("E", AccessRequest, Grant, Standing)
P = ParamSpec("P")
R = TypeVar("R")


class UnitOfWork:
    """What can be done within one transaction."""

    def __init__(self, connection: Connection, rosters: RosterStore) -> None:
        self.requests = Requests(connection)
        self.grants = Grants(connection)
        self.standings = Standings(connection)
        self.receipts = Receipts(connection)
        self.audit = Audit(connection)
        self.outbox = Outbox(connection)
        self.meta = Meta(connection)
        self._connection = connection
        self._rosters = rosters
        self.owes = False

    def record(self, change: Change[E]) -> E:
        """Store what was decided, its facts, and the jobs that follow from them.

        A change without facts stores nothing. Raises `Conflict` when the object was changed since
        it was loaded.
        """
        if not change.events:
            return change.entity
        saved = self._save(change.entity)
        for event in change.events:
            audit_id = self.audit.add(event)
            for kind in REACTIONS[type(event)]:
                self._owe(kind, event, audit_id, change.entity)
        return saved

    def _save(self, entity: E) -> E:
        if isinstance(entity, AccessRequest):
            return self.requests.save(entity)
        if isinstance(entity, Grant):
            return self.grants.save(entity)
        return self.standings.save(entity)

    def _owe(
        self, kind: JobKind, event: Event, audit_id: int, entity: AccessRequest | Grant | Standing
    ) -> None:
        self.owes = True
        match kind:
            case JobKind.ENSURE:
                assert isinstance(entity, Grant), "only what happens to a grant owes an ensure"
                self.ensure(entity, at=event.at)
            case JobKind.NOTIFY:
                self.redraw(event.subject, at=event.at + DELAYS.get(type(event), timedelta(0)))
            case JobKind.ALERT:
                self.outbox.add(kind, str(audit_id), lane=f"alert {audit_id}", due_at=event.at)

    def ensure(self, grant: Grant, *, at: datetime) -> None:
        """Owe an `ensure` of the grant's standing. One person's are done one at a time."""
        self.owes = True
        key = standing_key(grant.person, grant.place)
        self.outbox.add(JobKind.ENSURE, key, lane=f"access {grant.person}", due_at=at)

    def redraw(self, request_id: str, *, at: datetime) -> None:
        """Owe it to everybody concerned that their messages show what is stored."""
        self.owes = True
        lane = f"notices {request_id}"
        self.outbox.add(JobKind.NOTIFY, request_id, lane=lane, due_at=at)

    def hasten(self, kind: JobKind, *, at: datetime) -> None:
        """What waits to be tried again is due now."""
        self.owes = self.outbox.hasten(kind, at=at) > 0 or self.owes

    def roster(self) -> Roster | None:
        """The stored reading of the directory."""
        return self._rosters.load(self._connection)

    def keep_roster(self, roster: Roster) -> None:
        """Store a new reading."""
        self._rosters.save(self._connection, roster)


class Work:
    """Opens units of work on one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._rosters = RosterStore()
        self._wake: Callable[[], None] = lambda: None

    def on_owed(self, wake: Callable[[], None]) -> None:
        """Call this after every commit that left something to be done."""
        self._wake = wake

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        """A transaction that may write; raises `Conflict` where a race was lost."""
        with _races_as_conflicts(), self.database.write() as connection:
            work = UnitOfWork(connection, self._rosters)
            yield work
        if work.owes:
            self._wake()

    @contextmanager
    def look(self) -> Iterator[UnitOfWork]:
        """A transaction that only reads."""
        with self.database.read() as connection:
            yield UnitOfWork(connection, self._rosters)


@contextmanager
def _races_as_conflicts() -> Iterator[None]:
    """A unique index, a deadlock or a failed serialization: somebody else was first."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict("somebody else stored the same first") from error
    except OperationalError as error:
        # Class 40: transaction rollback (PostgreSQL manual, appendix A, "Error Codes").
        if str(getattr(error.orig, "sqlstate", "") or "").startswith("40"):
            raise Conflict("the database gave another transaction the way") from error
        raise


def again_on_conflict(use_case: Callable[P, R]) -> Callable[P, R]:
    """Run a use case again from its start when it lost a race; it then finds the new state."""

    @wraps(use_case)
    def tried(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(TRIES - 1):
            try:
                return use_case(*args, **kwargs)
            except Conflict:
                continue
        return use_case(*args, **kwargs)

    return tried
