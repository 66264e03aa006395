"""Many rows by one statement, without a conversion for each value.

A statement that SQLAlchemy makes costs more for converting and sending ten thousand rows than the
database takes to store them. SQLite gets the cells as they lie in its file, in one `executemany`;
PostgreSQL gets all rows as one JSON text and takes it apart (its manual, "JSON Functions and
Operators", `json_to_recordset`): one message there, one back.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from workflows.domain.chain import moment

Cell = str | int | None | datetime

_JSON = json.JSONEncoder(separators=(",", ":"))


class Many:
    """One statement for many rows of these columns (name to PostgreSQL's type, in this order).

    `sqlite` has a `?` for each column; `postgresql` reads from `{rows}`, which is called `r`.
    Times are sent as SQLite stores them, so PostgreSQL is told that they are UTC.
    """

    def __init__(self, columns: Mapping[str, str], *, sqlite: str, postgresql: str) -> None:
        self._names = tuple(columns)
        self._moments = [n for n, type in enumerate(columns.values()) if type == "timestamp"]
        self._sqlite = sqlite
        self._postgresql = postgresql.format(rows=_rows(columns))

    def execute(self, connection: Connection, rows: Sequence[Sequence[Cell]]) -> int:
        """Run it; how many stored rows it wrote. The rows are taken in this order."""
        cells = [self._cells(row) for row in rows]
        if not cells:
            return 0
        if connection.dialect.name == "sqlite":
            return connection.exec_driver_sql(self._sqlite, cells).rowcount
        named = _JSON.encode([dict(zip(self._names, row, strict=True)) for row in cells])
        return connection.exec_driver_sql(self._postgresql, (named,)).rowcount

    def _cells(self, row: Sequence[Cell]) -> tuple[Cell, ...]:
        """The row with its times as text."""
        cells = list(row)
        for number in self._moments:
            at = cells[number]
            cells[number] = moment(at) if isinstance(at, datetime) else None
        return tuple(cells)


def _rows(columns: Mapping[str, str]) -> str:
    typed = ", ".join(f'"{name}" {type}' for name, type in columns.items())
    names = ", ".join(f'"{name}"' for name in columns)
    read = ", ".join(
        f'"{name}" AT TIME ZONE \'UTC\' AS "{name}"' if type == "timestamp" else f'"{name}"'
        for name, type in columns.items()
    )
    return (
        f"(SELECT {read} FROM ROWS FROM (json_to_recordset(CAST(%s AS json)) AS ({typed})) "
        f"WITH ORDINALITY AS sent({names}, nth) ORDER BY nth) AS r"
    )
