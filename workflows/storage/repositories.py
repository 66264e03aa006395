"""Load domain objects, and save them over the version that was loaded; else it is a `Conflict`.

Statements are made once, when the module is loaded: making one costs four times executing it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Insert,
    Integer,
    RowMapping,
    Select,
    Table,
    Update,
    bindparam,
    func,
    insert,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from workflows.domain.entitlements import EmailAddress, Place, place_to_text, role_to_text
from workflows.domain.grants import Grant
from workflows.domain.requests import AccessRequest, Ask
from workflows.domain.standings import Standing
from workflows.errors import Conflict, NotFound
from workflows.storage.bookkeeping import table_of
from workflows.storage.bulk import Many
from workflows.storage.tables import (
    ENDS,
    IS_OPEN,
    IS_PENDING,
    DecisionRow,
    GrantRow,
    RequestRow,
    StandingRow,
)

_REQUESTS = table_of(RequestRow)
_DECISIONS = table_of(DecisionRow)
_GRANTS = table_of(GrantRow)
_STANDINGS = table_of(StandingRow)

_LIMIT = bindparam("limit", type_=Integer)


@dataclass(frozen=True, slots=True)
class _Saving:
    """How a row is stored for the first time, and over the version that was loaded."""

    first: Insert
    over: Update
    key: tuple[str, ...]

    def save(self, connection: Connection, values: dict[str, Any], version: int) -> int:
        """Store it; the new version. Raises `Conflict` when the old one is no longer there."""
        if version == 0:
            connection.execute(self.first, {**values, "version": 1})
            return 1
        if connection.execute(self.over, self._given(values, version)).rowcount != 1:
            raise Conflict("it was changed since it was read")
        return version + 1

    def _given(self, values: dict[str, Any], version: int) -> dict[str, Any]:
        given = {**values, "version": version + 1, "old_version": version}
        for name in self.key:
            given["old_" + name] = given.pop(name)
        return given


def _saving(table: Table) -> _Saving:
    key = tuple(column.name for column in table.primary_key)
    same = [table.c[name] == bindparam("old_" + name) for name in (*key, "version")]
    return _Saving(insert(table), update(table).where(*same), key)


_NEWEST_REQUESTS = (
    select(_REQUESTS).order_by(_REQUESTS.c.created_at.desc(), _REQUESTS.c.id).limit(_LIMIT)
)
_REQUEST = select(_REQUESTS).where(_REQUESTS.c.id == bindparam("id"))
# Two looks by an index each; with OR, a database may read the whole table.
_ASKED_ALREADY = union_all(
    select(_REQUESTS).where(_REQUESTS.c.origin == bindparam("origin")),
    select(_REQUESTS).where(
        _REQUESTS.c.requester == bindparam("requester"),
        _REQUESTS.c.place == bindparam("place"),
        _REQUESTS.c.role == bindparam("role"),
        IS_PENDING,
    ),
)
_REQUESTS_OF_PERSON = _NEWEST_REQUESTS.where(_REQUESTS.c.requester == bindparam("requester"))
_PENDING_REQUESTS = _NEWEST_REQUESTS.where(IS_PENDING)
_OVERDUE_REQUESTS = (
    select(_REQUESTS.c.id)
    .where(IS_PENDING, _REQUESTS.c.lapses_at <= bindparam("now"))
    .order_by(_REQUESTS.c.lapses_at)
    .limit(_LIMIT)
)
_SAVE_REQUEST = _saving(_REQUESTS)

_DECISIONS_ON = (
    select(_DECISIONS)
    .where(_DECISIONS.c.request_id.in_(bindparam("requests", expanding=True)))
    .order_by(_DECISIONS.c.at, _DECISIONS.c.approver)
)


def _over_the_same_word(first: sqlite.Insert | postgresql.Insert) -> Insert:
    new = {name: first.excluded[name] for name in ("approved", "comment", "at")}
    return first.on_conflict_do_update(index_elements=["request_id", "approver"], set_=new)


_SAVE_DECISION = {
    "sqlite": _over_the_same_word(sqlite.insert(_DECISIONS)),
    "postgresql": _over_the_same_word(postgresql.insert(_DECISIONS)),
}


class Requests:
    """The requests and their decisions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, id: str) -> AccessRequest:
        """The request of this id. Raises `NotFound`."""
        found = self._load(_REQUEST, id=id)
        if not found:
            raise NotFound(f"There is no request {id}.")
        return found[0]

    def find_asked(self, ask: Ask) -> AccessRequest | None:
        """The request that this very submission made, else the one for the same that still waits.

        Their `origin` tells which of the two it is.
        """
        found = self._load(
            _ASKED_ALREADY,
            origin=ask.origin,
            requester=ask.requester,
            place=place_to_text(ask.place),
            role=role_to_text(ask.role),
        )
        return min(found, key=lambda one: one.origin != ask.origin, default=None)

    def of(self, requester: EmailAddress, *, limit: int) -> list[AccessRequest]:
        """What this person asked for, newest first."""
        return self._load(_REQUESTS_OF_PERSON, requester=requester, limit=limit)

    def pending(self, *, limit: int) -> list[AccessRequest]:
        """Everything that waits for a decision, newest first."""
        return self._load(_PENDING_REQUESTS, limit=limit)

    def overdue(self, now: datetime, *, limit: int) -> list[str]:
        """The ids of pending requests that nobody decided in time, oldest first."""
        given = {"now": now, "limit": limit}
        return list(self._connection.execute(_OVERDUE_REQUESTS, given).scalars())

    def _load(
        self, statement: Select[Any] | CompoundSelect[Any], **given: object
    ) -> list[AccessRequest]:
        rows = self._connection.execute(statement, given).mappings().all()
        # What was stored once and never again has no decision: `save` sees to that.
        decided = [row["id"] for row in rows if row["version"] > 1]
        decisions: Sequence[RowMapping] = ()
        if decided:
            found = self._connection.execute(_DECISIONS_ON, {"requests": decided})
            decisions = found.mappings().all()
        return [
            RequestRow.to_domain(
                row,
                tuple(
                    DecisionRow.to_domain(decision)
                    for decision in decisions
                    if decision["request_id"] == row["id"]
                ),
            )
            for row in rows
        ]

    def save(self, request: AccessRequest) -> AccessRequest:
        """Store it over the version it was loaded at. Nobody decides on what is not stored yet."""
        assert request.version or not request.decisions, "decided before it was asked"
        saved = _SAVE_REQUEST.save(self._connection, RequestRow.values(request), request.version)
        save_decision = _SAVE_DECISION[self._connection.dialect.name]
        for decision in request.decisions:  # a word can be changed, never taken back
            self._connection.execute(save_decision, DecisionRow.values(request.id, decision))
        return replace(request, version=saved)


