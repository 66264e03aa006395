"""The audit table as a chain: cell by cell as it is stored, sealed in order, read without belief.

Whoever changes a row by hand may leave in it what our types would hide (another spelling of the
same time) or choke on (a blob, text that is no UTF-8): it is read raw.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, TextClause, bindparam, func, select, text, update

from workflows.domain.chain import ERASURE, RETIREMENT, Content, Head, Keys, Row, Seal, Seen
from workflows.domain.events import DEPLOYMENT
from workflows.storage.bookkeeping import AuditRow, table_of
from workflows.storage.records import Meta

PAGE = 1000  # rows that are in memory at once
HEAD = "audit head"  # where in `meta` the newest seal is noted: a row cut off at the end shows
_LOCK = 0x617564697400  # one sealer at a time on PostgreSQL; any constant will do

_AUDIT = table_of(AuditRow)
_AT = {
    "sqlite": "at",
    "postgresql": (
        "replace(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US AD'), ' AD', '')"
    ),
}
_WAITS = "seq IS NULL AND prev IS NULL AND hash IS NULL AND key IS NULL"


def _statement(dialect: str, more: str) -> TextClause:
    cells = f"id, salt, {_AT[dialect]}, actor, event, subject, detail, digest, seq, prev, hash, key"
    return text(f"SELECT {cells} FROM {more}")


_KINDS = ("sqlite", "postgresql")
_SEALED = {kind: _statement(kind, "audit WHERE seq IS NOT NULL ORDER BY seq") for kind in _KINDS}
_UNSEALED = {kind: _statement(kind, "audit WHERE seq IS NULL ORDER BY id") for kind in _KINDS}
# By the table itself and not by an index, which may tell something else when the file is damaged.
_BY_ID = _statement("sqlite", "audit NOT INDEXED ORDER BY id")
_WAITING = {
    "sqlite": _statement("sqlite", f"audit WHERE {_WAITS} ORDER BY id LIMIT :limit"),
    "postgresql": _statement(
        "postgresql", f"audit WHERE {_WAITS} ORDER BY id LIMIT :limit FOR UPDATE"
    ),
}
_ANY_WAITING = text(f"SELECT id FROM audit WHERE {_WAITS} LIMIT 1")
_STRAYS = {kind: _statement(kind, "audit WHERE hash = :hash OR seq IS NULL") for kind in _KINDS}
_ERASURES = {
    kind: _statement(kind, "audit WHERE event = :event ORDER BY seq IS NULL, seq, id")
    for kind in _KINDS
}
_RETIREMENTS = {
    kind: _statement(
        kind,
        "audit WHERE subject = :subject AND event = :event AND seq IS NOT NULL ORDER BY seq",
    )
    for kind in _KINDS
}
_OLDEST = {
    "sqlite": text(
        f"SELECT CAST(strftime('%s', at) AS REAL) FROM audit WHERE {_WAITS} ORDER BY id LIMIT 1"
    ),
    "postgresql": text(
        "SELECT CAST(extract(epoch FROM at) AS double precision) "
        f"FROM audit WHERE {_WAITS} ORDER BY id LIMIT 1"
    ),
}
_ONES = {
    kind: _statement(kind, "audit WHERE id IN :ids ORDER BY id").bindparams(
        bindparam("ids", expanding=True)
    )
    for kind in _KINDS
}
_NEWEST = {
    "sqlite": _statement("sqlite", "audit WHERE typeof(seq) = 'integer' ORDER BY seq DESC LIMIT 1"),
    "postgresql": _statement("postgresql", "audit WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1"),
}
_DOUBLES = text(
    "SELECT max(id) AS id, min(id) AS first FROM audit WHERE digest <> '' "
    "GROUP BY digest HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
)
_SEALED_BY = select(_AUDIT.c.id).where(_AUDIT.c.key == bindparam("sealed_by")).limit(1)
_SEALED_BY_WHICH = select(_AUDIT.c.key).where(_AUDIT.c.seq.is_not(None)).distinct()
_SEAL = update(_AUDIT).where(_AUDIT.c.id == bindparam("row"), _AUDIT.c.seq.is_(None))
_REWRITE = update(_AUDIT).where(_AUDIT.c.id == bindparam("row"))


class Chain:
    """The audit chain, within one transaction."""

    def __init__(self, connection: Connection, keys: Keys, seen: Seen) -> None:
        self.keys = keys
        self.seen = seen
        self._connection = connection
        self._kind = connection.dialect.name
        self._meta = Meta(connection)

    def lock(self) -> None:
        """Be the only one that seals or erases, until the commit (SQLite has one writer anyway)."""
        if self._kind != "sqlite":
            self._connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))

    def head(self) -> Head | None:
        """The newest seal: as it was noted, and where nothing was noted as the table has it.

        The note is believed rather than the table, so that the gap shows where rows were cut off.
        """
        noted = self.noted()
        if noted is not None:
            return noted
        newest = list(self._rows(_NEWEST[self._kind]))
        if not newest:
            return None
        assert isinstance(newest[0].seq, int), "the statement asks for whole numbers"
        return Head(newest[0].seq, str(newest[0].hash), str(newest[0].key))

    def noted(self) -> Head | None:
        """The newest seal as the sealer has noted it."""
        try:
            seq, hash, key = json.loads(self._meta.get(HEAD) or "")
        except (ValueError, TypeError, RecursionError):  # never noted, or not by us
            return None
        is_ours = isinstance(seq, int) and isinstance(hash, str) and isinstance(key, str)
        return Head(seq, hash, key) if is_ours else None

    def has_waiting(self) -> bool:
        """Whether there is anything to seal."""
        return self._connection.execute(_ANY_WAITING).first() is not None

    def waiting(self, limit: int) -> list[Row]:
        """The oldest rows that are not sealed yet; nobody else changes them until the commit."""
        return list(self._rows(_WAITING[self._kind], limit=limit))

    def ones(self, ids: Sequence[int]) -> list[Row]:
        """These rows, by id."""
        return list(self._rows(_ONES[self._kind], ids=list(ids)))

    def every(self, *, damaged: bool = False) -> Iterator[Row]:
        """The sealed rows by seq and then those that wait, a page at a time.

        `damaged`: by id, as far as the file can be read.
        """
        if damaged:
            yield from self._rows(_BY_ID)
            return
        yield from self._rows(_SEALED[self._kind])
        yield from self._rows(_UNSEALED[self._kind])

    def strays(self, hash: str) -> Iterator[Row]:
        """Rows with this hash, and rows without a seq."""
        return self._rows(_STRAYS[self._kind], hash=hash)

    def erasures(self) -> Iterator[Row]:
        """The rows that say that others were erased, oldest first."""
        return self._rows(_ERASURES[self._kind], event=ERASURE)

    def retirements(self) -> Iterator[Row]:
        """The sealed rows that say that keys do not count any more."""
        given = {"subject": DEPLOYMENT, "event": RETIREMENT}
        return self._rows(_RETIREMENTS[self._kind], **given)

    def double(self) -> tuple[int, int] | None:
        """A row that repeats another one, and that one: salts are random, so it was copied."""
        row = self._connection.execute(_DOUBLES).first()
        return (row.id, row.first) if row else None

    def damage(self) -> str:
        """What SQLite itself finds wrong with the table and its indexes; empty when nothing is."""
        if self._kind != "sqlite":
            return ""
        found = self._connection.exec_driver_sql("PRAGMA integrity_check(audit)").scalar()
        return "" if found == "ok" else str(found)

    def has_sealed(self, key: str) -> bool:
        """Whether this key has ever sealed a row."""
        return self._connection.execute(_SEALED_BY, {"sealed_by": key}).first() is not None

    def sealed_by(self) -> frozenset[str]:
        """The ids of all keys that have ever sealed a row. Reads the whole table."""
        with self._as_it_is_stored():
            found = self._connection.execute(_SEALED_BY_WHICH).scalars().all()
        return frozenset(str(key) for key in found)

    def oldest_waiting(self) -> float | None:
        """When the oldest row that waits was stored, in seconds since 1970."""
        at = self._connection.execute(_OLDEST[self._kind]).scalar()
        return None if at is None else float(at)

    def seal(self, seals: Iterable[Seal]) -> None:
        """Store these seals and note the last one."""
        values = [
            {"row": one.id, "seq": one.seq, "prev": one.prev, "hash": one.hash, "key": one.key}
            for one in seals
        ]
        if values:
            self._connection.execute(_SEAL, values)
            last = values[-1]
            self._meta.put(HEAD, json.dumps([last["seq"], last["hash"], last["key"]]))

    def rewrite(self, row: Row, content: Content) -> None:
        """Store what an erasure left of this row. Its digest stays, for the hash covers it."""
        values = {name: getattr(content, name) for name in ("salt", "actor", "subject", "detail")}
        self._connection.execute(_REWRITE, {"row": row.id, **values})

    def _rows(self, statement: TextClause, **given: object) -> Iterator[Row]:
        paged = statement.execution_options(yield_per=PAGE)
        with self._as_it_is_stored(), self._connection.execute(paged, given) as result:
            for id, *content, digest, seq, prev, hash, key in result:
                yield Row(id, Content(*content), digest, seq, prev, hash, key)

    @contextmanager
    def _as_it_is_stored(self) -> Iterator[None]:
        """SQLite: text that is no UTF-8 comes with its bytes as lone surrogates (PEP 383)."""
        if self._kind != "sqlite":
            yield
            return
        driver = self._connection.connection.driver_connection
        assert driver is not None, "it is connected"
        before = driver.text_factory
        driver.text_factory = _text
        try:
            yield
        finally:
            driver.text_factory = before


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")
