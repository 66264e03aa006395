"""Rows to be stored, by statements that are text from the beginning.

A statement that SQLAlchemy makes costs more for converting and sending its values than SQLite takes
to store them, and on PostgreSQL each is a message there and one back. So what is stored together is
said together (`store`): SQLite gets the cells as they lie in its file, PostgreSQL everything in one
message, of several statements one of them each (its manual, "WITH Queries", "Data-Modifying
Statements in WITH"), and many rows of one as one JSON text (`json_to_recordset`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Boolean, Connection, Integer, Table, TypeDecorator
from sqlalchemy.types import DateTime, TypeEngine

from workflows.domain.chain import moment
from workflows.errors import Conflict
from workflows.storage.driver import Asked, change, fetch

Cell = str | int | None | datetime
Row = Sequence[Cell]

_JSON = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement that stores rows, in the words of each database. Made by `adding`, `changing`.

    `names`: a row's cells, in this order; `moments`: which of them are times.
    """

    names: tuple[str, ...]
    moments: tuple[int, ...] = field(repr=False)
    sqlite: str = field(repr=False)
    one: str = field(repr=False)  # PostgreSQL, for one row
    many: str = field(repr=False)  # PostgreSQL, for as many as there are

    def row(self, values: Mapping[str, Cell]) -> Row:
        """The cells in their order."""
        cells: Row = itemgetter(*self.names)(values)
        return cells

    def checked(self, row: Row) -> Row:
        """The same. Raises `ValueError` for a time without a zone, which could be any."""
        for number in self.moments:
            at = row[number]
            if isinstance(at, datetime) and at.tzinfo is None:
                raise ValueError(f"{self.names[number]} has no time zone")
        return row

    def as_text(self, row: Row) -> Row:
        """The cells with times as SQLite stores them. Refuses what `checked` does."""
        cells = list(row)
        for number in self.moments:
            at = cells[number]
            cells[number] = moment(at) if isinstance(at, datetime) else None
        return tuple(cells)


@dataclass(frozen=True, slots=True)
class Writing:
    """A statement and its rows."""

    statement: Statement
    rows: Sequence[Row]


def store(connection: Connection, *writings: Writing, look: Asked | None = None) -> Sequence[Any]:
    """Store all of it; no row may be in it twice.

    `look`: a query of one row; its cells as they are without what is stored here, or none. Raises
    `Conflict` when a row that was to be changed is not there as it was loaded.
    """
    todo = [one for one in writings if one.rows]
    if connection.dialect.name == "sqlite":
        seen = () if look is None else fetch(connection, *look)[0]
        stored = change(connection, *map(_in_sqlite, todo))
    else:
        stored, seen = _store_in_postgresql(connection, todo, look)
    if stored != [len(one.rows) for one in todo]:
        raise Conflict("it was changed since it was read")
    return seen


def _in_sqlite(writing: Writing) -> tuple[str, Sequence[Row]]:
    statement = writing.statement
    return statement.sqlite, [statement.as_text(row) for row in writing.rows]


def _store_in_postgresql(
    connection: Connection, writings: Sequence[Writing], look: Asked | None
) -> tuple[list[int], Sequence[Any]]:
    texts = tuple(w.statement.one if len(w.rows) == 1 else w.statement.many for w in writings)
    given = tuple(cell for writing in writings for cell in _sent(writing))
    if look is None and len(texts) < 2:
        return change(connection, *((text, [given]) for text in texts)), ()
    query, asked = look or ("", ())
    found = fetch(connection, _together(texts, query), (*asked, *given))[0]
    return list(found[: len(texts)]), found[len(texts) :]


def _sent(writing: Writing) -> Sequence[Cell]:
    statement = writing.statement
    if len(writing.rows) == 1:
        return statement.checked(writing.rows[0])
    cells = [statement.as_text(row) for row in writing.rows]
    return (_JSON.encode([dict(zip(statement.names, row, strict=True)) for row in cells]),)


@lru_cache
def _together(texts: tuple[str, ...], query: str) -> str:
    """One statement of several, that tells how many rows each of them has written.

    And, where there is a query, what that finds: none of them sees what another writes.
    """
    parts = [f"w{n} AS ({text} RETURNING 1)" for n, text in enumerate(texts)]
    found = [f"(SELECT count(*) FROM w{n})" for n in range(len(texts))]
    if query:
        parts, found = [f"seen AS ({query})", *parts], [*found, "seen.* FROM seen"]
    return f"WITH {', '.join(parts)} SELECT {', '.join(found)}"


