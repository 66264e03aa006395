"""Which of several processes does what only one should do: the one that holds a lock in PostgreSQL.

A session's advisory lock on a connection of its own (PostgreSQL manual, "Advisory Locks"): it goes
when the connection goes, however the process ended. It spares work and is no safeguard: whoever has
just lost it may be in the middle of something, and everything it can be in the middle of changes
the database by conditional commits. On SQLite the only process leads.
"""

import logging
import threading
from contextlib import suppress
from hashlib import sha256

from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from workflows.storage.clocks import Count, counted
from workflows.storage.database import Database

BEAT = 1.0  # seconds between looks at the lock
TRUST = 4.0  # seconds after the last good look within which we believe that we still have it
NAME = "wandb-access leader"  # others may use the same database, and number their locks themselves

_SCHEMA = select(func.current_schema())
_TAKE = select(func.pg_try_advisory_lock(bindparam("key")))
_STILL_THERE = select(text("1"))
# A process that stands still (SIGSTOP) keeps its connection alive and must not keep the lead.
_NO_FREEZE = text(  # where the server has it (14 and newer)
    "SELECT set_config(name, '8000', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
)

log = logging.getLogger(__name__)


class Leader:
    """Takes the lead when nobody has it, and finds out within seconds when it is lost."""

    def __init__(self, database: Database, count: Count = counted) -> None:
        self._database = database
        self._count = count
        self._connection: Connection | None = None
        self._confirmed: float | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble = ""  # why it is not known who leads; empty when it is

    @property
    def leads(self) -> bool:
        """Whether this process is the one; false as soon as that is no longer certain."""
        if self._database.is_sqlite:
            return not self._stopped.is_set()
        confirmed = self._confirmed
        return confirmed is not None and self._count() - confirmed < TRUST

    @property
    def state(self) -> str:
        """In a word: `this process`, `another`, or `unknown` while the database does not answer."""
        if self.leads:
            return "this process"
        return "unknown" if self.trouble else "another"

    def start(self) -> None:
        """Keep at it until `stop`. The first look is done when this returns."""
        if self._database.is_sqlite:
            return
        self.look()
        self._thread = threading.Thread(target=self._run, name="leader", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """One look: take the lock if it is free, or make sure that we still have it."""
        led = self._confirmed is not None
        try:
            began = self._count()
            has = self._has_it()
            self._confirmed = began if has else None
            self.trouble = ""
        except SQLAlchemyError as error:
            self._let_go()
            self.trouble = type(error).__name__
            if led:
                log.warning("no longer the leader", extra={"error": type(error).__name__})
            return
        if has and not led:
            log.info("this process is the leader")

    def _has_it(self) -> bool:
        if self._connection is None:
            self._connection = self._database.connect_alone()
            self._connection.execute(_NO_FREEZE)
        if self._confirmed is not None:  # the lock lives as long as its connection does
            self._connection.execute(_STILL_THERE)
            return True
        schema = self._connection.execute(_SCHEMA).scalar()
        has: bool = self._connection.execute(_TAKE, {"key": key_for(str(schema))}).scalar_one()
        return has

    def resign(self) -> None:
        """Let somebody else lead. Only signals."""
        self._stopped.set()

    def stop(self) -> None:
        """Resign, and wait until the lock is free."""
        self.resign()
        if self._thread is not None:
            self._thread.join(1.0)
        else:
            self._let_go()

    def _run(self) -> None:
        while not self._stopped.wait(BEAT):
            self.look()
        self._let_go()

    def _let_go(self) -> None:
        self._confirmed = None
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):  # it was broken already
                connection.close()


def key_for(schema: str) -> int:
    """The number of our lock: a signed 64-bit integer out of our name, one for each schema."""
    digest = sha256(f"{NAME} {schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
