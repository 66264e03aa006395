"""Ticks. The only module that knows APScheduler; no job of it carries truth.

Memory store, and late runs run (`misfire_grace_time=None`): APScheduler user guide, "Missed job
executions and coalescing". Its database stores are not used: with their defaults what came due
while the process was down is dropped.

It reckons by the machine's clock. When that is set back by an hour it would stand still for an
hour, so a thread compares that clock with one that nobody can set, and has everything run anew.
When that is set forward by a year, an interval trigger would count every run that was missed, so
there is none: what is done every so often says after each time when the next one is.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger

WATCH = 1.0  # seconds between looks at the machine's clock
OVERLAP = 100  # runs of one name; with few, one that is said anew while it runs would be dropped
SET_BACK = timedelta(seconds=1)  # by less than this it is corrected all the time

log = logging.getLogger(__name__)


class Scheduler:
    """Calls functions every so often, and once in so many seconds, which may be said anew."""

    def __init__(self, wall: Callable[[], datetime], *, watch: float = WATCH) -> None:
        self._wall = wall
        self._watch_every = watch
        self._threads = _Threads()
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": self._threads},
            job_defaults={"max_instances": OVERLAP, "misfire_grace_time": None},
        )
        # A moment that was reckoned before the clock was set back is not added after `_run_all`.
        self._reckoning = threading.Lock()
        self._stopped = threading.Event()
        self._watcher: threading.Thread | None = None

    def every(self, seconds: float, tick: Callable[[], object], *, name: str) -> None:
        """Call `tick` again and again, so many seconds after it has ended; one that raises is
        logged and called again.
        """

        def again() -> None:
            _safe(tick, name)()
            if not self._stopped.is_set():
                self.after(seconds, again, name=name)

        self.after(seconds, again, name=name)

    def after(self, seconds: float, tick: Callable[[], object], *, name: str) -> None:
        """Call `tick` once in so many seconds; what was said last under this name counts."""
        with self._reckoning:
            moment = DateTrigger(run_date=self._wall() + timedelta(seconds=seconds))
            self._scheduler.add_job(_safe(tick, name), moment, id=name, replace_existing=True)

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()
        self._watcher = threading.Thread(target=self._watch, name="clock-watch", daemon=True)
        self._watcher.start()

    def stop(self, seconds: float = 2.0) -> None:
        """Stop ticking; what runs may finish for so long, and then goes down with the process."""
        self._stopped.set()
        if self._watcher is not None:
            self._watcher.join()
        if self._scheduler.running:
            self._scheduler.remove_all_jobs()  # its thread stumbles over a job that ends with it
            self._scheduler.shutdown(wait=False)
        self._threads.join(seconds)

    def _watch(self) -> None:
        wall, count = self._wall(), monotonic()
        while not self._stopped.wait(self._watch_every):
            later, counted = self._wall(), monotonic()
            set_by = later - wall - timedelta(seconds=counted - count)
            wall, count = later, counted
            if set_by < -SET_BACK:
                seconds = round(set_by.total_seconds())
                log.warning("the machine's clock was set back", extra={"seconds": seconds})
                self._run_all()

    def _run_all(self) -> None:
        """Have every job run now, and then when its turn is by the clock as it is now."""
        with self._reckoning:
            for job in self._scheduler.get_jobs():
                with suppress(KeyError):  # it has just begun, and says itself when again
                    job.modify(next_run_time=self._wall())


class _Threads(BaseExecutor):  # type: ignore[misc]  # APScheduler has no types
    """A thread for each run: a slow one holds up no other, and none the end of the process."""

    def __init__(self) -> None:
        super().__init__()
        self._running: set[threading.Thread] = set()

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:
        thread = threading.Thread(
            target=self._run, args=(job, run_times), name=f"tick-{job.id}", daemon=True
        )
        self._running.add(thread)
        thread.start()

    def _run(self, job: Any, run_times: list[datetime]) -> None:
        try:
            self._run_job_success(job.id, run_job(job, "default", run_times, self._logger.name))
        finally:
            self._running.discard(threading.current_thread())

    def join(self, seconds: float) -> None:
        """Wait for what runs, at most so long in all."""
        end = monotonic() + seconds
        for thread in list(self._running):
            thread.join(max(0.0, end - monotonic()))


def _safe(tick: Callable[[], object], name: str) -> Callable[[], None]:
    def run() -> None:
        try:
            tick()
        except Exception:  # the next tick looks again
            log.exception("a tick failed", extra={"tick": name})

    return run
