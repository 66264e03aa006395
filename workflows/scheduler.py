"""Ticks. The only module that knows APScheduler; no job of it carries truth.

Memory store, one instance a job, late runs run (`misfire_grace_time=None`) and pile up to one
(`coalesce`): APScheduler user guide, "Missed job executions and coalescing". Its database stores
are not used: with their defaults what came due while the process was down is dropped.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

log = logging.getLogger(__name__)


class Scheduler:
    """Calls functions every so often, and once at a moment that may be moved."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def every(self, seconds: float, tick: Callable[[], object], *, name: str) -> None:
        """Call `tick` every so many seconds; one that raises is logged and called again."""
        self._scheduler.add_job(_safe(tick, name), IntervalTrigger(seconds=seconds), id=name)

    def at(self, moment: datetime, tick: Callable[[], object], *, name: str) -> None:
        """Call `tick` once at that moment; the last moment said under this name counts."""
        self._scheduler.add_job(
            _safe(tick, name), DateTrigger(run_date=moment), id=name, replace_existing=True
        )

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop ticking; what runs is waited for."""
        if self._scheduler.running:
            self._scheduler.remove_all_jobs()  # its thread stumbles over a job that ends with it
            self._scheduler.shutdown(wait=True)


def _safe(tick: Callable[[], object], name: str) -> Callable[[], None]:
    def run() -> None:
        try:
            tick()
        except Exception:  # the next tick looks again
            log.exception("a tick failed", extra={"tick": name})

    return run
