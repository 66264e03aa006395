"""One transaction. Everything that is written goes through `record`: no change without its event,
no event without its jobs, all in one commit.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ClassVar, ParamSpec, TypeVar, assert_never

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

from workflows.domain.chain import Keys, Seen
from workflows.domain.events import Change, DriftFound, DriftGone, Event
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.limits import Demand, Limits
from workflows.domain.reactions import DELAYS, REACTIONS, JobKind, alerts_of
from workflows.domain.requests import AccessRequest
from workflows.domain.roster import Roster
from workflows.domain.standings import Standing, standing_key
from workflows.errors import Conflict
from workflows.points import point
from workflows.storage.attention import Attention
from workflows.storage.chain_store import Chain
from workflows.storage.database import Database, wait_for_no_disk
from workflows.storage.demand import Demands
from workflows.storage.driver import Asked
from workflows.storage.gate_store import GateStore
from workflows.storage.outbox import Job, Outbox, Owed
from workflows.storage.records import Audit, Meta, Receipts
from workflows.storage.repositories import Grants, Standings
from workflows.storage.request_store import Requests
from workflows.storage.roster_store import RosterStore
from workflows.storage.rows import Writing, store
from workflows.storage.watched import Watched

TRIES = 5  # a use case that loses this many races in a row has met a bug

E = TypeVar("E", AccessRequest, Grant, Standing)
Entity = AccessRequest | Grant | Standing
P = ParamSpec("P")
R = TypeVar("R")


class UnitOfWork:
    """What can be done within one transaction."""

    def __init__(
        self, connection: Connection, rosters: RosterStore, keys: Keys, seen: Seen
    ) -> None:
        self.requests = Requests(connection)
        self.demands = Demands(connection)
        self.grants = Grants(connection)
        self.standings = Standings(connection)
        self.watched = Watched(connection)
        self.receipts = Receipts(connection)
        self.audit = Audit(connection, keys.current)
        self.chain = Chain(connection, keys, seen)
        self.outbox = Outbox(connection)
        self.meta = Meta(connection)
        self.gate = GateStore(connection)
        self.attention = Attention(connection)
        self._connection = connection
        self._rosters = rosters
        self.owes: set[JobKind] = set()  # what this transaction leaves to be done

    def record(self, change: Change[E], *also: Change[Any]) -> E:
        """Store what was decided, its facts, and the jobs that follow from them.

        `also` is what was decided with it. A change without facts stores nothing. Raises `Conflict`
        when an object was changed since it was loaded.
        """
        changes = [one for one in (change, *also) if one.events]
        writings = [writing for one in changes for writing in _writings(one.entity)]
        self._store(writings, [(event, one.entity) for one in changes for event in one.events])
        if not change.events:
            return change.entity
        return replace(change.entity, version=change.entity.version + 1)

    def record_asked(
        self, change: Change[AccessRequest], limits: Limits
    ) -> tuple[AccessRequest, Demand]:
        """Store one more request as `record` does, and say what is asked without it.

        By one statement, because many come at once. For whoever has the turn to ask.
        """
        request = change.entity
        look = self.demands.look(request.requester, request.place, limits)
        facts = [(event, request) for event in change.events]
        seen = self._store(Requests.writings(request), facts, look=look)
        return replace(request, version=request.version + 1), self.demands.seen(seen)

    def record_all(self, changes: Sequence[Change[Grant]]) -> None:
        """The same for many grants that were loaded, by one statement of each kind.

        The few of which the admins are told one by one are stored one by one.
        """
        changed = []
        for change in changes:
            if any(JobKind.ALERT in REACTIONS[type(event)] for event in change.events):
                self.record(change)
            elif change.events:
                changed.append(change)
        self._store(
            [Grants.changes([change.entity for change in changed])],
            [(event, change.entity) for change in changed for event in change.events],
        )

    def _store(
        self,
        writings: Sequence[Writing],
        facts: Sequence[tuple[Event, Entity]],
        look: Asked | None = None,
    ) -> Sequence[Any]:
        """Rows, their facts and jobs, said together where no fact's number is needed."""
        if any(JobKind.ALERT in REACTIONS[type(event)] for event, _ in facts):
            seen = store(self._connection, *writings, look=look)
            for event, entity in facts:
                audit_id = self.audit.add(event)
                for kind in REACTIONS[type(event)]:
                    self._owe(kind, event, audit_id, entity)
            return seen
        owed = [
            _owed(kind, event, entity) for event, entity in facts for kind in REACTIONS[type(event)]
        ]
        noted = self.audit.writing([event for event, _ in facts])
        seen = store(self._connection, *writings, noted, self.outbox.writing(owed), look=look)
        self.owes.update(one.kind for one in owed)
        return seen

    def announce(self, event: Event) -> int:
        """Store a fact about the deployment itself, and say which row that is: no request, grant or
        standing changes by it.
        """
        audit_id = self.audit.add(event)
        for kind in REACTIONS[type(event)]:
            assert kind is JobKind.ALERT, "only the admins can be told of the deployment"
            self.owes.add(kind)
            self.outbox.add(kind, str(audit_id), lane=f"alert {audit_id}", due_at=event.at)
        return audit_id

    def _owe(self, kind: JobKind, event: Event, audit_id: int, entity: Entity) -> None:
        self.owes.add(kind)
        if kind is JobKind.NOTIFY and isinstance(entity, Standing):
            known = self.grants.open_of(entity.person, entity.place)
            live = [grant for grant in known if grant.status is GrantStatus.ACTIVE]
            self.outbox.add_all([_notice(event, grant.id) for grant in live])
            return
        if kind is not JobKind.ALERT:
            self.outbox.add_all([_owed(kind, event, entity)])
            return
        for row in (*alerts_of(event, audit_id), *self._replaced_by(event, audit_id)):
            self.outbox.add(kind, str(row), lane=f"alert {row}", due_at=event.at)

    def _replaced_by(self, event: Event, audit_id: int) -> list[int]:
        """The finding before this one, or that is gone, whose message is to say so."""
        if not isinstance(event, DriftFound | DriftGone):
            return []
        known = self.audit.of([event.subject])
        before = [one.id for one in known if one.event == DriftFound.__name__ and one.id < audit_id]
        return before[-1:]

    def ensure(self, of: Grant | Standing, *, at: datetime) -> None:
        """Owe an `ensure` of the standing. One person's are done one at a time."""
        self.owes.add(JobKind.ENSURE)
        key = standing_key(of.person, of.place)
        self.outbox.add(JobKind.ENSURE, key, lane=f"access {of.person}", due_at=at)

    def redraw(self, request_id: str, *, at: datetime) -> None:
        """Owe it to everybody concerned that their messages show what is stored."""
        self.owes.add(JobKind.NOTIFY)
        lane = f"notices {request_id}"
        self.outbox.add(JobKind.NOTIFY, request_id, lane=lane, due_at=at)

    def owe_again(self, job: Job, *, at: datetime) -> None:
        """Owe the same once more, whoever has it now."""
        self.owes.add(job.kind)
        self.outbox.add(job.kind, job.subject, lane=job.lane, due_at=at)

    def hasten(self, kind: JobKind, *, at: datetime) -> None:
        """What waits to be tried again is due now."""
        if self.outbox.hasten(kind, at=at):
            self.owes.add(kind)

    def hasten_one(self, kind: JobKind, *, but: str, at: datetime) -> None:
        """The same for one of them, another than this subject's if there is one."""
        if self.outbox.hasten_one(kind, but=but, at=at):
            self.owes.add(kind)

    def hasten_long_waiting(self, kind: JobKind, *, beyond: datetime, at: datetime) -> None:
        """The same for one that would wait until after `beyond`."""
        if self.outbox.hasten_long_waiting(kind, beyond=beyond, at=at):
            self.owes.add(kind)

    def may_be_lost(self) -> None:
        """This commit waits for no disk; a crash may take it back. Said before all else.

        For leases: whoever lost one so finds that out at the next commit that counts, which makes
        all before it last.
        """
        wait_for_no_disk(self._connection)

    def take_stock(self) -> None:
        """Many jobs were added at once: PostgreSQL has to count them, or it reads them all for
        each claim until autovacuum has (PostgreSQL manual, "Routine Vacuuming").
        """
        if self._connection.dialect.name == "postgresql":
            self._connection.exec_driver_sql("ANALYZE job")

    def roster(self) -> Roster | None:
        """The stored reading of the directory."""
        return self._rosters.load(self._connection)

    def keep_roster(self, roster: Roster) -> None:
        """Store a new reading."""
        self._rosters.save(self._connection, roster)