_IN_ORDER = (_GRANTS.c.issued_at, _GRANTS.c.id)
_GRANT = select(_GRANTS).where(_GRANTS.c.id == bindparam("id"))
_OPEN_GRANTS_OF_PERSON = (
    select(_GRANTS).where(_GRANTS.c.person == bindparam("person"), IS_OPEN).order_by(*_IN_ORDER)
)
_OPEN_GRANTS_THERE = _OPEN_GRANTS_OF_PERSON.where(_GRANTS.c.place == bindparam("place"))
_DUE_GRANTS = (
    select(_GRANTS)
    .where(ENDS, _GRANTS.c.ends_at <= bindparam("now"))
    .order_by(_GRANTS.c.ends_at)
    .limit(_LIMIT)
)
_FREE_DUE_GRANTS = _DUE_GRANTS.with_for_update(skip_locked=True)
_NEXT_END = select(func.min(_GRANTS.c.ends_at)).where(ENDS)
_SAVE_GRANT = _saving(_GRANTS)

# All that changes of many grants at once; the rest is as they were issued.
LIFE = {
    "ends_at": "timestamp",
    "status": "text",
    "activated_at": "timestamp",
    "over_at": "timestamp",
    "ended_by": "text",
    "note": "text",
    "stuck": "text",
}
_LIFE_OF = attrgetter(*LIFE)
_SAVE_GRANTS = Many(
    {**LIFE, "id": "text", "version": "integer"},
    sqlite=f"UPDATE access_grant SET {', '.join(f'{name} = ?' for name in LIFE)}, "
    "version = version + 1 WHERE id = ? AND version = ?",
    postgresql=f"UPDATE access_grant SET {', '.join(f'{name} = r.{name}' for name in LIFE)}, "
    "version = access_grant.version + 1 FROM {rows} "
    "WHERE access_grant.id = r.id AND access_grant.version = r.version",
)


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

    def _load(self, statement: Select[Any], **given: object) -> list[Grant]:
        rows = self._connection.execute(statement, given).mappings()
        return [GrantRow.to_domain(row) for row in rows]

    def save(self, grant: Grant) -> Grant:
        """Store it over the version it was loaded at."""
        saved = _SAVE_GRANT.save(self._connection, GrantRow.values(grant), grant.version)
        return replace(grant, version=saved)

    def save_all(self, grants: Sequence[Grant]) -> None:
        """Store many that were loaded, each over its version, by one statement.

        Raises `Conflict` when one of them was changed since.
        """
        rows = [(*_LIFE_OF(grant), grant.id, grant.version) for grant in grants]
        if _SAVE_GRANTS.execute(self._connection, rows) != len(rows):
            raise Conflict("one of them was changed since it was read")


_STANDING = select(_STANDINGS).where(
    _STANDINGS.c.person == bindparam("person"), _STANDINGS.c.place == bindparam("place")
)
_STANDING_LOCKED = _STANDING.with_for_update()
_STANDINGS_OF_ACCOUNT = select(_STANDINGS).where(
    _STANDINGS.c.account == bindparam("account"), _STANDINGS.c.place == bindparam("place")
)
_STANDINGS_NOTED_FOR = select(_STANDINGS).where(
    _STANDINGS.c.account == bindparam("account"), _STANDINGS.c.noted
)
_SAVE_STANDING = _saving(_STANDINGS)


class Standings:
    """The standings."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, person: EmailAddress, place: Place, *, locked: bool = False) -> Standing:
        """The standing of this person there; one that was never touched is made on the spot.

        `locked`: nobody else may change it until the commit (SQLite has one writer anyway).
        """
        statement = _STANDING_LOCKED if locked else _STANDING
        given = {"person": person, "place": place_to_text(place)}
        row = self._connection.execute(statement, given).mappings().first()
        return StandingRow.to_domain(row) if row else Standing(person=person, place=place)

    def find_by_account(self, account: str, place: Place) -> list[Standing]:
        """Every standing there that was noted for this account, under whatever address."""
        given = {"account": account, "place": place_to_text(place)}
        rows = self._connection.execute(_STANDINGS_OF_ACCOUNT, given).mappings()
        return [StandingRow.to_domain(row) for row in rows]

    def noted_for(self, account: str) -> list[Standing]:
        """Where this account has open grants, under whatever address they were asked for."""
        rows = self._connection.execute(_STANDINGS_NOTED_FOR, {"account": account}).mappings()
        return [StandingRow.to_domain(row) for row in rows]

    def save(self, standing: Standing) -> Standing:
        """Store it over the version it was loaded at."""
        values = StandingRow.values(standing)
        saved = _SAVE_STANDING.save(self._connection, values, standing.version)
        return replace(standing, version=saved)
