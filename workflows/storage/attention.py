"""What takes longer than it should, and how much there is of everything: for people who look.

Reads only, by the partial indexes of what is not settled, so it costs as much as there is trouble.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, and_, bindparam, case, func, or_, select

from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.standings import Standing
from workflows.storage.bookkeeping import JobRow, table_of
from workflows.storage.prepared import Prepared
from workflows.storage.tables import (
    IS_LEFTOVER,
    IS_OPEN,
    IS_PENDING,
    IS_UNSETTLED,
    GrantRow,
    RequestRow,
    StandingRow,
)

_REQUESTS = table_of(RequestRow)
_GRANTS = table_of(GrantRow)
_STANDINGS = table_of(StandingRow)
_JOBS = table_of(JobRow)

_LIMIT = bindparam("limit", type_=Integer)
_LATE = or_(
    _GRANTS.c.stuck != "",
    and_(_GRANTS.c.status == "ending", _GRANTS.c.over_at <= bindparam("over_by")),
    and_(_GRANTS.c.status == "issued", _GRANTS.c.issued_at <= bindparam("issued_by")),
)
_SINCE = case((_GRANTS.c.status == "ending", _GRANTS.c.over_at), else_=_GRANTS.c.issued_at)
_ALL_LATE = select(_GRANTS).where(IS_UNSETTLED, _LATE).order_by(_SINCE, _GRANTS.c.id).limit(_LIMIT)
_LATE_GRANTS = Prepared(_ALL_LATE)
_UNTOLD_GRANTS = Prepared(_ALL_LATE.where(_GRANTS.c.stuck == ""))
_LATE_BY_STATUS = (
    select(_GRANTS.c.status, func.count()).where(IS_UNSETTLED, _LATE).group_by(_GRANTS.c.status)
)
_LEFTOVERS = Prepared(
    select(_STANDINGS).where(IS_LEFTOVER).order_by(_STANDINGS.c.last_end_at).limit(_LIMIT)
)
_LEFTOVER_COUNT = select(func.count()).select_from(_STANDINGS).where(IS_LEFTOVER)
_ENDS_WAITING = (
    select(func.count()).select_from(_GRANTS).where(IS_UNSETTLED, _GRANTS.c.status == "ending")
)
_OLDEST_END = select(func.min(_GRANTS.c.over_at)).where(IS_UNSETTLED, _GRANTS.c.status == "ending")
_OPEN_BY_STATUS = select(_GRANTS.c.status, func.count()).where(IS_OPEN).group_by(_GRANTS.c.status)
_PENDING = select(func.count()).select_from(_REQUESTS).where(IS_PENDING)
_JOB_STATE = case(
    (_JOBS.c.lease_token.is_not(None), "running"),
    (and_(_JOBS.c.attempts > 0, _JOBS.c.due_at > bindparam("now")), "failed"),
    (_JOBS.c.due_at <= bindparam("now"), "due"),
    else_="later",
)
_JOBS_BY_STATE = select(_JOBS.c.kind, _JOB_STATE.label("state"), func.count()).group_by(
    _JOBS.c.kind, "state"
)


class Attention:
    """What a person, or a monitoring system, wants to see."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def late_grants(
        self, *, over_by: datetime, issued_by: datetime, limit: int, untold: bool = False
    ) -> list[Grant]:
        """What was told to be stuck, or is over since then and not taken back, or approved since
        then and not given; oldest first.

        `untold`: only those that nobody was told of.
        """
        given = {"over_by": over_by, "issued_by": issued_by, "limit": limit}
        query = _UNTOLD_GRANTS if untold else _LATE_GRANTS
        return [GrantRow.to_domain(row) for row in query.all(self._connection, **given)]

    def late_count(self, *, over_by: datetime, issued_by: datetime) -> tuple[int, int]:
        """How many of them are to be taken back, and how many to be given."""
        given = {"over_by": over_by, "issued_by": issued_by}
        counts = self._counted(_LATE_BY_STATUS, **given)
        return counts.get((GrantStatus.ENDING,), 0), counts.get((GrantStatus.ISSUED,), 0)

    def leftovers(self, *, limit: int) -> list[Standing]:
        """Where something of ours may be that cannot be removed; oldest first."""
        found = _LEFTOVERS.all(self._connection, limit=limit)
        return [StandingRow.to_domain(row) for row in found]

    def leftover_count(self) -> int:
        """How many of those there are."""
        return int(self._connection.execute(_LEFTOVER_COUNT).scalar_one())

    def ends_waiting(self) -> int:
        """How many grants are over and not taken back yet, for however long."""
        return int(self._connection.execute(_ENDS_WAITING).scalar_one())

    def oldest_end(self) -> datetime | None:
        """Since when the first of them is over."""
        return self._connection.execute(_OLDEST_END).scalar()

    def open_by_status(self) -> Mapping[tuple[str, ...], int]:
        """Grants that are not over and done with, by status."""
        return self._counted(_OPEN_BY_STATUS)

    def pending_requests(self) -> int:
        """Requests that wait for a decision."""
        return int(self._connection.execute(_PENDING).scalar_one())

    def jobs_by_state(self, now: datetime) -> Mapping[tuple[str, ...], int]:
        """What is owed, by kind and by `running`, `due`, `failed` (waits for its next try) and
        `later` (is not due yet).
        """
        return self._counted(_JOBS_BY_STATE, now=now)

    def _counted(self, statement: Select[Any], **given: object) -> dict[tuple[str, ...], int]:
        rows = self._connection.execute(statement, given)
        return {tuple(map(str, row[:-1])): int(row[-1]) for row in rows}
