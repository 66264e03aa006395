"""SQLite in memory behind the product's own `Database`, with snapshots that cost microseconds."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from sqlalchemy import Connection

from workflows.storage.database import Database, begin
from workflows.storage.tables import metadata


class MemoryDatabase(Database):
    """One connection for everything: the search runs in one thread."""

    def __init__(self) -> None:
        super().__init__("sqlite://")
        self.connection = self.engine.connect()
        self.raw = cast(sqlite3.Connection, self.connection.connection.dbapi_connection)
        self.connection.rollback()
        self.raw.execute("PRAGMA page_size = 1024")  # snapshots are smaller
        self.raw.execute("VACUUM")
        metadata().create_all(self.connection)
        self.connection.commit()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """See `Database`. A look within a transaction is part of it."""
        if self.connection.in_transaction():
            yield self.connection
            return
        with self.connection.begin():
            begin(self.connection, "BEGIN IMMEDIATE")
            yield self.connection

    read = write

    def save(self) -> bytes:
        """Everything there is."""
        return self.raw.serialize()

    def load(self, saved: bytes) -> None:
        """As it was when it was saved."""
        self.raw.deserialize(saved)

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """What the search itself wants to know, without the product's code."""
        return self.raw.execute(sql, values).fetchall()

    def dump(self, path: Path) -> None:
        """Write it to a file, to look at with other programs."""
        path.write_bytes(self.save())
