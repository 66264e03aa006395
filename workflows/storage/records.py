"""What is kept beside the domain's objects: where messages went, the facts, small things."""

import json
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, Select, bindparam, insert, select, update

from workflows.domain.chain import PLAIN, Content, Key, digest, moment
from workflows.domain.events import Event
from workflows.errors import NotFound
from workflows.ports import Receipt
from workflows.storage.bookkeeping import AuditRow, MetaRow, ReceiptRow, table_of
from workflows.storage.prepared import Prepared
from workflows.storage.rows import Row, Writing, adding, over_the_last, store

_RECEIPTS = table_of(ReceiptRow)
_AUDIT = table_of(AuditRow)
_META = table_of(MetaRow)

_RECEIPTS_OF_SUBJECT = Prepared(
    select(_RECEIPTS).where(_RECEIPTS.c.subject == bindparam("of_subject"))
)


_SAVE_RECEIPT = adding(
    _RECEIPTS,
    otherwise=over_the_last(_RECEIPTS, "channel", "ts", "drawn", "failed"),
)


class Receipts:
    """Where messages went."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, subject: str) -> dict[str, Receipt]:
        """All receipts of one request or alert, by audience."""
        found = _RECEIPTS_OF_SUBJECT.all(self._connection, of_subject=subject)
        return {row["audience"]: ReceiptRow.to_domain(row) for row in found}

    def save(self, subject: str, receipt: Receipt) -> None:
        """Keep the newest; only the one worker that holds the lane writes here."""
        row = _SAVE_RECEIPT.row({"subject": subject, **asdict(receipt)})
        store(self._connection, Writing(_SAVE_RECEIPT, [row]))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One fact as it was stored."""

    id: int
    at: datetime
    actor: str
    event: str
    subject: str
    detail: Mapping[str, object]
    seq: int | None
    hash: str | None


_ADD_FACT = insert(_AUDIT).returning(_AUDIT.c.id)
_ADD_FACTS = adding(_AUDIT, "at", "actor", "subject", "event", "detail", "salt", "digest")
_FACTS = (
    select(*(_AUDIT.c[field.name] for field in fields(AuditEntry)))
    .order_by(_AUDIT.c.id)
    .execution_options(yield_per=500)
)
_FACT = _FACTS.where(_AUDIT.c.id == bindparam("fact"))
_FACTS_OF_SUBJECTS = _FACTS.where(_AUDIT.c.subject.in_(bindparam("subjects", expanding=True)))


_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True)


_OF_ALL = frozenset(field.name for field in fields(Event))  # they have columns of their own


@cache
def _names(event: type[Event]) -> tuple[str, ...]:
    """Its own fields. They are plain values, which `asdict` would copy at ten times the cost."""
    return tuple(field.name for field in fields(event) if field.name not in _OF_ALL)


class Audit:
    """The facts; only ever added to. `key` makes what tells our rows from a stranger's."""

    def __init__(self, connection: Connection, key: Key = PLAIN) -> None:
        self._connection = connection
        self._key = key

    def add(self, event: Event) -> int:
        """Append one fact; its id."""
        row = dict(zip(_ADD_FACTS.names, self._row(event), strict=True))
        return int(self._connection.execute(_ADD_FACT, row).scalar_one())

    def add_all(self, events: Sequence[Event]) -> None:
        """Append many, in this order, by one statement."""
        store(self._connection, self.writing(events))

    def writing(self, events: Sequence[Event]) -> Writing:
        """What there is to store of them."""
        return Writing(_ADD_FACTS, [self._row(event) for event in events])

    def _row(self, event: Event) -> Row:
        """In the order of `_ADD_FACTS`."""
        name, at = type(event).__name__, moment(event.at)
        detail = _JSON.encode({field: getattr(event, field) for field in _names(type(event))})  # type: ignore[arg-type]  # a class can be hashed
        salt = secrets.token_hex(16)
        content = Content(salt, at, event.actor, name, event.subject, detail)
        made = digest(self._key, content)
        return event.at, event.actor, event.subject, name, detail, salt, made

    def get(self, id: int) -> AuditEntry:
        """One entry. Raises `NotFound`."""
        found = list(self._rows(_FACT, fact=id))
        if not found:
            raise NotFound(f"There is no audit row {id}.")
        return found[0]

    def of(self, subjects: Collection[str]) -> list[AuditEntry]:
        """Everything about these subjects, oldest first."""
        return list(self._rows(_FACTS_OF_SUBJECTS, subjects=list(subjects)))

    def all(self) -> Iterator[AuditEntry]:
        """Everything, oldest first, a page at a time."""
        return self._rows(_FACTS)

    def _rows(self, statement: Select[tuple[object, ...]], **given: object) -> Iterator[AuditEntry]:
        with self._connection.execute(statement, given) as result:
            for row in result.mappings():
                values = dict(row)
                values["detail"] = json.loads(values["detail"])
                yield AuditEntry(**values)


_REMEMBERED = select(_META.c.value).where(_META.c.key == bindparam("of_key"))
_REPLACE_REMEMBERED = update(_META).where(_META.c.key == bindparam("of_key"))
_REMEMBER = insert(_META)


class Meta:
    """Small things to remember."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> str | None:
        """What was remembered under this key."""
        return self._connection.execute(_REMEMBERED, {"of_key": key}).scalar()

    def put(self, key: str, value: str) -> None:
        """Remember it."""
        changed = {"of_key": key, "value": value}
        if not self._connection.execute(_REPLACE_REMEMBERED, changed).rowcount:
            self._connection.execute(_REMEMBER, {"key": key, "value": value})
