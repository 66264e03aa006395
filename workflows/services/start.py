"""What a process looks at after it has started and before it first touches W&B.

Somebody may have stopped everything for a week, set the clock, or put an older backup in place:
then what is stored is not what is. So W&B is read before it is written, the admins are told what
was found, and what differs is told before anything is put right.

    take stock of the database ─► first reading of W&B ─► tell what differs ─► go on
"""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from workflows.domain.events import (
    BOT,
    DEPLOYMENT,
    BackupRestored,
    ClockJumped,
    Event,
    RestartedLate,
)
from workflows.services.deps import Deps
from workflows.storage.clocks import JUMP
from workflows.storage.unit_of_work import again_on_conflict

LATE = timedelta(hours=1)  # nothing ran for longer than this: somebody should look
BEAT = "beat"  # where in `meta` the leader says that it lives
STARTED = "started"  # when a process started last; whoever writes it has `meta` to itself
LOOK_FIRST = "look first"  # why W&B is to be compared before it is written; empty when it was

NOT_READ = "W&B has not been read since this process was started."

log = logging.getLogger(__name__)

Heads = tuple[int, int]  # the last sealed audit row as it was published, and as it is stored


class FirstLook:
    """Whether this process has seen the world since it was started."""

    def __init__(self) -> None:
        self._taken = threading.Event()

    def why_waiting(self) -> str:
        """What `Deps.held_up` says: empty once W&B may be touched."""
        return "" if self._taken.is_set() else NOT_READ

    def take(self, deps: Deps, compare: Callable[[Deps], object]) -> None:
        """After a reading of W&B: where the start was unusual, tell what differs; then go on."""
        look_around(deps, compare)
        self._taken.set()


@again_on_conflict
def take_stock(deps: Deps, heads: Heads | None = None) -> None:
    """Say whom it concerns when the last sign of life is old, or lies ahead, or is another's.

    Of several processes that start at once one says so.
    """
    now = deps.clock()
    with deps.begin() as work:
        work.meta.put(STARTED, now.isoformat())
        for event in (*_of_the_beat(work.meta.get(BEAT), now), *_of_the_heads(heads, now)):
            log.warning("this start is unusual", extra={"kind": type(event).__name__})
            work.announce(event)
            work.meta.put(LOOK_FIRST, type(event).__name__)
        work.meta.put(BEAT, now.isoformat())


def _of_the_beat(stored: str | None, now: datetime) -> Iterator[Event]:
    if not stored:  # the first start ever
        return
    last = datetime.fromisoformat(stored)
    if now - last > LATE:
        yield RestartedLate(subject=DEPLOYMENT, at=now, actor=BOT, last_beat=stored)
    if last - now > JUMP:
        yield jumped(now - last, now)


def _of_the_heads(heads: Heads | None, now: datetime) -> Iterator[Event]:
    if heads is not None and heads[0] > heads[1]:
        published, stored = heads
        yield BackupRestored(
            subject=DEPLOYMENT, at=now, actor=BOT, published=published, stored=stored
        )


def jumped(by: timedelta, now: datetime) -> ClockJumped:
    """The fact that the clock was set."""
    return ClockJumped(subject=DEPLOYMENT, at=now, actor=BOT, seconds=round(by.total_seconds()))


def look_around(deps: Deps, compare: Callable[[Deps], object]) -> None:
    """After the first reading: where the start was unusual, tell what differs before writing."""
    with deps.look() as work:
        reason = work.meta.get(LOOK_FIRST)
    if not reason:
        return
    compare(deps)
    with deps.begin() as work:
        work.meta.put(LOOK_FIRST, "")


def beat(deps: Deps) -> None:
    """The leader's sign of life."""
    with deps.begin() as work:
        work.meta.put(BEAT, deps.clock().isoformat())