def _writings(entity: Entity) -> list[Writing]:
    match entity:
        case AccessRequest():
            return Requests.writings(entity)
        case Grant():
            return Grants.writings(entity)
        case Standing():
            return Standings.writings(entity)
        case _:
            assert_never(entity)


def _owed(kind: JobKind, event: Event, entity: Entity) -> Owed:
    match kind:
        case JobKind.ENSURE:
            assert not isinstance(entity, AccessRequest), "a request changes nothing in W&B"
            key = standing_key(entity.person, entity.place)
            return Owed(kind, key, f"access {entity.person}", event.at)
        case JobKind.NOTIFY:
            assert not isinstance(entity, Standing), "it has no messages of its own"
            return _notice(event, event.subject)
        case _:
            raise AssertionError("an alert needs the number of its audit row")


def _notice(event: Event, request_id: str) -> Owed:
    due_at = event.at + DELAYS.get(type(event), timedelta(0))
    return Owed(JobKind.NOTIFY, request_id, f"notices {request_id}", due_at)


class Work:
    """Opens units of work on one database. `keys` are those of the audit chain, and `seen` is what
    this process remembers of it.
    """

    unit: ClassVar[type[UnitOfWork]] = UnitOfWork

    def __init__(self, database: Database, keys: Keys = Keys()) -> None:  # noqa: B008  # frozen
        self.database = database
        self.keys = keys
        self.seen = Seen()
        self._rosters = RosterStore()
        self._wake: Callable[[Collection[JobKind]], None] = lambda kinds: None

    def on_owed(self, wake: Callable[[Collection[JobKind]], None]) -> None:
        """Call this after every commit that left something of these kinds to be done."""
        self._wake = wake

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        """A transaction that may write; raises `Conflict` where a race was lost."""
        with _races_as_conflicts(), self.database.write() as connection:
            work = self.unit(connection, self._rosters, self.keys, self.seen)
            yield work
            point("about to commit")
        point("committed")
        if work.owes:
            self._wake(work.owes)

    @contextmanager
    def look(self) -> Iterator[UnitOfWork]:
        """A transaction that only reads."""
        with self.database.read() as connection:
            yield self.unit(connection, self._rosters, self.keys, self.seen)


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
