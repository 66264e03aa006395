"""Hands a statement to the database's own driver, past SQLAlchemy's way of running one.

That way costs several times what SQLite itself takes for a row, and most of a whole request was
spent on it (docs/performance.md). What it gives besides is done here: errors are SQLAlchemy's, none
shows the values that were sent, and a connection that broke is thrown away.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

Given = Sequence[Any]  # the values, in the order in which the statement names them
Asked = tuple[str, Given]  # a query and its values


def fetch(connection: Connection, text: str, given: Given) -> Sequence[Sequence[Any]]:
    """Every row that the statement finds."""
    with _cursor(connection) as cursor:
        cursor.execute(text, given)
        return cursor.fetchall()


def change(connection: Connection, *statements: tuple[str, Sequence[Given]]) -> list[int]:
    """Run each statement once for each of its values; how many rows each of them changed."""
    changed = []
    with _cursor(connection) as cursor:
        for text, given in statements:
            if len(given) == 1:
                cursor.execute(text, given[0])
            else:
                cursor.executemany(text, given)
            changed.append(cursor.rowcount)
    return changed


@contextmanager
def _cursor(connection: Connection) -> Iterator[DBAPICursor]:
    dialect = connection.dialect
    driver = connection.connection  # opens another one where the last one broke
    cursor = driver.cursor()
    try:
        yield cursor
    except dialect.loaded_dbapi.Error as error:
        if dialect.is_disconnect(error, driver, cursor):
            connection.invalidate(error)
        raise DBAPIError.instance(
            None, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, dialect=dialect
        ) from error
    finally:
        cursor.close()
