"""Ticks: they come, again after an error, and once at a moment that may be moved."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from workflows.scheduler import Scheduler

PAST = datetime(2020, 1, 1, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler()
    yield made
    made.stop()


class Ticks:
    """Counts, and lets a test wait for a number."""

    def __init__(self, fails: bool = False) -> None:
        self.count = 0
        self._fails = fails
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()
        if self._fails:
            raise ValueError("a bug")

    def reach(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.count >= count, 10)


def test_a_tick_comes_every_so_often(scheduler: Scheduler) -> None:
    ticks = Ticks()
    scheduler.every(0.01, ticks, name="sweep")
    scheduler.start()

    assert ticks.reach(3)


def test_a_tick_that_raises_is_logged_and_comes_again(
    scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    ticks = Ticks(fails=True)
    with caplog.at_level(logging.ERROR, logger="workflows.scheduler"):
        scheduler.every(0.01, ticks, name="sweep")
        scheduler.start()
        assert ticks.reach(2)
        scheduler.stop()

    assert "a tick failed" in caplog.messages


def test_a_moment_that_is_past_already_comes_at_once(scheduler: Scheduler) -> None:
    ticks = Ticks()
    scheduler.start()
    scheduler.at(PAST, ticks, name="next end")

    assert ticks.reach(1)


def test_the_last_moment_said_counts(scheduler: Scheduler) -> None:
    early, late = Ticks(), Ticks()
    scheduler.start()
    scheduler.at(FAR, late, name="next end")
    scheduler.at(FAR - timedelta(days=1), late, name="next end")
    scheduler.at(PAST, early, name="next end")

    assert early.reach(1)
    assert late.count == 0


def test_stopping_what_never_started_is_harmless() -> None:
    Scheduler().stop()
