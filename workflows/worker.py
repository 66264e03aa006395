"""Claim a job, run its handler, settle it. The only place that catches whatever a handler raises.

Two kinds of threads: those that change W&B never wait for Slack, and the other way round. While a
job runs its lease is renewed; when the process dies the lease runs out and another takes over.
"""

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from random import Random
from time import monotonic

from workflows.domain import retry
from workflows.domain.reactions import JobKind
from workflows.errors import (
    AccessError,
    Conflict,
    GateClosed,
    LeaseLost,
    ProcessRefused,
    Unavailable,
)
from workflows.patience import Patience
from workflows.services import notices, standings
from workflows.services.deps import Deps
from workflows.storage.outbox import LEASE, Job

DIRECTORY = (JobKind.ENSURE,)
MESSAGES = (JobKind.NOTIFY, JobKind.ALERT)
ALARMS = (JobKind.ALERT,)
THREADS = ((DIRECTORY, "access", 4), (MESSAGES, "messages", 2))
POLL = 1.0  # seconds between looks when nobody wakes us
DRAIN = 7.0  # seconds that a stop waits for what is running
ASIDE = timedelta(seconds=5)  # that a process takes no job of W&B's which W&B refuses alone
AT_THE_GATE = 0.1  # seconds between looks whether W&B has been read
LATE = timedelta(seconds=2)  # an end that waits longer has nobody free for it
GIVE_WAY = 1.0  # seconds between two messages of one thread meanwhile
GATE = 15.0  # seconds that jobs wait for the first reading of W&B; then each is told why it waits

Handler = Callable[[Deps, Job], datetime | None]


def _ensure(deps: Deps, job: Job) -> datetime | None:
    return standings.ensure(deps, job)


def _notify(deps: Deps, job: Job) -> None:
    notices.notify(deps, job)


def _alert(deps: Deps, job: Job) -> datetime | None:
    return notices.alert(deps, job)


HANDLERS: Mapping[JobKind, Handler] = {
    JobKind.ENSURE: _ensure,
    JobKind.NOTIFY: _notify,
    JobKind.ALERT: _alert,
}

log = logging.getLogger(__name__)


def _place_of(job: Job | None) -> str | None:
    """The place in W&B that a job is about, if it is about one."""
    return job.subject.partition(" ")[2] if job and job.kind is JobKind.ENSURE else None


