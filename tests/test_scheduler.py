"""Ticks: they come, again after an error, and once at a moment that may be moved."""

import ast
import logging
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from time import monotonic

import pytest
from apscheduler.schedulers import base as schedulers

from workflows.scheduler import Scheduler

HOUR = 3600.0
ROOT = Path(__file__).parents[1]


def wall() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # the scheduler reckons by the machine's own clock


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler(wall)
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

    def reach(self, count: int, *, seconds: float = 30) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.count >= count, seconds)


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


def test_what_is_due_already_comes_at_once(scheduler: Scheduler) -> None:
    ticks = Ticks()
    scheduler.start()
    scheduler.after(-HOUR, ticks, name="next end")

    assert ticks.reach(1)


def test_the_last_moment_said_counts(scheduler: Scheduler) -> None:
    early, late = Ticks(), Ticks()
    scheduler.start()
    scheduler.after(2 * HOUR, late, name="next end")
    scheduler.after(HOUR, late, name="next end")
    scheduler.after(0, early, name="next end")

    assert early.reach(1)
    assert late.count == 0


def test_stopping_what_never_started_is_harmless() -> None:
    before = set(threading.enumerate())

    Scheduler(wall).stop()

    assert set(threading.enumerate()) <= before


def test_one_that_is_slow_holds_up_no_other_and_not_the_end(scheduler: Scheduler) -> None:
    stuck, go_on, ticks = threading.Event(), threading.Event(), Ticks()

    def slow() -> None:
        stuck.set()
        go_on.wait(20)

    for number in range(20):
        scheduler.after(0, slow, name=f"slow {number}")
    scheduler.every(0.01, ticks, name="sweep")
    scheduler.start()

    assert stuck.wait(10)
    assert ticks.reach(3)
    began = monotonic()
    scheduler.stop(0.1)
    took = monotonic() - began
    go_on.set()

    assert took < 5


class Machine:
    """The machine's clock, which somebody sets."""

    def __init__(self) -> None:
        self.set_by = timedelta(0)

    def __call__(self) -> datetime:
        return wall() + self.set_by

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """APScheduler asks `datetime` itself; let it see the clock as it is set."""
        machine = self

        class Datetime(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> "Datetime":
                moment = machine()
                return cls.fromtimestamp(moment.timestamp(), tz)

        monkeypatch.setattr(schedulers, "datetime", Datetime)


def test_a_clock_that_is_set_back_does_not_make_it_stand_still(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine, ticks = Machine(), Ticks()
    machine.install(monkeypatch)
    scheduler = Scheduler(machine, watch=0.05)
    scheduler.every(0.02, ticks, name="sweep")
    try:
        with caplog.at_level(logging.WARNING, logger="workflows.scheduler"):
            scheduler.start()
            assert ticks.reach(2)
            machine.set_by = timedelta(hours=-1)
            seen = ticks.count
            assert ticks.reach(seen + 10)
    finally:
        scheduler.stop()

    assert "the machine's clock was set back" in caplog.messages


class SetWhileItIsRead(Machine):
    """Set back just after a tick has read it, which takes a while to say when it comes again."""

    def __init__(self) -> None:
        super().__init__()
        self.armed = False

    def read(self) -> datetime:
        """What the scheduler is given; APScheduler's own looks are not meant."""
        read = self()
        if self.armed and threading.current_thread().name.startswith("tick-"):
            self.armed, self.set_by = False, timedelta(hours=-1)
            threading.Event().wait(0.5)
        return read


def test_a_tick_that_reckoned_by_the_clock_before_it_was_set_back_does_not_wait_for_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine, ticks = SetWhileItIsRead(), Ticks()
    machine.install(monkeypatch)
    scheduler = Scheduler(machine.read, watch=0.02)
    scheduler.every(0.01, ticks, name="sweep")
    try:
        scheduler.start()
        assert ticks.reach(2)
        machine.armed = True
        seen = ticks.count

        assert ticks.reach(seen + 10)
    finally:
        scheduler.stop()


def test_without_the_watch_it_would_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, ticks = Machine(), Ticks()
    machine.install(monkeypatch)
    scheduler = Scheduler(machine, watch=HOUR)
    scheduler.every(0.02, ticks, name="sweep")
    try:
        scheduler.start()
        assert ticks.reach(2)
        machine.set_by = timedelta(hours=-1)
        seen = ticks.count

        assert not ticks.reach(seen + 3, seconds=0.5)
    finally:
        scheduler.stop()


def test_a_clock_that_is_set_forward_by_a_year_makes_everything_due_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine, ticks, soon = Machine(), Ticks(), Ticks()
    machine.install(monkeypatch)
    scheduler = Scheduler(machine)
    scheduler.after(HOUR, ticks, name="next end")
    scheduler.every(0.02, soon, name="sweep")
    try:
        scheduler.start()
        assert soon.reach(1)
        machine.set_by = timedelta(days=366)

        assert ticks.reach(1)
        seen = soon.count
        assert soon.reach(seen + 3)
    finally:
        scheduler.stop()


def test_nothing_of_the_product_unpickles_or_keeps_jobs_where_they_are_pickled() -> None:
    forbidden = re.compile(r"pickle|shelve|marshal|dill|joblib|apscheduler\.jobstores")
    found = []
    for package in ("bot", "workflows"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [one.name for one in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [f"{node.module}.{one.name}" for one in node.names]
                found += [f"{path.name}: {name}" for name in names if forbidden.search(name)]

    assert found == []
