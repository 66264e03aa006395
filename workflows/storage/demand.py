"""How much is asked already: counted from the stored requests, by indexes, never past the limits.

The counts hold until the commit for whoever has the turn (`Standings.with_grants`, `to_ask`).
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select, true

from workflows.domain.entitlements import EmailAddress, Place, place_to_text
from workflows.domain.limits import Demand, Limits
from workflows.storage.bookkeeping import table_of
from workflows.storage.driver import Asked
from workflows.storage.prepared import Prepared
from workflows.storage.tables import RequestRow

_REQUESTS = table_of(RequestRow)
_PENDING = _REQUESTS.c.status == literal_column("'pending'")
"""Written out: with a parameter SQLite does not use the index of what is pending
(sqlite.org/partialindex.html, "Queries Using Partial Indexes")."""
_NTH_NEWEST = (
    select(_REQUESTS.c.created_at)
    .where(_REQUESTS.c.requester == bindparam("person"))
    .order_by(_REQUESTS.c.created_at.desc())
    .limit(1)
    .offset(bindparam("before"))
)


def _waiting(column: Any, key: str, most: str, *order: Any) -> Any:  # SQLAlchemy's own types
    some = (
        select(_REQUESTS.c.lapses_at)
        .where(column == bindparam(key), _PENDING)
        .order_by(*order)
        .limit(bindparam(most))
        .subquery()
    )
    count, until = func.count().label("count"), func.min(some.c.lapses_at).label("until")
    return select(count, until).select_from(some)


# In the order of the index of what is pending; else SQLite goes through all that was ever asked.
_OF_PERSON = _waiting(
    _REQUESTS.c.requester, "person", "most_of_person", _REQUESTS.c.place, _REQUESTS.c.role
)
_AT_PLACE = _waiting(_REQUESTS.c.place, "place", "most_at_place")


def _all_of_it() -> Any:  # SQLAlchemy's own type
    """By one statement: many of these come at once, and each is one way to the database and back.

    Both counts are one row, so their join is one.
    """
    mine, there = _OF_PERSON.subquery("of_person"), _AT_PLACE.subquery("at_place")
    return select(
        _NTH_NEWEST.scalar_subquery().label("filled_since"),
        mine.c.count.label("of_person"),
        mine.c.until.label("of_person_until"),
        there.c.count.label("at_place"),
        there.c.until.label("at_place_until"),
    ).select_from(mine.join(there, true()))


_DEMAND = Prepared(_all_of_it())


class Demands:
    """What one more request would be added to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def look(self, person: EmailAddress, place: Place, limits: Limits) -> Asked:
        """What finds as much of it as the limits ask about, for `rows.store`."""
        return _DEMAND.told(
            self._connection,
            person=person,
            place=place_to_text(place),
            before=limits.requests_per_hour - 1,
            most_of_person=limits.pending_per_person,
            most_at_place=limits.pending_per_team,
        )

    def seen(self, cells: Sequence[Any]) -> Demand:
        """What that has found."""
        return Demand(**_DEMAND.row(self._connection, cells))
