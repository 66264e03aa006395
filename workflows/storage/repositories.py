"""Load domain objects, and save them over the version that was loaded; else it is a `Conflict`."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, select, update

from workflows.domain.entitlements import EmailAddress, Place, Role, place_to_text, role_to_text
from workflows.domain.events import Event
from workflows.domain.grants import LIVE, OPEN, Grant
from workflows.domain.requests import AccessRequest, RequestStatus
from workflows.domain.standings import Standing
from workflows.errors import Conflict, NotFound
from workflows.ports import Receipt
from workflows.storage.tables import (
    AuditRow,
    DecisionRow,
    GrantRow,
    MetaRow,
    ReceiptRow,
    RequestRow,
    StandingRow,
    table_of,
)

_REQUESTS = table_of(RequestRow)
_DECISIONS = table_of(DecisionRow)
_GRANTS = table_of(GrantRow)
_STANDINGS = table_of(StandingRow)
_RECEIPTS = table_of(ReceiptRow)
_AUDIT = table_of(AuditRow)
_META = table_of(MetaRow)


class Requests:
    """The requests and their decisions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, id: str) -> AccessRequest:
        """The request of this id. Raises `NotFound`."""
        found = self._where(_REQUESTS.c.id == id)
        if not found:
            raise NotFound(f"There is no request {id}.")
        return found[0]

    def find_by_origin(self, origin: str) -> AccessRequest | None:
        """The request that this very submission made."""
        found = self._where(_REQUESTS.c.origin == origin)
        return found[0] if found else None

    def find_pending(
        self, requester: EmailAddress, place: Place, role: Role
    ) -> AccessRequest | None:
        """The request for the same that still waits."""
        found = self._where(
            and_(
                _REQUESTS.c.requester == requester,
                _REQUESTS.c.place == place_to_text(place),
                _REQUESTS.c.role == role_to_text(role),
                _REQUESTS.c.status == RequestStatus.PENDING.value,
            )
        )
        return found[0] if found else None

    def of(self, requester: EmailAddress, *, limit: int) -> list[AccessRequest]:
        """What this person asked for, newest first."""
        return self._where(_REQUESTS.c.requester == requester, limit=limit)

    def pending(self, *, limit: int) -> list[AccessRequest]:
        """Everything that waits for a decision, newest first."""
        return self._where(_REQUESTS.c.status == RequestStatus.PENDING.value, limit=limit)

    def overdue(self, now: datetime, *, limit: int) -> list[str]:
        """The ids of pending requests that nobody decided in time, oldest first."""
        statement = (
            select(_REQUESTS.c.id)
            .where(_REQUESTS.c.status == RequestStatus.PENDING.value, _REQUESTS.c.lapses_at <= now)
            .order_by(_REQUESTS.c.lapses_at)
            .limit(limit)
        )
        return list(self._connection.execute(statement).scalars())

    def _where(self, condition: ColumnElement[bool], *, limit: int = 1) -> list[AccessRequest]:
        statement = (
            select(_REQUESTS)
            .where(condition)
            .order_by(_REQUESTS.c.created_at.desc(), _REQUESTS.c.id)
            .limit(limit)
        )
        rows = self._connection.execute(statement).mappings().all()
        words = (
            select(_DECISIONS)
            .where(_DECISIONS.c.request_id.in_([row["id"] for row in rows]))
            .order_by(_DECISIONS.c.at, _DECISIONS.c.approver)
        )
        decisions = self._connection.execute(words).mappings().all() if rows else []
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
        """Store it over the version it was loaded at."""
        saved = _save(self._connection, RequestRow.values(request), _REQUESTS, request.version)
        if request.decisions:
            self._connection.execute(
                delete(_DECISIONS).where(_DECISIONS.c.request_id == request.id)
            )
            self._connection.execute(
                insert(_DECISIONS),
                [DecisionRow.values(request.id, decision) for decision in request.decisions],
            )
        return replace(request, version=saved)


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
        statement = select(_GRANTS).where(_GRANTS.c.id == id)
        row = self._connection.execute(statement).mappings().first()
        return GrantRow.to_domain(row) if row else None

    def open_of(self, person: EmailAddress, place: Place | None = None) -> list[Grant]:
        """What the directory may have of this person's grants, in the order they were issued."""
        conditions = [
            _GRANTS.c.person == person,
            _GRANTS.c.status.in_(sorted(OPEN)),
        ]
        if place is not None:
            conditions.append(_GRANTS.c.place == place_to_text(place))
        statement = select(_GRANTS).where(*conditions).order_by(_GRANTS.c.issued_at, _GRANTS.c.id)
        return [GrantRow.to_domain(row) for row in self._connection.execute(statement).mappings()]

    def due(self, now: datetime, *, limit: int, locked: bool = True) -> list[Grant]:
        """Live grants whose end has come, oldest end first.

        `locked`: until the commit nobody else changes them, and what others have is passed over.
        """
        statement = (
            select(_GRANTS)
            .where(_GRANTS.c.status.in_(sorted(LIVE)), _GRANTS.c.ends_at <= now)
            .order_by(_GRANTS.c.ends_at)
            .limit(limit)
        )
        if locked:
            statement = statement.with_for_update(skip_locked=True)
        return [GrantRow.to_domain(row) for row in self._connection.execute(statement).mappings()]

    def next_end(self) -> datetime | None:
        """When the next live grant ends."""
        statement = select(func.min(_GRANTS.c.ends_at)).where(
            _GRANTS.c.status.in_(sorted(LIVE)), _GRANTS.c.ends_at.is_not(None)
        )
        return self._connection.execute(statement).scalar()

    def save(self, grant: Grant) -> Grant:
        """Store it over the version it was loaded at."""
        saved = _save(self._connection, GrantRow.values(grant), _GRANTS, grant.version)
        return replace(grant, version=saved)


