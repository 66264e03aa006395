"""Opens the database and sets what we rely on: SQLite in one process, PostgreSQL in any number.

SQLite: the driver's own transactions start late and lose concurrent updates without an error, so it
is told to start none and every transaction that may write begins with BEGIN IMMEDIATE
(sqlite.org/lang_transaction.html). WAL lets a listener read while the worker writes;
`synchronous=FULL`, because NORMAL may lose the last commits when the power fails
(sqlite.org/pragma.html#pragma_synchronous); only leases are committed so (`wait_for_no_disk`).
"""

import fcntl
import select
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import IO, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import InternalError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT = 5_000  # milliseconds; a short wait beats an error

# At most this many connections; the worker's threads and the listeners' share them.
POOL_SIZE = 10

CLOSE_SECONDS = 1.0  # that closing waits for somebody who writes

BELIEVED_FOR = 5.0  # seconds that an idle connection is believed to be alive without being asked

# A connection whose other end is gone without a word (a machine, a network) is given up by both
# sides within about ten seconds: by us so that we notice, by the server so that it frees the locks
# (PostgreSQL manual, "Connections and Authentication" and libpq's "Parameter Key Words").
OUR_SIDE: dict[str, int] = {
    "connect_timeout": 5,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
_HASTY = "hasty"  # what a connection is noted to be, until it waits for the disk again
_WAIT = "PRAGMA synchronous=FULL"
_CHANGE_NOTHING = text("UPDATE alembic_version SET version_num = version_num")
_THEIR_SIDE = """
SELECT set_config('tcp_keepalives_idle', '4', false),
       set_config('tcp_keepalives_interval', '2', false),
       set_config('tcp_keepalives_count', '3', false),
       set_config('tcp_user_timeout', '10000', false),
       set_config('idle_in_transaction_session_timeout', '300000', false)
"""


class Database:
    """An engine, and the two kinds of transaction that we use."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # SQLite has one writer at a time. They wait here, because its own waiting is by sleeping
        # and trying again, and share one connection, which knows the pages that were just written.
        self._turn = threading.Lock()
        self._writer: Connection | None = None
        self._refused = False  # what was to be written last
        self._readers = self.engine
        if not self.is_sqlite:
            self._readers = self.engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: committed at the end, rolled back on any exception."""
        try:
            with self._write() as connection:
                yield connection
        except (OperationalError, InternalError):  # a full disk, a file that may only be read
            self._refused = True
            raise
        self._refused = False

    def takes_writes(self) -> bool:
        """Whether it stores what it is given; asked only where it did not the last time."""
        if self._refused:
            with suppress(OperationalError, InternalError), self.write() as connection:
                connection.execute(_CHANGE_NOTHING)
        return not self._refused

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        if not self.is_sqlite:
            with self.engine.begin() as connection:
                yield connection
            return
        with self._turn:
            writer = self._writer = self._writer or self.engine.connect()
            try:
                with writer.begin():
                    if writer.info.pop(_HASTY, False):
                        begin(writer, _WAIT)
                    begin(writer, "BEGIN IMMEDIATE")
                    yield writer
            except OperationalError:
                writer.invalidate()  # it may still look at what was there before
                raise
            except BaseException:
                self._let_go()
                raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look; waits for no writer."""
        with self._readers.begin() as connection:
            if self.is_sqlite:
                begin(connection, "BEGIN")
            yield connection

    def connect_alone(self) -> Connection:
        """A connection outside the pool, on which each statement commits itself (PostgreSQL)."""
        connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
        return connection

    def close(self) -> None:
        """Give every connection back."""
        if self._turn.acquire(timeout=CLOSE_SECONDS):
            try:
                self._let_go()
            finally:
                self._turn.release()
        self.engine.dispose()  # who writes even now keeps its connection to the end of the process

    def _let_go(self) -> None:
        """Of the writer's connection: whatever is left open on it ends with that."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///…` or `postgresql+psycopg://…`."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(
            url,
            pool_size=POOL_SIZE,
            max_overflow=POOL_SIZE,
            hide_parameters=True,  # errors are logged, and people's words are among the values
            paramstyle="format",  # by their order, as with SQLite
            connect_args={key: on for key, on in OUR_SIDE.items() if key not in parsed.query},
        )
        event.listen(engine, "connect", _prepare_postgresql)
        event.listen(engine, "checkin", _note_idle)
        event.listen(engine, "checkout", _must_be_alive)
        return engine
    engine = create_engine(url, connect_args={"check_same_thread": False}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_postgresql(connection: Any, _entry: ConnectionPoolEntry) -> None:  # the DBAPI's
    with connection.cursor() as cursor:
        cursor.execute(_THEIR_SIDE)
    connection.commit()


def _note_idle(_connection: object, entry: ConnectionPoolEntry) -> None:
    entry.info["idle_since"] = monotonic()


def _must_be_alive(connection: Any, entry: ConnectionPoolEntry, _proxy: object) -> None:
    """Never hand out a connection that the server has closed.

    To ask the server each time (`pool_pre_ping`) is one more way there and back for every
    transaction. A server that ended it has told us so, in bytes that nobody has read yet; one that
    vanished has not, so what lay idle for a while is asked all the same.
    """
    import psycopg  # not at the top: SQLite does without, and starts the sooner

    since = entry.info.pop("idle_since", None)
    if since is None or (monotonic() - since < BELIEVED_FOR and not _has_news(connection)):
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error as error:
        # All that lie there are older than this moment: they are replaced as well.
        raise InvalidatePoolError("the database has closed the connection") from error


def _has_news(connection: Any) -> bool:  # the DBAPI's own type
    if connection.closed:
        return True
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:  # the DBAPI's own type
    connection.isolation_level = None
    for pragma in (
        "PRAGMA journal_mode=WAL",
        _WAIT,
        "PRAGMA foreign_keys=ON",
        f"PRAGMA busy_timeout={BUSY_TIMEOUT}",
    ):
        connection.execute(pragma)


def wait_for_no_disk(connection: Connection) -> None:
    """Let the commit of a transaction, which has said nothing so far, not wait for the disk.

    A crash of PostgreSQL, or of the machine, may take it back. It is not taken back once a later
    commit has waited: that one makes all before it last (PostgreSQL manual, "Asynchronous Commit";
    SQLite syncs its whole log, sqlite.org/pragma.html#pragma_synchronous).
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
        return
    # SQLite does not let it be changed within a transaction.
    connection.info[_HASTY] = True
    for statement in ("ROLLBACK", "PRAGMA synchronous=NORMAL", "BEGIN IMMEDIATE"):
        begin(connection, statement)


def begin(connection: Connection, statement: str) -> None:
    """By the driver itself: by way of the engine it would cost as much as a statement.

    Nor by an event of the engine's: where it has one, every statement looks for its listeners.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    try:
        driver.execute(statement)
    except sqlite3.Error as error:  # somebody else writes and does not end
        raise OperationalError(statement, None, error) from error


def sqlite_file(url: str | URL) -> Path | None:
    """The file behind a SQLite address; None for other databases and for one in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(parsed.database)


def hold_alone(path: Path) -> IO[bytes] | None:
    """Take the one place beside a SQLite file; None when another process has it.

    The returned file keeps the lock until it is closed or the process ends, however it ends.
    """
    file = path.resolve()  # by whatever name: SQLite follows links too
    lock = file.with_name(file.name + ".lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock
