"""Loads grants and standings, and saves them over the version that was loaded.

Whoever saves what somebody else has changed since gets a `Conflict`. Statements are made once, when
the module is loaded: making one costs many times what executing it does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    Table,
    and_,
    bindparam,
    func,
    literal_column,
    select,
)

from workflows.domain.entitlements import EmailAddress, Place, place_to_text
from workflows.domain.grants import Grant
from workflows.domain.standings import Standing
from workflows.errors import NotFound
from workflows.storage import turns
from workflows.storage.bookkeeping import table_of
from workflows.storage.prepared import Prepared
from workflows.storage.rows import FIRST, Writing, adding, changing, over, store
from workflows.storage.tables import (
    ENDS,
    IS_OPEN,
    GrantRow,
    StandingRow,
)

_GRANTS = table_of(GrantRow)
_STANDINGS = table_of(StandingRow)

_LIMIT = bindparam("limit", type_=Integer)

_IN_ORDER = (_GRANTS.c.issued_at, _GRANTS.c.id)
_GRANT = Prepared(select(_GRANTS).where(_GRANTS.c.id == bindparam("id")))
_OPEN = select(_GRANTS).where(_GRANTS.c.person == bindparam("person"), IS_OPEN).order_by(*_IN_ORDER)
_OPEN_GRANTS_OF_PERSON = Prepared(_OPEN)
_OPEN_GRANTS_THERE = Prepared(_OPEN.where(_GRANTS.c.place == bindparam("place")))
_DUE = (
    select(_GRANTS)
    .where(ENDS, _GRANTS.c.ends_at <= bindparam("now"))
    .order_by(_GRANTS.c.ends_at)
    .limit(_LIMIT)
)
_DUE_GRANTS = Prepared(_DUE)
_FREE_DUE_GRANTS = Prepared(_DUE.with_for_update(skip_locked=True))
_NEXT_END = select(func.min(_GRANTS.c.ends_at)).where(ENDS)
_ADD_GRANT = adding(_GRANTS, also=FIRST)
# All that ever changes of a grant (`issued_at` where a clock was ahead); the rest is as approved.
LIFE = ("issued_at", "ends_at", "status", "activated_at", "over_at", "ended_by", "note", "stuck")
_CHANGE_GRANT = changing(_GRANTS, *LIFE)
_LIFE_OF = attrgetter(*_CHANGE_GRANT.names)


class Grants:
    """The grants."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, id: str) -> Grant:
        """The grant of this id. Raises `NotFound`."""
        grant = self.find(id)
        if grant is None:
            raise NotFound(f"There is no grant {id}.")
        return grant

    def find(self, id: str) -> Grant | None:
        """The grant of this id, if its request was ever approved."""
        found = self._load(_GRANT, id=id)
        return found[0] if found else None

    def open_of(self, person: EmailAddress, place: Place | None = None) -> list[Grant]:
        """What the directory may have of this person's grants, in the order they were issued."""
        if place is None:
            return self._load(_OPEN_GRANTS_OF_PERSON, person=person)
        return self._load(_OPEN_GRANTS_THERE, person=person, place=place_to_text(place))

    def due(self, now: datetime, *, limit: int, locked: bool = True) -> list[Grant]:
        """Live grants whose end has come, oldest end first.

        `locked`: until the commit nobody else changes them, and what others have is passed over.
        """
        return self._load(_FREE_DUE_GRANTS if locked else _DUE_GRANTS, now=now, limit=limit)

    def next_end(self) -> datetime | None:
        """When the next live grant ends."""
        return self._connection.execute(_NEXT_END).scalar()

    def _load(self, query: Prepared, **given: object) -> list[Grant]:
        return [GrantRow.to_domain(row) for row in query.all(self._connection, **given)]

    def save(self, grant: Grant) -> Grant:
        """Store it over the version it was loaded at."""
        store(self._connection, *self.writings(grant))
        return replace(grant, version=grant.version + 1)

    @staticmethod
    def writings(grant: Grant) -> list[Writing]:
        """What there is to store of it."""
        if grant.version == 0:
            return [Writing(_ADD_GRANT, [_ADD_GRANT.row(GrantRow.values(grant))])]
        return [Grants.changes([grant])]

    @staticmethod
    def changes(grants: Sequence[Grant]) -> Writing:
        """What there is to store of many that were loaded, by one statement."""
        return Writing(_CHANGE_GRANT, [_LIFE_OF(grant) for grant in grants])


