"""Statements that are put together from SQLAlchemy's parts, once, and run by the driver."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, TypeDecorator
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import SelectBase
from sqlalchemy.types import TypeEngine

from workflows.storage.driver import Asked, Given, change, fetch

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Said:
    """A statement in the words of one database, and how values come to it and from it.

    `order`: of the values. `to`, `back`: only the values and columns whose kind the driver does not
    take as it is.
    """

    text: str
    order: tuple[str, ...]
    constant: Mapping[str, object]
    to: Mapping[str, Convert]
    columns: tuple[str, ...]
    back: Mapping[str, Convert]

    def values(self, given: Mapping[str, object]) -> Given:
        """As the driver takes them."""
        values = {**self.constant, **given}
        for name, convert in self.to.items():
            values[name] = convert(values[name])
        return [values[name] for name in self.order]

    def row(self, cells: Sequence[Any]) -> dict[str, Any]:
        """By the names of the columns."""
        row = dict(zip(self.columns, cells, strict=True))
        for name, convert in self.back.items():
            row[name] = convert(row[name])
        return row


class Prepared:
    """A statement whose values are all `bindparam`s of one value each: no lists."""

    def __init__(self, statement: SelectBase | UpdateBase) -> None:
        self._statement = statement
        self._said: dict[str, _Said] = {}

    def all(self, connection: Connection, **given: object) -> list[dict[str, Any]]:
        """Every row, by the names of its columns."""
        said = self._in_words_of(connection.dialect)
        return [said.row(cells) for cells in fetch(connection, said.text, said.values(given))]

    def first(self, connection: Connection, **given: object) -> dict[str, Any] | None:
        """The first row, if there is any."""
        found = self.all(connection, **given)
        return found[0] if found else None

    def told(self, connection: Connection, **given: object) -> Asked:
        """What the driver is told, for somebody who tells it more with that."""
        said = self._in_words_of(connection.dialect)
        return said.text, said.values(given)

    def row(self, connection: Connection, cells: Sequence[Any]) -> dict[str, Any]:
        """One row of what it then found, by the names of its columns."""
        return self._in_words_of(connection.dialect).row(cells)

    def change(self, connection: Connection, **given: object) -> int:
        """How many rows it changed."""
        said = self._in_words_of(connection.dialect)
        return change(connection, (said.text, [said.values(given)]))[0]

    def _in_words_of(self, dialect: Dialect) -> _Said:
        if dialect.name not in self._said:
            self._said[dialect.name] = _said(dialect, self._statement)
        return self._said[dialect.name]


def _said(dialect: Dialect, statement: SelectBase | UpdateBase) -> _Said:
    compiled = statement.compile(dialect=dialect)
    assert compiled.positiontup is not None, "every engine of ours sends values by their order"
    to = {
        name: compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
        for name in compiled.params
    }
    back = {str(column.key): _back(dialect, column.type) for column in statement.exported_columns}
    return _Said(
        text=str(compiled),
        order=tuple(compiled.positiontup),
        constant={
            name: value
            for name, value in compiled.params.items()
            if not compiled.binds[name].required
        },
        to={name: convert for name, convert in to.items() if convert is not None},
        columns=tuple(back),
        back={name: convert for name, convert in back.items() if convert is not None},
    )


def _back(dialect: Dialect, type: TypeEngine[Any]) -> Convert | None:
    """From a cell to what it stands for."""
    if dialect.name == "sqlite" and is_time(type):
        return _time
    return type.dialect_impl(dialect).result_processor(dialect, None)


def _time(cell: str | None) -> datetime | None:
    """As `chain.moment` has written it, which says UTC by saying nothing."""
    return None if cell is None else datetime.fromisoformat(cell + "+00:00")


def is_time(type: TypeEngine[Any]) -> bool:
    """Whether a column of this type holds moments."""
    return isinstance(type.impl if isinstance(type, TypeDecorator) else type, DateTime)
