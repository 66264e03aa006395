"""What time it is. On PostgreSQL the database's time, the same for every process; on SQLite the
machine's, which within one process goes back only from where it had been set forward to.

Both count on from a reading by a clock that nobody can set, and both remember how far the source
has jumped against that count, so that somebody can be told.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from workflows.ports import Clock
from workflows.storage.database import Database

JUMP = timedelta(minutes=1)  # less than this is a correction, and nobody's business
MEASURE_EVERY = 30.0  # seconds between looks at the database's clock
TRY_EVERY = 1.0  # seconds between tries while the database does not answer

Count = Callable[[], float]  # seconds since whenever

_NOW = select(func.clock_timestamp())


def counted() -> float:
    """Seconds that nobody can set. Where the system says so, the machine's sleep is among them."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return monotonic() if boot is None else time.clock_gettime(boot)


class SteadyClock:
    """The machine's clock. Set back, it is counted on from where it was.

    It does go forward with the machine's: after a sleep only that one knows how late it is. Where
    it was set forward and is set back again, it goes back as well, by as much as it had gone
    forward and no more: what was counted since the start has passed in any case.
    """

    def __init__(self, wall: Clock, count: Count = counted) -> None:
        self._wall = wall
        self._count = count
        self._lock = threading.Lock()
        self._seen, self._seen_count = wall(), count()
        self._now = self._seen
        self._ahead = timedelta(0)  # of what was counted, by steps forward that still stand
        self._jumped = timedelta(0)

    def __call__(self) -> datetime:
        """Now, aware, UTC; before an earlier answer only when a step forward is undone."""
        with self._lock:
            wall, count = self._wall(), self._count()
            passed = timedelta(seconds=count - self._seen_count)
            step = wall - self._seen - passed
            self._jumped += step
            self._seen, self._seen_count = wall, count
            self._now += passed
            self._follow(wall, step)
            return self._now

    def _follow(self, wall: datetime, step: timedelta) -> None:
        """From what was counted to what the machine says, as far as it is believed."""
        moved = max(wall - self._now, timedelta(0))
        if moved > JUMP:
            self._ahead += moved
        elif step < -JUMP and self._ahead:
            moved = max(wall - self._now, -self._ahead)
            self._ahead += moved
            self._jumped = step  # a step forward that was not told yet is no more
        self._now += moved

    def jump(self) -> timedelta:
        """How far the machine's clock was set since this was last asked; nothing if little."""
        self()
        with self._lock:
            jumped, self._jumped = self._jumped, timedelta(0)
        return jumped if abs(jumped) > JUMP else timedelta(0)


class DatabaseClock:
    """The time as the database has it. Measured now and then, and counted on in between.

    While the database does not answer it is counted on from its last word: the machine's own clock
    is never mixed in. Raises what the database raises when even the first measure fails.
    """

    def __init__(self, database: Database, count: Count = counted) -> None:
        self._database = database
        self._count = count
        self._lock = threading.Lock()
        self._measuring = threading.Lock()
        self._theirs, self._read_at = self._ask()
        self._measure_at = self._read_at + MEASURE_EVERY
        self._last = self._theirs
        self._jumped = timedelta(0)

    def __call__(self) -> datetime:
        """Now, aware, UTC. Goes back only where the database's own clock went back by a lot."""
        if self._count() >= self._measure_at and self._measuring.acquire(False):
            try:  # one thread measures; the others count on
                self._measure()
            finally:
                self._measuring.release()
        with self._lock:
            self._last = max(self._last, self._counted_on())
            return self._last

    def jump(self) -> timedelta:
        """How far the database's clock was set since this was last asked; nothing if little."""
        self()
        with self._lock:
            jumped, self._jumped = self._jumped, timedelta(0)
        return jumped if abs(jumped) > JUMP else timedelta(0)

    def _counted_on(self) -> datetime:
        return self._theirs + timedelta(seconds=self._count() - self._read_at)

    def _measure(self) -> None:
        try:
            theirs, read_at = self._ask()
        except SQLAlchemyError:  # whoever works on it says so; not every call waits for it
            self._measure_at = self._count() + TRY_EVERY
            return
        self._measure_at = read_at + MEASURE_EVERY
        with self._lock:
            jumped = theirs - self._counted_on()
            self._theirs, self._read_at = theirs, read_at
            self._jumped += jumped
            if abs(jumped) > JUMP:  # another server took over, or somebody set it: it rules
                self._last = theirs

    def _ask(self) -> tuple[datetime, float]:
        with self._database.read() as connection:
            theirs: datetime = connection.execute(_NOW).scalar_one()
            return theirs.astimezone(UTC), self._count()