class _Bell:
    """Wakes the threads that wait for something of their kind; heard also by who was busy."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.rung = 0

    def ring(self) -> None:
        with self._condition:
            self.rung += 1
            self._condition.notify_all()

    def wait(self, heard: int, seconds: float) -> None:
        """Until it is rung once more than was `heard`, or so many seconds have passed."""
        with self._condition:
            self._condition.wait_for(lambda: self.rung != heard, seconds)


class Worker:
    """Does what is owed. `run_due` is one thread's work; `start` lets several do it for good."""

    def __init__(
        self, deps: Deps, *, random: Random, is_rush: Callable[[], bool] = lambda: False
    ) -> None:
        """`is_rush`: whether people wait who want an answer at once."""
        self._deps = deps
        self._is_rush = is_rush
        self._began = monotonic()
        self._random = random
        self._bells: dict[tuple[JobKind, ...], _Bell] = {kinds: _Bell() for kinds, _, _ in THREADS}
        self._stopping = threading.Event()
        self._stop_by = 0.0
        self._threads: list[threading.Thread] = []
        self._running: set[str] = set()
        self._patience = Patience()
        self._aside_until: datetime | None = None
        self._late_at: float | None = None  # when a job of W&B's was last begun late
        self._unsettled: set[str] = set()  # claimed, and not known to be finished or postponed

    # ── one job ──────────────────────────────────────────────────────────────────────────────

    def run_due(self, kinds: Collection[JobKind] = (*DIRECTORY, *MESSAGES)) -> int:
        """Do everything that is due now, and what follows from it; how many jobs that was."""
        done = 0
        while self.run_one(kinds):
            done += 1
        return done

    def run_one(self, kinds: Collection[JobKind], *, looking_first: bool = True) -> bool:
        """Do the first job that is due, if there is one that nobody else holds.

        `looking_first`: whether there is one, which takes no turn to write.
        """
        now = self._deps.clock()
        if self._aside_until is not None and now < self._aside_until:
            kinds = [kind for kind in kinds if kind is not JobKind.ENSURE]
        if looking_first:
            with self._deps.look() as work:
                due_at = work.outbox.next_due(kinds, now=now)
            if due_at is None or due_at > now:
                return False
        token = self._deps.new_id()
        self._running.add(token)
        self._unsettled.add(token)  # also when the claim is cut off: it may have been committed
        try:
            job = self._claim(kinds, now, token)
            if job is not None:
                self._run(job)
            self._unsettled.discard(token)
        finally:
            self._running.discard(token)
        return job is not None

    def _claim(self, kinds: Collection[JobKind], now: datetime, token: str) -> Job | None:
        job = None
        avoid = self._patience.avoid() if JobKind.ENSURE in kinds else ()
        try:
            with self._deps.begin() as work:
                work.may_be_lost()
                job = work.outbox.claim(kinds, now=now, token=token, avoid=avoid)
        except Conflict:
            pass
        finally:
            self._patience.claimed(_place_of(job))
        if job and job.kind is JobKind.ENSURE and not job.attempts and now - job.due_at > LATE:
            self._late_at = monotonic()
        return job

    @property
    def is_behind(self) -> bool:
        """Whether more is owed to W&B than is done in time. Access goes before messages then."""
        return self._late_at is not None and monotonic() - self._late_at < 2 * GIVE_WAY

    @property
    def gives_way(self) -> bool:
        """Whether messages wait: access is late, or people are waiting for an answer."""
        return self.is_behind or self._is_rush()

    def _run(self, job: Job) -> None:
        """Do it and settle it; how its place fares is noted, however that goes."""
        began, worked = monotonic(), False
        try:
            worked = self._done(job)
        finally:
            if place := _place_of(job):
                self._patience.done(place, seconds=monotonic() - began, failed=not worked)

    def _done(self, job: Job) -> bool:
        """Whether it worked."""
        try:
            again_at = HANDLERS[job.kind](self._deps, job)
        except LeaseLost:
            log.warning("another worker has taken this over", extra={"job": job.key})
        except ProcessRefused:  # another process has it at once; it counts as no try
            self._aside_until = self._deps.clock() + ASIDE
            self._hand_back([job.token])
        except AccessError as error:
            self._postpone(job, error)
        except Exception as error:  # a bug: what is over is not forgotten, the job stays owed
            log.exception("a job failed", extra={"job": job.key})
            self._postpone(job, error)
        else:
            self._finish(job, again_at=again_at)
            return True
        return False

    def _finish(self, job: Job, *, again_at: datetime | None) -> None:
        with self._deps.begin() as work:
            work.may_be_lost()  # then it is done once more, and there is nothing left to do
            work.outbox.finish(job, again_at=again_at)

    def _postpone(self, job: Job, error: Exception) -> None:
        retry_after = error.retry_after if isinstance(error, Unavailable) else None
        attempts = job.attempts + 1
        until = retry.next_try(
            attempts,
            now=self._deps.clock(),
            spread=self._random.random(),
            retry_after=retry_after,
        )
        said = str(error) if isinstance(error, AccessError) else type(error).__name__
        with self._deps.begin() as work:
            work.outbox.postpone(job, until=until, error=said)
            if job.kind is JobKind.ENSURE and attempts in (2, 6):
                standings.tell_of_trouble(work, job, at=self._deps.clock())
        if isinstance(error, GateClosed):  # it is one trouble, and was logged as one
            return
        log.warning(
            "a job has to be tried again",
            extra={"job": job.key, "attempts": attempts, "until": until.isoformat(), "error": said},
        )

    # ── threads ──────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Work until `stop`."""
        self._began = monotonic()
        for kinds, name, count in THREADS:
            for number in range(count):
                self._threads.append(
                    threading.Thread(
                        target=self._loop, args=(kinds,), name=f"{name}-{number}", daemon=True
                    )
                )
        self._threads.append(
            threading.Thread(target=self._keep_leases, name="worker-leases", daemon=True)
        )
        for thread in self._threads:
            thread.start()

    def wake(self, owed: Collection[JobKind]) -> None:
        """Something of these kinds was stored that may be due.

        Only the threads that do such things: in a rush the others would all get up, look, and find
        nothing, at every commit.
        """
        for kinds, bell in self._bells.items():
            if not set(kinds).isdisjoint(owed):
                bell.ring()

    def wind_down(self) -> None:
        """Start nothing more. Only signals; what is running has `DRAIN` seconds from here."""
        if not self._stopping.is_set():
            self._stop_by = monotonic() + DRAIN
            self._stopping.set()
        for bell in self._bells.values():
            bell.ring()

    def stop(self) -> None:
        """Wind down, wait, and hand back every lease: others need not wait until it runs out.

        What still runs then has lost its lease: it stores nothing more, and dies with the process.
        What it has sent without an answer was noted before it was sent.
        """
        self.wind_down()
        for thread in self._threads:
            thread.join(max(0.0, self._stop_by - monotonic()))
        try:
            self._hand_back(list(self._unsettled))
        except Exception:  # the database: they run out by themselves
            log.exception("leases could not be handed back")

    def _hand_back(self, tokens: Collection[str]) -> None:
        if tokens:
            with self._deps.begin() as work:
                work.outbox.free(tokens)
            self._unsettled.difference_update(tokens)

    @property
    def threads_alive(self) -> int:
        """How many threads are alive."""
        return sum(thread.is_alive() for thread in self._threads)

    @property
    def is_running(self) -> bool:
        """Whether every thread is alive."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def _loop(self, kinds: tuple[JobKind, ...]) -> None:
        if kinds is DIRECTORY:
            self._await_the_first_reading()
        bell, worked = self._bells[kinds], False
        while not self._stopping.is_set():
            heard = bell.rung
            try:  # after one there is likely another: it is claimed at once
                worked = self._gave_way(kinds) or self.run_one(kinds, looking_first=not worked)
            except Exception:  # the database: the job is still owed, and its lease is given back
                log.exception("the outbox could not be worked on")
                worked = False
            if not worked and not self._stopping.is_set():
                bell.wait(heard, POLL)

    def _await_the_first_reading(self) -> None:
        """Before it, `ensure` refuses to do anything: for a moment it is not even asked to."""
        while self._deps.held_up() and monotonic() - self._began < GATE:
            if self._stopping.wait(AT_THE_GATE):
                return

    def _gave_way(self, kinds: Collection[JobKind]) -> bool:
        """While access is late, or people wait for an answer: do an alarm, which waits for nothing;
        else let a moment pass, and then a message be done: so they go on, slowly.

        True when there is nothing more to do in this turn, also because a stop has begun.
        """
        if kinds is not MESSAGES or not self.gives_way:
            return False
        if self.run_one(ALARMS):
            return True
        return self._stopping.wait(GIVE_WAY)  # nothing more is begun

    def _keep_leases(self) -> None:
        while not self._stopping.is_set():
            try:
                self._renew()
            except Exception:  # the next beat tries again; a lost lease is found out at the commit
                log.exception("leases could not be renewed")
            self._stopping.wait(LEASE.total_seconds() / 4)

    def _renew(self) -> None:
        """Keep what is being worked on, and give back what could not be settled."""
        self._hand_back([one for one in list(self._unsettled) if one not in self._running])
        running = list(self._running)
        if running:
            with self._deps.begin() as work:
                work.outbox.renew(running, now=self._deps.clock())
