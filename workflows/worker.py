"""Claim a job, run its handler, settle it. The only place that catches whatever a handler raises.

Two kinds of threads: those that change W&B never wait for Slack, and the other way round. While a
job runs its lease is renewed; when the process dies the lease runs out and another takes over.
"""

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from random import Random
from time import monotonic

from workflows.domain import retry
from workflows.domain.reactions import JobKind
from workflows.errors import AccessError, Conflict, LeaseLost, Unavailable
from workflows.services import notices, standings
from workflows.services.deps import Deps
from workflows.storage.outbox import LEASE, Job

DIRECTORY = (JobKind.ENSURE,)
MESSAGES = (JobKind.NOTIFY, JobKind.ALERT)
THREADS = ((DIRECTORY, "access", 4), (MESSAGES, "messages", 2))
POLL = 1.0  # seconds between looks when nobody wakes us
DRAIN = 8.0  # seconds that a stop waits for what is running

Handler = Callable[[Deps, Job], datetime | None]


def _ensure(deps: Deps, job: Job) -> datetime | None:
    return standings.ensure(deps, job)


def _notify(deps: Deps, job: Job) -> None:
    notices.notify(deps, job)


def _alert(deps: Deps, job: Job) -> None:
    notices.alert(deps, job)


HANDLERS: Mapping[JobKind, Handler] = {
    JobKind.ENSURE: _ensure,
    JobKind.NOTIFY: _notify,
    JobKind.ALERT: _alert,
}

log = logging.getLogger(__name__)


class Worker:
    """Does what is owed. `run_due` is one thread's work; `start` lets several do it for good."""

    def __init__(self, deps: Deps, *, random: Random) -> None:
        self._deps = deps
        self._random = random
        self._wake = threading.Condition()
        self._woken = 0
        self._stopped = False
        self._stop_by = 0.0
        self._threads: list[threading.Thread] = []
        self._running: set[str] = set()

    # ── one job ──────────────────────────────────────────────────────────────────────────────

    def run_due(self, kinds: Collection[JobKind] = (*DIRECTORY, *MESSAGES)) -> int:
        """Do everything that is due now, and what follows from it; how many jobs that was."""
        done = 0
        while self.run_one(kinds):
            done += 1
        return done

    def run_one(self, kinds: Collection[JobKind]) -> bool:
        """Do the first job that is due, if there is one that nobody else holds."""
        job = self._claim(kinds)
        if job is None:
            return False
        self._running.add(job.token)
        try:
            self._run(job)
        finally:
            self._running.discard(job.token)
        return True

    def _claim(self, kinds: Collection[JobKind]) -> Job | None:
        now = self._deps.clock()
        with self._deps.look() as work:
            due_at = work.outbox.next_due(kinds, now=now)
        if due_at is None or due_at > now:
            return None
        try:
            with self._deps.begin() as work:
                return work.outbox.claim(kinds, now=now, token=self._deps.new_id())
        except Conflict:
            return None

    def _run(self, job: Job) -> None:
        try:
            again_at = HANDLERS[job.kind](self._deps, job)
        except LeaseLost:
            log.warning("another worker has taken this over", extra={"job": job.key})
        except AccessError as error:
            self._postpone(job, error)
        except Exception as error:
            # A bug. The job stays owed: access that is over is never forgotten.
            log.exception("a job failed", extra={"job": job.key})
            self._postpone(job, error)
        else:
            self._finish(job, again_at=again_at)

    def _finish(self, job: Job, *, again_at: datetime | None) -> None:
        with self._deps.begin() as work:
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
        log.warning(
            "a job has to be tried again",
            extra={"job": job.key, "attempts": attempts, "until": until.isoformat(), "error": said},
        )

    # ── threads ──────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Work until `stop`."""
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

    def wake(self) -> None:
        """Something was stored that may be due."""
        with self._wake:
            self._woken += 1
            self._wake.notify_all()

    def wind_down(self) -> None:
        """Start nothing more. Only signals; what is running has `DRAIN` seconds from here."""
        with self._wake:
            if not self._stopped:
                self._stopped = True
                self._stop_by = monotonic() + DRAIN
            self._wake.notify_all()

    def stop(self) -> None:
        """Wind down and wait; what does not finish is taken over when its lease runs out."""
        self.wind_down()
        for thread in self._threads:
            thread.join(max(0.0, self._stop_by - monotonic()))

    @property
    def is_running(self) -> bool:
        """Whether every thread is alive."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def _loop(self, kinds: Collection[JobKind]) -> None:
        while not self._stopped:
            seen = self._woken
            try:
                worked = self.run_one(kinds)
            except Exception:  # the database: the job is still owed, and its lease runs out
                log.exception("the outbox could not be worked on")
                worked = False
            if not worked:
                self._rest(seen)

    def _rest(self, seen: int) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._stopped or self._woken != seen, POLL)

    def _keep_leases(self) -> None:
        while not self._stopped:
            running = list(self._running)
            try:
                if running:
                    with self._deps.begin() as work:
                        work.outbox.renew(running, now=self._deps.clock())
            except Exception:  # the next beat tries again; a lost lease is found out at the commit
                log.exception("leases could not be renewed")
            with self._wake:
                self._wake.wait_for(lambda: self._stopped, LEASE.total_seconds() / 4)