FIRST = {"version": "1"}


def over(statement: Statement, values: Mapping[str, Cell], version: int) -> Writing:
    """One row, over this version of it."""
    return Writing(statement, [statement.row({**values, "version": version})])


def adding(
    table: Table, *only: str, also: Mapping[str, str] | None = None, otherwise: str = ""
) -> Statement:
    """Insert rows of all columns, or `only` of these. `also`: columns that are the same in each, as
    SQL; `otherwise`: an ON CONFLICT clause. "{earlier}" in it is the database's word for the
    smaller of two.
    """
    constant = dict(also or {})
    names = only or tuple(column.name for column in table.c if column.name not in constant)
    into = f"INSERT INTO {table.name} ({', '.join([*names, *constant])})"

    def values(mark: str) -> str:
        return f"{into} VALUES ({', '.join([*[mark] * len(names), *constant.values()])})"

    select = (
        f"{into} SELECT {', '.join([*names, *constant.values()])} FROM {_sent_rows(table, names)}"
    )
    return Statement(
        names,
        _moments(table, names),
        sqlite=values("?") + " " + otherwise.format(earlier="min"),
        one=values("%s") + " " + otherwise.format(earlier="least"),
        many=select + " " + otherwise.format(earlier="least"),
    )


def changing(table: Table, *only: str) -> Statement:
    """Change all columns of stored rows, or `only` these, each over the version that was loaded.

    A row has their new cells, then those of the table's key, and `version`.
    """
    key = tuple(column.name for column in table.primary_key)
    same = (*key, "version")
    names = only or tuple(column.name for column in table.c if column.name not in same)
    every = (*names, *same)

    def by_marks(mark: str) -> str:
        changed = ", ".join(f"{name} = {mark}" for name in names)
        loaded = " AND ".join(f"{name} = {mark}" for name in same)
        return f"UPDATE {table.name} SET {changed}, version = version + 1 WHERE {loaded}"

    changed = ", ".join(f"{name} = r.{name}" for name in names)
    loaded = " AND ".join(f"{table.name}.{name} = r.{name}" for name in same)
    return Statement(
        every,
        _moments(table, every),
        sqlite=by_marks("?"),
        one=by_marks("%s"),
        many=f"UPDATE {table.name} SET {changed}, version = {table.name}.version + 1 "
        f"FROM {_sent_rows(table, every)} WHERE {loaded}",
    )


def over_the_last(table: Table, *names: str) -> str:
    """An ON CONFLICT clause: these columns as they are said now."""
    key = ", ".join(column.name for column in table.primary_key)
    changed = ", ".join(f"{name} = excluded.{name}" for name in names)
    return f"ON CONFLICT ({key}) DO UPDATE SET {changed}"


# ── the rows of one JSON text ────────────────────────────────────────────────────────────────────


def _sent_rows(table: Table, names: Sequence[str]) -> str:
    """Times are sent as SQLite stores them, so PostgreSQL is told that they are UTC."""
    types = {name: _type_of(table.c[name].type) for name in names}
    typed = ", ".join(f'"{name}" {type}' for name, type in types.items())
    listed = ", ".join(f'"{name}"' for name in names)
    read = ", ".join(
        f'"{name}" AT TIME ZONE \'UTC\' AS "{name}"' if type == "timestamp" else f'"{name}"'
        for name, type in types.items()
    )
    return (
        f"(SELECT {read} FROM ROWS FROM (json_to_recordset(CAST(%s AS json)) AS ({typed})) "
        f"WITH ORDINALITY AS sent({listed}, nth) ORDER BY nth) AS r"
    )


def _moments(table: Table, names: Sequence[str]) -> tuple[int, ...]:
    return tuple(n for n, name in enumerate(names) if _type_of(table.c[name].type) == "timestamp")


def _type_of(type: TypeEngine[object]) -> str:
    """PostgreSQL's name of it."""
    plain = type.impl if isinstance(type, TypeDecorator) else type
    if isinstance(plain, DateTime):
        return "timestamp"
    if isinstance(plain, Boolean):
        return "boolean"
    return "integer" if isinstance(plain, Integer) else "text"
