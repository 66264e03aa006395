"""Fresh databases of both kinds, on the disk, as durable as in production."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import postgres
from workflows.storage.database import Database
from workflows.storage.schema import migrate

# The tests' server does without these; here they are part of what is measured.
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")


class Databases:
    """Addresses of databases that nobody has used; each is migrated. PostgreSQL starts when first
    asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._server: postgres.Postgres | None = None
        self._running: Iterator[postgres.Postgres] | None = None

    def sqlite(self) -> str:
        """A SQLite file."""
        url = f"sqlite:///{self._folder / f'{next(self._numbers)}.db'}"
        _migrate(url)
        return url

    def postgresql(self) -> str:
        """A database of the one server."""
        if self._server is None:
            self._running = self._run()
            self._server = next(self._running)
        name = f"bench_{next(self._numbers)}"
        with self._server.superuser() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        url = self._server.url(name)
        _migrate(url)
        return url

    def pairs(self) -> Iterator[tuple[str, str, str]]:
        """(kind, ours, bare) for each kind of database."""
        yield "SQLite", self.sqlite(), self.sqlite()
        yield "PostgreSQL", self.postgresql(), self.postgresql()

    def close(self) -> None:
        """Stop the server."""
        if self._running is not None:
            next(self._running, None)

    @staticmethod
    def _run() -> Iterator[postgres.Postgres]:
        with postgres.running() as server:
            with server.superuser() as connection:
                for setting in _DURABLE:
                    connection.execute(f"ALTER SYSTEM SET {setting} = on".encode())
                connection.execute("SELECT pg_reload_conf()")
            yield server


@contextmanager
def opened(folder: Path) -> Iterator[Databases]:
    """Databases in a folder, until the block ends."""
    databases = Databases(folder)
    try:
        yield databases
    finally:
        databases.close()


def _migrate(url: str) -> None:
    database = Database(url)
    migrate(database)
    database.close()
