"""What is owed, in the database: added in the deciding commit, claimed with a lease, settled after.

A job is level-triggered: its key names what has to be made true, not what happened. Asking again
while it waits changes nothing but its time; asking again while it runs makes it run once more. One
leased job a lane is held by a unique index, so it is true whatever the workers do.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    literal_column,
    select,
    update,
)

from workflows.domain.reactions import JobKind
from workflows.storage.bookkeeping import JobRow, table_of
from workflows.storage.claiming import claim, claim_elsewhere, first_due
from workflows.storage.prepared import Prepared
from workflows.storage.rows import Writing, adding, store

LEASE = timedelta(seconds=20)  # renewed while the job runs; a dead process's jobs come free
_JOBS = table_of(JobRow)


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


@dataclass(frozen=True, slots=True)
class JobState:
    """How often a job has failed in a row, what the last try said, and when the next one is."""

    attempts: int
    last_error: str
    due_at: datetime


# Making a statement costs four times executing it, so they are made once.
_NEXT = _JOBS.alias("next")
_FREE = {"attempts": 0, "last_error": "", "lease_token": None, "lease_until": None}

_ADD = adding(
    _JOBS,
    "key",
    "kind",
    "lane",
    "subject",
    "due_at",
    also={"generation": "1", "attempts": "0", "last_error": "''"},
    otherwise="ON CONFLICT (key) DO UPDATE SET generation = job.generation + 1, "
    "due_at = {earlier}(job.due_at, excluded.due_at)",
)

_MINE = (_JOBS.c.key == bindparam("held"), _JOBS.c.lease_token == bindparam("token"))
_UNASKED = _JOBS.c.generation == bindparam("claimed_at")
_HOLD = Prepared(update(_JOBS).where(*_MINE).values(lease_until=bindparam("until")))
_LEASED_BY = update(_JOBS).where(_JOBS.c.lease_token.in_(bindparam("tokens", expanding=True)))
_RENEW = _LEASED_BY.values(lease_until=bindparam("until"))
_GIVE_UP = _LEASED_BY.values(lease_token=None, lease_until=None)
_DONE = delete(_JOBS).where(*_MINE, _UNASKED)
_FINISH = Prepared(_DONE)
_DONE_FOR_NOW = Prepared(
    update(_JOBS).where(*_MINE, _UNASKED).values(due_at=bindparam("again_at"), **_FREE)
)
_DO_AGAIN = Prepared(update(_JOBS).where(*_MINE).values(_FREE))
_UNTIL = bindparam("until", type_=_JOBS.c.due_at.type)
_TRY_LATER = (
    update(_JOBS)
    .where(*_MINE)
    .values(
        due_at=case((_UNASKED, _UNTIL), else_=_JOBS.c.due_at),
        attempts=_JOBS.c.attempts + 1,
        last_error=bindparam("error"),
        lease_token=None,
        lease_until=None,
    )
)
_NEVER: ColumnElement[int] = literal_column("0")  # in words: an index of the failed ones serves
_HASTEN = (
    update(_JOBS)
    .where(
        _JOBS.c.kind == bindparam("of_kind"),
        _JOBS.c.attempts > _NEVER,
        _JOBS.c.due_at > bindparam("at"),
        _JOBS.c.lease_token.is_(None),
    )
    .values(due_at=bindparam("at"))
)
_LONGEST_WAITING = (
    select(_NEXT.c.key)
    .where(
        _NEXT.c.kind == bindparam("of_kind"),
        _NEXT.c.attempts > _NEVER,
        _NEXT.c.lease_token.is_(None),
    )
    .order_by(_NEXT.c.subject == bindparam("but"), _NEXT.c.due_at)
    .limit(1)
)
_HASTEN_ONE = (
    update(_JOBS)
    .where(_JOBS.c.key == _LONGEST_WAITING.scalar_subquery(), _JOBS.c.due_at > bindparam("at"))
    .values(due_at=bindparam("at"))
)
_WAITING_LONG = (
    select(_NEXT.c.key)
    .where(
        _NEXT.c.kind == bindparam("of_kind"),
        _NEXT.c.attempts > _NEVER,
        _NEXT.c.lease_token.is_(None),
        _NEXT.c.due_at > bindparam("beyond"),
    )
    .order_by(_NEXT.c.due_at)
    .limit(1)
)
_HASTEN_LONG = Prepared(
    update(_JOBS)
    .where(_JOBS.c.key == _WAITING_LONG.scalar_subquery())
    .values(due_at=bindparam("at"))
)
_STATES = select(_JOBS.c.subject, _JOBS.c.attempts, _JOBS.c.last_error, _JOBS.c.due_at).where(
    _JOBS.c.key.in_(bindparam("keys", expanding=True))
)
_TROUBLE = Prepared(select(_JOBS.c.last_error).where(_JOBS.c.key == bindparam("owed")))
_FREE_ALL = (
    update(_JOBS).where(_JOBS.c.lease_token.is_not(None)).values(lease_token=None, lease_until=None)
)


@dataclass(frozen=True, slots=True)
class Owed:
    """What has to be made true, and from when on at the latest."""

    kind: JobKind
    subject: str
    lane: str
    due_at: datetime


class Outbox:
    """The jobs, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, kind: JobKind, subject: str, *, lane: str, due_at: datetime) -> None:
        """Owe this, from `due_at` on at the latest."""
        self.add_all([Owed(kind, subject, lane, due_at)])

    def add_all(self, owed: Sequence[Owed]) -> None:
        """Owe all of these, by one statement."""
        store(self._connection, self.writing(owed))

    @staticmethod
    def writing(owed: Sequence[Owed]) -> Writing:
        """What there is to store of them; two that are the same are one."""
        first: dict[str, Owed] = {}
        for one in sorted(owed, key=attrgetter("due_at")):
            first.setdefault(_key(one.kind, one.subject), one)
        rows = [
            (key, one.kind.value, one.lane, one.subject, one.due_at) for key, one in first.items()
        ]
        return Writing(_ADD, rows)

    def next_due(self, kinds: Collection[JobKind], *, now: datetime) -> datetime | None:
        """When the first of these jobs that nobody holds is due."""
        found = first_due(tuple(kinds)).all(self._connection, now=now)
        at: datetime | None = found[0]["at"]
        return at

    def claim(
        self,
        kinds: Collection[JobKind],
        *,
        now: datetime,
        token: str,
        avoid: Collection[str] = (),
    ) -> Job | None:
        """Lease the first due job of a free lane, or one whose lease has run out. None that is
        about one of the places to `avoid`, as they are stored.

        Raises `Conflict` (by way of the unit of work) when another worker has just taken the lane.
        """
        given = {"now": now, "token": token, "until": now + LEASE}
        if avoid:
            elsewhere = claim_elsewhere(tuple(kinds), self._connection.dialect.name)
            claimed = self._connection.execute(elsewhere, {**given, "avoid": list(avoid)})
            rows: list[Mapping[str, Any]] = list(map(dict, claimed.mappings()))
        else:
            rows = [*claim(tuple(kinds)).all(self._connection, **given)]
        if not rows:
            return None
        row = rows[0]
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

    def hold(self, job: Job, *, now: datetime) -> bool:
        """Renew this lease if it is still ours; the row is locked until the commit."""
        return _HOLD.change(self._connection, **_lease(job), until=now + LEASE) == 1

    def renew(self, tokens: Collection[str], *, now: datetime) -> None:
        """The jobs with these tokens are still being worked on."""
        self._connection.execute(_RENEW, {"tokens": list(tokens), "until": now + LEASE})

    def free(self, tokens: Collection[str]) -> None:
        """The jobs with these tokens are not being worked on any more: anybody may have them."""
        self._connection.execute(_GIVE_UP, {"tokens": list(tokens)})

    def finish(self, job: Job, *, again_at: datetime | None = None) -> None:
        """It is done, or is looked at once more at `again_at`; asked for meanwhile: at once."""
        given = {**_lease(job), "claimed_at": job.generation}
        if again_at is None:
            done = _FINISH.change(self._connection, **given)
        else:
            done = _DONE_FOR_NOW.change(self._connection, **given, again_at=again_at)
        if not done:
            _DO_AGAIN.change(self._connection, **_lease(job))

    def postpone(self, job: Job, *, until: datetime, error: str) -> None:
        """It did not work; try again then. Asked for again meanwhile: at once."""
        given = {"claimed_at": job.generation, "until": until, "error": error[:500]}
        self._connection.execute(_TRY_LATER, {**_lease(job), **given})

    def hasten(self, kind: JobKind, *, at: datetime) -> int:
        """Make every failed job of this kind that nobody holds due; how many there were."""
        return self._connection.execute(_HASTEN, {"of_kind": kind.value, "at": at}).rowcount

    def hasten_one(self, kind: JobKind, *, but: str, at: datetime) -> int:
        """Make the first failed job of this kind due, of another subject if there is one."""
        given = {"of_kind": kind.value, "but": but, "at": at}
        return self._connection.execute(_HASTEN_ONE, given).rowcount

    def hasten_long_waiting(self, kind: JobKind, *, beyond: datetime, at: datetime) -> int:
        """Make the first failed job of this kind due that would wait until after `beyond`."""
        given = {"of_kind": kind.value, "beyond": beyond, "at": at}
        return _HASTEN_LONG.change(self._connection, **given)

    def states(self, kind: JobKind, subjects: Collection[str]) -> dict[str, JobState]:
        """How the jobs about these subjects fare, by subject."""
        keys = [_key(kind, subject) for subject in subjects]
        rows = self._connection.execute(_STATES, {"keys": keys}).mappings()
        return {
            row["subject"]: JobState(row["attempts"], row["last_error"], row["due_at"])
            for row in rows
        }

    def trouble_with(self, kind: JobKind, subject: str) -> str:
        """What the last try of a job said, if it failed; empty otherwise."""
        found = _TROUBLE.first(self._connection, owed=_key(kind, subject))
        return found["last_error"] if found else ""

    def free_all(self) -> None:
        """Nobody else can be working: at the start of the only process on a SQLite file."""
        self._connection.execute(_FREE_ALL)


def _key(kind: JobKind, subject: str) -> str:
    return f"{kind.value}:{subject}"


def _lease(job: Job) -> dict[str, object]:
    return {"held": job.key, "token": job.token}
