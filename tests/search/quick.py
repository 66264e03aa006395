"""Runs the product's statements on the bare driver: compiled once each, by SQLAlchemy itself.

SQLAlchemy's own way from a statement to rows takes most of a step's time. What is run here is the
same SQL with the same conversions of values; only pooling, events and cursors are left out. A test
compares both ways.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import IntegrityError, OperationalError

Convert = Callable[[Any], Any]  # what the driver takes or gives, of whatever type
Row = tuple[Any, ...]  # the same
Given = Mapping[str, Any]


class Quick:
    """One statement, ready to run: its SQL, the order of its values, and their conversions."""

    def __init__(self, statement: Any, names: Sequence[str], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(names) or None)
        self.sql: str = compiled.string
        self._order: Sequence[str] = compiled.positiontup or ()
        self._fixed: Given = compiled.params
        self._expanding: frozenset[str] = frozenset(
            bind.key for bind in compiled.post_compile_params
        )
        self._in: Mapping[str, Convert] = dict(compiled._bind_processors)
        self.columns: list[str] = []
        self._shape: Callable[..., Row] | None = None
        self._out: list[Convert | None] = []
        for name, _, _, kind in compiled._result_columns:
            self.columns.append(name)
            self._out.append(kind.dialect_impl(dialect).result_processor(dialect, None))
        self._converts = any(self._out)

    def bound(self, given: Given) -> tuple[str, list[Any]]:  # what the driver takes
        """The SQL with a mark for each value, and the values."""
        sql, values = self.sql, []
        for name in self._order:
            value = given[name] if name in given else self._fixed[name]
            convert = self._in.get(name)
            if name in self._expanding:
                marks = ", ".join("?" * len(value)) or "NULL"
                sql = sql.replace(f"__[POSTCOMPILE_{name}]", marks)
                values += [convert(each) for each in value] if convert else list(value)
            else:
                values.append(convert(value) if convert is not None else value)
        return sql, values

    @property
    def shape(self) -> Callable[..., Row]:
        """Rows whose columns have names."""
        if self._shape is None:
            self._shape = namedtuple("shape", self.columns)  # type: ignore[misc]  # named at run time
        return self._shape

    def read(self, row: Row) -> Row:
        """A row as SQLAlchemy would give it."""
        if not self._converts:
            return row
        return tuple(
            convert(value) if convert is not None else value
            for convert, value in zip(self._out, row, strict=True)
        )


class Answer:
    """What the product uses of a result."""

    def __init__(self, quick: Quick, cursor: sqlite3.Cursor) -> None:
        self._quick = quick
        self.rowcount = cursor.rowcount
        self._rows = [quick.read(row) for row in cursor.fetchall()] if quick.columns else []

    def mappings(self) -> "Mappings":
        """Rows by the names of their columns."""
        columns = self._quick.columns
        return Mappings(dict(zip(columns, row, strict=True)) for row in self._rows)

    def scalar(self) -> Any:  # of whatever type
        """The first column of the first row."""
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:  # the same
        """The same, which there is."""
        return self._rows[0][0]

    def scalars(self) -> list[Any]:  # the same
        """The first column."""
        return [row[0] for row in self._rows]

    def one(self) -> Row:
        """The first row, which there is."""
        return next(iter(self))

    def all(self) -> list[Row]:
        """Every row."""
        return list(self)

    def first(self) -> Row | None:
        """The first row."""
        return next(iter(self), None)

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *_: object) -> None:
        """Everything was read."""

    def __iter__(self) -> Iterator[Row]:
        return iter([self._quick.shape(*row) for row in self._rows])


class Mappings(list[dict[str, Any]]):
    """What the product uses of a result's mappings."""

    def all(self) -> list[dict[str, Any]]:
        """Every row."""
        return self

    def first(self) -> dict[str, Any] | None:
        """The first."""
        return self[0] if self else None

    def one(self) -> dict[str, Any]:
        """The first, which there is."""
        return self[0]


class QuickConnection:
    """A `Connection`, as far as the product uses one; what it does not know SQLAlchemy does."""

    def __init__(self, slow: Connection, raw: sqlite3.Connection) -> None:
        self._slow = slow
        self._raw = raw
        self._known: dict[tuple[int, tuple[str, ...]], tuple[Executable, Quick]] = {}
        self.dialect = slow.dialect

    def execute(
        self,
        statement: Executable,
        given: Given | Sequence[Given] | None = None,
    ) -> Answer:
        """Run it; SQLAlchemy's own errors."""
        many = list(given) if isinstance(given, list) else None
        one: Given = (many[0] if many else {}) if many is not None else given or {}  # type: ignore[assignment]  # a mapping, if no list
        quick = self._quick(statement, tuple(one))
        try:
            if many is None:
                return Answer(quick, self._raw.execute(*quick.bound(one)))
            changed = 0
            for each in many:
                cursor = self._raw.execute(*quick.bound(each))
                changed += cursor.rowcount
            answer = Answer(quick, cursor)
            answer.rowcount = changed
            return answer
        except sqlite3.IntegrityError as error:
            raise IntegrityError(quick.sql, None, error) from error
        except sqlite3.OperationalError as error:
            raise OperationalError(quick.sql, None, error) from error

    def _quick(self, statement: Executable, names: tuple[str, ...]) -> Quick:
        key = id(statement), names
        known = self._known.get(key)
        if known is None or known[0] is not statement:
            known = self._known[key] = statement, Quick(statement, names, self._slow.dialect)
        return known[1]

    def exec_driver_sql(self, sql: str, given: Any = ()) -> Any:  # what the driver takes
        """Without SQLAlchemy; many at once for a list."""
        if isinstance(given, list):
            return self._raw.executemany(sql, given)
        return self._raw.execute(sql, given)
