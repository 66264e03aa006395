"""What a process looks at after it has started and before it first touches W&B.

Somebody may have stopped everything for a week, set the clock, or put an older backup in place:
then what is stored is not what is. So W&B is read before it is written, the admins are told what
was found, and what differs is told before anything is put right.

    take stock of the database ─► first reading of W&B ─► tell what differs ─► go on

After a usual start it is waited for half a minute at most: access that is over can be taken back by
reading one person, also while the list of everybody does not come.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from workflows.domain.deployment_events import BackupRestored, ClockJumped, RestartedLate
from workflows.domain.events import BOT, DEPLOYMENT, Event
from workflows.domain.grants import LIVE, GrantStatus, bring_forward
from workflows.domain.reactions import JobKind
from workflows.services.deps import Deps
from workflows.storage.clocks import JUMP, Count, counted
from workflows.storage.unit_of_work import UnitOfWork, again_on_conflict

LATE = timedelta(hours=1)  # nothing ran for longer than this: somebody should look
BEAT = "beat"  # where in `meta` the leader says that it lives
STARTED = "started"  # when a process started last; whoever writes it has `meta` to itself
LOOK_FIRST = "look first"  # why W&B is to be compared before it is written; empty when it was
CLOCK_SET = "clock set"  # when a process last saw it; whoever writes it has the next to itself
CLOCK_TOLD = "clock told"  # by how many seconds, and when by the clock as it was then
ONE_STEP = timedelta(minutes=1)  # within it the processes all see the same step
GRACE = 30.0  # seconds that a usual start waits for the first reading

NOT_READ = "W&B has not been read since this process was started."

log = logging.getLogger(__name__)

Transaction = Callable[[], AbstractContextManager[UnitOfWork]]
Heads = tuple[int, int]  # the last sealed audit row as it was published, and as it is stored


class FirstLook:
    """Whether this process has seen the world since it was started, or need not wait for it."""

    def __init__(self, look: Transaction, count: Count = counted) -> None:
        self._taken = threading.Event()
        self._look = look
        self._count = count
        self._until: float | None = None

    def why_waiting(self) -> str:
        """What `Deps.held_up` says: empty once W&B may be touched. The grace is counted from the
        first asking: the threads that wait at the start never touch the database by it.
        """
        if self._until is None:
            self._until = self._count() + GRACE
        if self._taken.is_set() or (self._count() >= self._until and self._is_usual()):
            return ""
        return NOT_READ

    def _is_usual(self) -> bool:
        """Nothing is to be compared first: by now, whoever found that, or has compared, says so."""
        with self._look() as work:
            return not work.meta.get(LOOK_FIRST)

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
        last = work.meta.get(BEAT)
        for event in (*_of_the_beat(work, last, now), *_of_the_heads(heads, now)):
            log.warning("this start is unusual", extra={"kind": type(event).__name__})
            work.announce(event)
            work.meta.put(LOOK_FIRST, type(event).__name__)
        work.meta.put(BEAT, now.isoformat())


def _of_the_beat(work: UnitOfWork, stored: str | None, now: datetime) -> Iterator[Event]:
    if not stored:  # the first start ever
        return
    last = datetime.fromisoformat(stored)
    if now - last > LATE:
        yield RestartedLate(subject=DEPLOYMENT, at=now, actor=BOT, last_beat=stored)
    if last - now > JUMP:
        yield _jumped(now - last, now, ahead=_back_from_ahead(work, now))


def _of_the_heads(heads: Heads | None, now: datetime) -> Iterator[Event]:
    if heads is not None and heads[0] > heads[1]:
        published, stored = heads
        yield BackupRestored(
            subject=DEPLOYMENT, at=now, actor=BOT, published=published, stored=stored
        )


@again_on_conflict
def clock_was_set(deps: Deps, by: timedelta) -> None:
    """Tell that it was set while we ran, and put right what it had done while it was ahead.

    Every process finds out for itself; of one step one tells.
    """
    now = deps.clock()
    with deps.begin() as work:
        work.meta.put(CLOCK_SET, now.isoformat())
        ahead = _back_from_ahead(work, now) if by < timedelta(0) else 0
        if ahead or not _is_told(work.meta.get(CLOCK_TOLD), by, now):
            work.announce(_jumped(by, now, ahead=ahead))
            work.meta.put(CLOCK_TOLD, f"{by.total_seconds()} {now.isoformat()}")


def _is_told(stored: str | None, by: timedelta, now: datetime) -> bool:
    if not stored:
        return False
    seconds, _, at = stored.partition(" ")
    apart = abs(timedelta(seconds=float(seconds)) - by)
    return apart <= ONE_STEP and abs(now - datetime.fromisoformat(at)) <= ONE_STEP


def _back_from_ahead(work: UnitOfWork, now: datetime) -> int:
    """What was issued or put off by a clock that was ahead neither lasts nor waits until then.

    How many live grants that clock had issued.
    """
    known = work.watched.grants()
    for grant in known:
        if grant.status is not GrantStatus.ACTIVE:
            work.ensure(grant, at=now)
        work.record(bring_forward(grant, now=now))
    for kind in JobKind:
        work.hasten(kind, at=now)
    return sum(grant.status in LIVE and grant.issued_at > now for grant in known)


def _jumped(by: timedelta, now: datetime, *, ahead: int) -> ClockJumped:
    seconds = round(by.total_seconds())
    return ClockJumped(subject=DEPLOYMENT, at=now, actor=BOT, seconds=seconds, ahead=ahead)


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
