"""Opens the database and sets what we rely on: SQLite in one process, PostgreSQL in any number.

SQLite: the driver's own transactions start late and lose concurrent updates without an error, so it
is told to start none and every transaction that may write begins with BEGIN IMMEDIATE
(sqlite.org/lang_transaction.html). WAL lets a listener read while the worker writes;
`synchronous=FULL`, because NORMAL may lose the last commits when the power fails
(sqlite.org/pragma.html#pragma_synchronous).
"""

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import IO, Any

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT = 5_000  # milliseconds; a short wait beats an error

MEASURE_EVERY = 30.0  # seconds between looks at the database's clock

# At most this many connections; the worker's threads and the listeners' share them.
POOL_SIZE = 10


class Database:
    """An engine, and the two kinds of transaction that we use."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # One writer at a time, in the order they came: SQLite's own waiting is by chance.
        self._turn = threading.Lock() if self.is_sqlite else nullcontext()
        self._readers = self.engine.execution_options(read_only=True)
        if not self.is_sqlite:
            self._readers = self._readers.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: committed at the end, rolled back on any exception."""
        with self._turn, self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look; waits for no writer."""
        with self._readers.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


class DatabaseClock:
    """The time as the database has it: with several processes there must be one clock.

    It is read every so often, and counted on from there by a clock that nobody can set.
    """

    def __init__(self, database: Database, local: Callable[[], datetime]) -> None:
        self._database = database
        self._local = local
        self._lock = threading.Lock()
        self._read_at: float | None = None  # by the monotonic clock
        self._theirs = local()

    def __call__(self) -> datetime:
        """Now, aware, UTC. While the database does not answer, counted on from its last word."""
        with self._lock:
            if self._read_at is None or monotonic() - self._read_at >= MEASURE_EVERY:
                self._read()
            if self._read_at is None:  # it has never answered
                return self._local()
            return self._theirs + timedelta(seconds=monotonic() - self._read_at)

    def _read(self) -> None:
        with suppress(SQLAlchemyError), self._database.read() as connection:
            theirs = connection.execute(select(func.clock_timestamp())).scalar_one()
            self._theirs, self._read_at = theirs.astimezone(UTC), monotonic()


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///…` or `postgresql+psycopg://…`."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(
            url,
            pool_size=POOL_SIZE,
            max_overflow=POOL_SIZE,
            pool_pre_ping=True,
            hide_parameters=True,  # errors are logged, and people's words are among the values
        )
    engine = create_engine(url, connect_args={"check_same_thread": False}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:  # the DBAPI's own type
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def sqlite_file(url: str) -> Path | None:
    """The file behind a SQLite address; None for other databases and for one in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(parsed.database)


def hold_alone(path: Path) -> IO[bytes] | None:
    """Take the one place beside a SQLite file; None when another process has it.

    The returned file keeps the lock until it is closed or the process ends, however it ends.
    """
    lock = path.with_name(path.name + ".lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock
