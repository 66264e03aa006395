"""What is owed, in the database: added in the deciding commit, claimed with a lease, settled after.

A job is level-triggered: its key names what has to be made true, not what happened. Asking again
while it waits changes nothing but its time; asking again while it runs makes it run once more. One
leased job a lane is held by a unique index, so it is true whatever the workers do.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from workflows.domain.reactions import JobKind
from workflows.storage.tables import JobRow, table_of

LEASE = timedelta(seconds=20)  # renewed while the job runs; a dead process's jobs come free
_JOBS = table_of(JobRow)
_OTHERS = _JOBS.alias("other")


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. `token` is the proof of the lease; `generation` what it was claimed at."""

    key: str
    kind: JobKind
    lane: str
    subject: str
    due_at: datetime
    generation: int
    attempts: int
    token: str
    last_error: str


class Outbox:
    """The jobs, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, kind: JobKind, subject: str, *, lane: str, due_at: datetime) -> None:
        """Owe this, from `due_at` on at the latest."""
        insert = sqlite_insert if self._connection.dialect.name == "sqlite" else postgresql_insert
        statement = insert(_JOBS).values(
            key=f"{kind.value}:{subject}",
            kind=kind.value,
            lane=lane,
            subject=subject,
            due_at=due_at,
            generation=1,
            attempts=0,
            lease_until=None,
            lease_token=None,
            last_error="",
        )
        earlier = func.min if self._connection.dialect.name == "sqlite" else func.least
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["key"],
                set_={
                    "generation": _JOBS.c.generation + 1,
                    "due_at": earlier(_JOBS.c.due_at, statement.excluded.due_at),
                },
            )
        )

    def next_due(self, kinds: Collection[JobKind], *, now: datetime) -> datetime | None:
        """When the first of these jobs that nobody holds is due."""
        statement = select(func.min(_JOBS.c.due_at)).where(
            _JOBS.c.kind.in_([kind.value for kind in kinds]),
            or_(_JOBS.c.lease_token.is_(None), _JOBS.c.lease_until < now),
        )
        return self._connection.execute(statement).scalar()

    def claim(self, kinds: Collection[JobKind], *, now: datetime, token: str) -> Job | None:
        """Lease the first due job of a free lane, or one whose lease has run out.

        Raises `Conflict` (by way of the unit of work) when another worker has just taken the lane.
        """
        lane_is_taken = exists().where(
            _OTHERS.c.lane == _JOBS.c.lane,
            _OTHERS.c.key != _JOBS.c.key,
            _OTHERS.c.lease_token.is_not(None),
        )
        free = or_(_JOBS.c.lease_token.is_(None), _JOBS.c.lease_until < now)
        statement = (
            select(_JOBS)
            .where(
                _JOBS.c.kind.in_([kind.value for kind in kinds]),
                _JOBS.c.due_at <= now,
                free,
                ~lane_is_taken,
            )
            .order_by(_JOBS.c.due_at)
            .limit(1)
            .with_for_update(skip_locked=True, of=_JOBS)
        )
        row = self._connection.execute(statement).mappings().first()
        if row is None:
            return None
        taken = (
            update(_JOBS)
            .where(_JOBS.c.key == row["key"], free)
            .values(lease_token=token, lease_until=now + LEASE)
        )
        if self._connection.execute(taken).rowcount != 1:
            return None
        return Job(
            key=row["key"],
            kind=JobKind(row["kind"]),
            lane=row["lane"],
            subject=row["subject"],
            due_at=row["due_at"],
            generation=row["generation"],
            attempts=row["attempts"],
            token=token,
            last_error=row["last_error"],
        )

    def holds(self, job: Job) -> bool:
        """Whether this lease is still ours; the row is locked until the commit."""
        statement = select(_JOBS.c.key).where(*_is(job)).with_for_update()
        return self._connection.execute(statement).first() is not None

    def renew(self, tokens: Collection[str], *, now: datetime) -> None:
        """The jobs with these tokens are still being worked on."""
        self._connection.execute(
            update(_JOBS).where(_JOBS.c.lease_token.in_(tokens)).values(lease_until=now + LEASE)
        )

    def finish(self, job: Job, *, again_at: datetime | None = None) -> None:
        """It is done, or is looked at once more at `again_at`; asked for meanwhile: at once."""
        unasked = and_(*_is(job), _JOBS.c.generation == job.generation)
        if again_at is None:
            done = self._connection.execute(delete(_JOBS).where(unasked)).rowcount
        else:
            later = update(_JOBS).where(unasked).values(due_at=again_at, **_FREE)
            done = self._connection.execute(later).rowcount
        if not done:
            self._connection.execute(update(_JOBS).where(*_is(job)).values(**_FREE))

    def postpone(self, job: Job, *, until: datetime, error: str) -> None:
        """It did not work; try again then. Asked for again meanwhile: at once."""
        unasked = _JOBS.c.generation == job.generation
        self._connection.execute(
            update(_JOBS)
            .where(*_is(job))
            .values(
                due_at=case((unasked, until), else_=_JOBS.c.due_at),
                attempts=_JOBS.c.attempts + 1,
                last_error=error[:500],
                lease_token=None,
                lease_until=None,
            )
        )

    def hasten(self, kind: JobKind, *, at: datetime) -> int:
        """Make every failed job of this kind that nobody holds due; how many there were."""
        waiting = (
            _JOBS.c.kind == kind.value,
            _JOBS.c.attempts > 0,
            _JOBS.c.due_at > at,
            _JOBS.c.lease_token.is_(None),
        )
        return self._connection.execute(update(_JOBS).where(*waiting).values(due_at=at)).rowcount

    def trouble_with(self, kind: JobKind, subject: str) -> str:
        """What the last try of a job said, if it failed; empty otherwise."""
        statement = select(_JOBS.c.last_error).where(_JOBS.c.key == f"{kind.value}:{subject}")
        return self._connection.execute(statement).scalar() or ""

    def free_all(self) -> None:
        """Nobody else can be working: at the start of the only process on a SQLite file."""
        self._connection.execute(
            update(_JOBS)
            .where(_JOBS.c.lease_token.is_not(None))
            .values(lease_token=None, lease_until=None)
        )


_FREE = {"attempts": 0, "last_error": "", "lease_token": None, "lease_until": None}


def _is(job: Job) -> tuple[ColumnElement[bool], ...]:
    return (_JOBS.c.key == job.key, _JOBS.c.lease_token == job.token)