class Standings:
    """The standings."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, person: EmailAddress, place: Place, *, locked: bool = False) -> Standing:
        """The standing of this person there; one that was never touched is made on the spot.

        `locked`: nobody else may change it until the commit (SQLite has one writer anyway).
        """
        statement = select(_STANDINGS).where(
            _STANDINGS.c.person == person, _STANDINGS.c.place == place_to_text(place)
        )
        if locked:
            statement = statement.with_for_update()
        row = self._connection.execute(statement).mappings().first()
        return StandingRow.to_domain(row) if row else Standing(person=person, place=place)

    def find_by_account(self, account: str, place: Place) -> list[Standing]:
        """Every standing there that was noted for this account, under whatever address."""
        statement = select(_STANDINGS).where(
            _STANDINGS.c.account == account, _STANDINGS.c.place == place_to_text(place)
        )
        rows = self._connection.execute(statement).mappings()
        return [StandingRow.to_domain(row) for row in rows]

    def save(self, standing: Standing) -> Standing:
        """Store it over the version it was loaded at."""
        values = StandingRow.values(standing)
        saved = _save(self._connection, values, _STANDINGS, standing.version)
        return replace(standing, version=saved)


class Receipts:
    """Where messages went."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, subject: str) -> dict[str, Receipt]:
        """All receipts of one request or alert, by audience."""
        statement = select(_RECEIPTS).where(_RECEIPTS.c.subject == subject)
        rows = self._connection.execute(statement).mappings()
        return {row["audience"]: ReceiptRow.to_domain(row) for row in rows}

    def save(self, subject: str, receipt: Receipt) -> None:
        """Keep the newest; only the one worker that holds the lane writes here."""
        key = (_RECEIPTS.c.subject == subject, _RECEIPTS.c.audience == receipt.audience)
        values = asdict(receipt)
        if not self._connection.execute(update(_RECEIPTS).where(*key).values(values)).rowcount:
            self._connection.execute(insert(_RECEIPTS).values(subject=subject, **values))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One fact as it was stored."""

    id: int
    at: datetime
    actor: str
    event: str
    subject: str
    detail: Mapping[str, object]


class Audit:
    """The facts; only ever added to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, event: Event) -> int:
        """Append one fact; its id."""
        detail = asdict(event)
        row = {name: detail.pop(name) for name in ("at", "actor", "subject")}
        row["event"] = type(event).__name__
        row["detail"] = json.dumps(detail, ensure_ascii=False, sort_keys=True)
        statement = insert(_AUDIT).values(row).returning(_AUDIT.c.id)
        return int(self._connection.execute(statement).scalar_one())

    def get(self, id: int) -> AuditEntry:
        """One entry. Raises `NotFound`."""
        found = list(self._rows(_AUDIT.c.id == id))
        if not found:
            raise NotFound(f"There is no audit row {id}.")
        return found[0]

    def of(self, subjects: Collection[str]) -> list[AuditEntry]:
        """Everything about these subjects, oldest first."""
        return list(self._rows(_AUDIT.c.subject.in_(subjects)))

    def all(self) -> Iterator[AuditEntry]:
        """Everything, oldest first, a page at a time."""
        return self._rows(_AUDIT.c.id > 0)

    def _rows(self, condition: ColumnElement[bool]) -> Iterator[AuditEntry]:
        statement = select(_AUDIT).where(condition).order_by(_AUDIT.c.id)
        pages = {"yield_per": 500}
        with self._connection.execute(statement, execution_options=pages) as result:
            for row in result.mappings():
                values = dict(row)
                values["detail"] = json.loads(values["detail"])
                yield AuditEntry(**values)


class Meta:
    """Small things to remember."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> str | None:
        """What was remembered under this key."""
        statement = select(_META.c.value).where(_META.c.key == key)
        return self._connection.execute(statement).scalar()

    def put(self, key: str, value: str) -> None:
        """Remember it."""
        changed = update(_META).where(_META.c.key == key).values(value=value)
        if not self._connection.execute(changed).rowcount:
            self._connection.execute(insert(_META).values(key=key, value=value))


def _save(connection: Connection, values: dict[str, object], table: Table, version: int) -> int:
    """Insert the first version, or replace the one that was loaded; the new version."""
    if version == 0:
        connection.execute(insert(table).values(version=1, **values))
        return 1
    same = [column == values[column.name] for column in table.primary_key]
    over = update(table).where(*same, table.c.version == version)
    if connection.execute(over.values(version=version + 1, **values)).rowcount != 1:
        raise Conflict("it was changed since it was read")
    return version + 1