_ONE = select(_STANDINGS).where(
    _STANDINGS.c.person == bindparam("person"), _STANDINGS.c.place == bindparam("place")
)
_STANDING = Prepared(_ONE)
_STANDING_LOCKED = Prepared(_ONE.with_for_update())
_STANDINGS_OF_ACCOUNT = Prepared(
    select(_STANDINGS).where(
        _STANDINGS.c.account == bindparam("account"), _STANDINGS.c.place == bindparam("place")
    )
)
_STANDINGS_NOTED_FOR = Prepared(
    select(_STANDINGS).where(_STANDINGS.c.account == bindparam("account"), _STANDINGS.c.noted)
)
# One row for each grant, and one where there is none; by one way to the database and back.
_STANDING_WITH_GRANTS = (
    select(
        *(column.label(f"standing_{column.name}") for column in _STANDINGS.c),
        *(column.label(f"grant_{column.name}") for column in _GRANTS.c),
    )
    .select_from(
        select(literal_column("1"))
        .subquery("somewhere")
        .outerjoin(
            _STANDINGS,
            and_(
                _STANDINGS.c.person == bindparam("person"),
                _STANDINGS.c.place == bindparam("place"),
            ),
        )
        .outerjoin(
            _GRANTS,
            and_(
                _GRANTS.c.person == bindparam("person"),
                _GRANTS.c.place == bindparam("place"),
                IS_OPEN,
            ),
        )
    )
    .order_by(*_IN_ORDER)
)
_WITH_GRANTS = Prepared(_STANDING_WITH_GRANTS)
_WITH_GRANTS_IN_TURN = Prepared(_STANDING_WITH_GRANTS.add_columns(*turns.TO_ASK))
_ADD_STANDING = adding(_STANDINGS, also=FIRST)
_CHANGE_STANDING = changing(_STANDINGS)


class Standings:
    """The standings."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, person: EmailAddress, place: Place, *, locked: bool = False) -> Standing:
        """The standing of this person there; one that was never touched is made on the spot.

        `locked`: nobody else may change it until the commit (SQLite has one writer anyway).
        """
        query = _STANDING_LOCKED if locked else _STANDING
        row = query.first(self._connection, person=person, place=place_to_text(place))
        return StandingRow.to_domain(row) if row else Standing(person=person, place=place)

    def with_grants(
        self, person: EmailAddress, place: Place, *, to_ask: bool = False
    ) -> tuple[Standing, list[Grant]]:
        """The same, with the open grants there in the order they were issued.

        `to_ask`: from then until the commit nobody else adds a request of this person, or at this
        place (SQLite has one writer anyway). What is returned was read before that was waited for.
        """
        in_turn = to_ask and self._connection.dialect.name != "sqlite"
        query = _WITH_GRANTS_IN_TURN if in_turn else _WITH_GRANTS
        rows = query.all(self._connection, person=person, place=place_to_text(place))
        standing = Standing(person=person, place=place)
        if rows[0]["standing_version"] is not None:
            standing = StandingRow.to_domain(_part(rows[0], "standing_", _STANDINGS))
        grants = [_part(row, "grant_", _GRANTS) for row in rows if row["grant_id"] is not None]
        return standing, [GrantRow.to_domain(grant) for grant in grants]

    def find_by_account(self, account: str, place: Place) -> list[Standing]:
        """Every standing there that was noted for this account, under whatever address.

        Nobody else can ask this about the account until the commit.
        """
        turns.take_to_note(self._connection, account)
        there = {"account": account, "place": place_to_text(place)}
        found = _STANDINGS_OF_ACCOUNT.all(self._connection, **there)
        return [StandingRow.to_domain(row) for row in found]

    def noted_for(self, account: str) -> list[Standing]:
        """Where this account has open grants, under whatever address they were asked for."""
        found = _STANDINGS_NOTED_FOR.all(self._connection, account=account)
        return [StandingRow.to_domain(row) for row in found]

    def save(self, standing: Standing) -> Standing:
        """Store it over the version it was loaded at."""
        store(self._connection, *self.writings(standing))
        return replace(standing, version=standing.version + 1)

    @staticmethod
    def writings(standing: Standing) -> list[Writing]:
        """What there is to store of it."""
        values = StandingRow.values(standing)
        if standing.version == 0:
            return [Writing(_ADD_STANDING, [_ADD_STANDING.row(values)])]
        return [over(_CHANGE_STANDING, values, standing.version)]


def _part(row: Mapping[str, Any], prefix: str, table: Table) -> dict[str, Any]:
    """One table's share of a row of several."""
    return {name: row[prefix + name] for name in table.c.keys()}  # noqa: SIM118  # no dict
