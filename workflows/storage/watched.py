"""What has to agree with W&B just now, all of it at once: for comparing it with one reading.

By the partial indexes of what is open, so it costs as much as there is open, not as there ever was.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, or_, select

from workflows.domain.grants import Grant
from workflows.domain.reactions import JobKind
from workflows.domain.standings import Standing
from workflows.storage.bookkeeping import JobRow, table_of
from workflows.storage.prepared import Prepared
from workflows.storage.tables import IS_OPEN, IS_WATCHED, GrantRow, StandingRow

_GRANTS = table_of(GrantRow)
_STANDINGS = table_of(StandingRow)
_JOBS = table_of(JobRow)

_WATCHED = Prepared(
    select(_STANDINGS).where(or_(IS_WATCHED, _STANDINGS.c.last_end_at >= bindparam("ended_after")))
)
_OPEN = Prepared(select(_GRANTS).where(IS_OPEN).order_by(_GRANTS.c.issued_at, _GRANTS.c.id))
_OWED = select(_JOBS.c.subject, _JOBS.c.attempts).where(_JOBS.c.kind == JobKind.ENSURE.value)


class Watched:
    """Reads only."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def standings(self, *, ended_after: datetime) -> list[Standing]:
        """Where a grant is open, a write can still land, or an end is looked at again."""
        found = _WATCHED.all(self._connection, ended_after=ended_after)
        return [StandingRow.to_domain(row) for row in found]

    def grants(self) -> list[Grant]:
        """Every open grant, in the order they were issued."""
        return [GrantRow.to_domain(row) for row in _OPEN.all(self._connection)]

    def owed(self) -> Mapping[str, int]:
        """The standings with an `ensure` owed, and how often it has failed in a row."""
        return {row.subject: row.attempts for row in self._connection.execute(_OWED)}
