"""What is looked at after a start and before W&B is first touched."""

import threading
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from tests.builders import ADMIN, BOB, HOUR, MEMBER, NOW, OLGA
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.entitlements import Team
from workflows.domain.grants import GrantStatus
from workflows.ports import Clock
from workflows.services import start
from workflows.services.deps import Deps
from workflows.services.start import GRACE, NOT_READ, FirstLook
from workflows.storage.clocks import SteadyClock
from workflows.worker import Worker

UNUSUAL = ("RestartedLate", "ClockJumped", "BackupRestored")
MINUTE = timedelta(minutes=1)
YEAR = timedelta(days=365)


def told(rig: Rig) -> list[str]:
    """What the admins were told about starts."""
    return [name for name in rig.events() if name in UNUSUAL]


def alerts(rig: Rig) -> int:
    """How many alerts are owed."""
    return sum(job["kind"] == "alert" for job in rig.jobs())


class Passed:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """So many."""
        return self.seconds


class Started(Passed):
    """A process that has just been started, and what has passed since."""

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self.first = FirstLook(rig.deps.look, self)


def start_again(rig: Rig, heads: start.Heads | None = None) -> Started:
    """Another process goes on."""
    start.take_stock(rig.deps, heads)
    started = Started(rig)
    rig.deps = replace(rig.deps, held_up=started.first.why_waiting)
    rig.worker = Worker(rig.deps, random=Random(0))
    return started


def run_by(rig: Rig, clock: Clock) -> None:
    """Let the engine have this clock."""
    rig.directory.clock = clock
    rig.deps = replace(rig.deps, clock=clock)
    rig.worker = Worker(rig.deps, random=Random(0))


class Compared:
    """Stands for the comparison of W&B with what is stored."""

    def __init__(self) -> None:
        self.times = 0
        self.fails = False

    def __call__(self, deps: Deps) -> None:
        """Counted, and it may fail."""
        self.times += 1
        if self.fails:
            raise OSError("the database is gone")


def test_the_first_start_ever_and_one_soon_after_the_last_are_usual(rig: Rig) -> None:
    compared = Compared()
    start.take_stock(rig.deps)
    rig.clock.advance(HOUR)
    start.take_stock(rig.deps)
    start.look_around(rig.deps, compared)

    assert told(rig) == []
    assert compared.times == 0


def test_after_a_long_time_the_admins_are_told_and_w_and_b_is_compared_before_it_is_written(
    rig: Rig,
) -> None:
    compared, first = Compared(), FirstLook(rig.deps.look)
    start.beat(rig.deps)
    rig.clock.advance(HOUR + MINUTE)

    start.take_stock(rig.deps)
    assert first.why_waiting() == NOT_READ
    first.take(rig.deps, compared)

    assert told(rig) == ["RestartedLate"]
    assert alerts(rig) == 1
    assert first.why_waiting() == ""
    first.take(rig.deps, compared)
    assert compared.times == 1


def test_who_was_cut_off_before_it_compared_compares_at_its_next_start(rig: Rig) -> None:
    compared = Compared()
    compared.fails = True
    start.beat(rig.deps)
    rig.clock.advance(2 * HOUR)
    start.take_stock(rig.deps)
    with pytest.raises(OSError, match="gone"):
        start.look_around(rig.deps, compared)

    compared.fails = False
    start.take_stock(rig.deps)
    start.look_around(rig.deps, compared)
    start.look_around(rig.deps, compared)

    assert told(rig) == ["RestartedLate"]
    assert compared.times == 2


def test_a_last_sign_of_life_that_lies_ahead_means_that_the_clock_was_set_back(rig: Rig) -> None:
    start.beat(rig.deps)
    rig.clock.advance(-HOUR)

    start.take_stock(rig.deps)

    assert told(rig) == ["ClockJumped"]
    (entry,) = (one for one in rig.audit() if one.event == "ClockJumped")
    assert entry.detail["seconds"] == -3600


def test_a_published_head_that_is_ahead_means_that_an_older_backup_was_restored(rig: Rig) -> None:
    start.take_stock(rig.deps, (12, 12))
    assert told(rig) == []

    start.take_stock(rig.deps, (12, 7))

    assert told(rig) == ["BackupRestored"]


def test_of_two_that_start_at_once_one_tells(rig: Rig) -> None:
    start.take_stock(rig.deps)
    rig.clock.advance(2 * HOUR)
    barrier = threading.Barrier(2)

    def begin() -> None:
        barrier.wait(10)
        start.take_stock(rig.deps)

    threads = [threading.Thread(target=begin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert told(rig) == ["RestartedLate"]


def test_before_the_first_reading_nothing_is_given_or_taken_back_and_people_are_told(
    rig: Rig,
) -> None:
    start.take_stock(rig.deps)
    given = rig.approved(duration=Span(900))
    rig.run()
    passed = start_again(rig, heads=(12, 7))
    calls = len(rig.directory.calls)
    passed.seconds += 2 * GRACE
    rig.wait(HOUR)
    rig.drain(timedelta(minutes=5))

    assert rig.grant(given).status is GrantStatus.ENDING
    assert len(rig.directory.calls) == calls
    assert rig.held() == MEMBER
    assert "RevocationStuck" in rig.events(given)

    passed.first.take(rig.deps, Compared())
    rig.drain()
    assert rig.held() is None
    assert rig.grant(given).status is GrantStatus.ENDED


def test_after_a_usual_start_what_is_over_waits_for_the_list_of_everybody_for_a_moment_only(
    rig: Rig,
) -> None:
    start.take_stock(rig.deps)
    given = rig.approved(duration=Span(900))
    rig.run()
    passed = start_again(rig)
    rig.wait(timedelta(minutes=20))
    assert rig.held() == MEMBER

    passed.seconds += GRACE
    rig.wait(timedelta(minutes=10))
    assert rig.held() is None
    assert rig.grant(given).status is GrantStatus.ENDED
    assert told(rig) == []


# -- the clock -----------------------------------------------------------------------------------


def test_a_clock_that_is_a_year_ahead_for_a_minute_gives_nobody_a_year(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    passed = Passed()
    run_by(rig, SteadyClock(rig.clock, passed))
    early = rig.approved()
    rig.clock.advance(YEAR)
    rig.deps.clock()
    rig.rosters.read()
    ahead = rig.approved(requester=BOB, place=Team("speech"), by=OLGA)
    rig.clock.advance(-YEAR)
    start.clock_was_set(rig.deps, -YEAR)
    rig.rosters.read()
    late = rig.approved(role=ADMIN)

    for id in (early, ahead, late):
        assert rig.grant(id).ends_at == NOW + 8 * HOUR
    (entry,) = (one for one in rig.audit() if one.event == "ClockJumped")
    assert (entry.detail["seconds"], entry.detail["ahead"]) == (-YEAR.total_seconds(), 1)


def test_what_a_clock_that_was_ahead_had_given_counts_from_a_start_with_the_right_one(
    rig: Rig,
) -> None:
    rig.clock.advance(YEAR)
    rig.rosters.read()
    given, forever = rig.approved(), rig.approved(requester=BOB, place=Team("speech"), by=OLGA)
    rig.run()
    over = rig.approved(role=ADMIN)
    rig.run()
    rig.give_back(over)
    start.beat(rig.deps)
    rig.clock.advance(timedelta(hours=1) - YEAR)

    start.take_stock(rig.deps)
    start.take_stock(rig.deps)

    (entry,) = (one for one in rig.audit() if one.event == "ClockJumped")
    assert entry.detail["ahead"] == 2
    assert rig.grant(given).ends_at == rig.grant(forever).ends_at == rig.clock() + 8 * HOUR
    rig.run()
    assert rig.grant(over).status is GrantStatus.ENDED
    assert rig.held() == MEMBER
    rig.wait(8 * HOUR)
    assert rig.held() is None


def test_one_step_is_told_once_however_many_processes_see_it(rig: Rig) -> None:
    barrier = threading.Barrier(3)

    def see() -> None:
        barrier.wait(10)
        start.clock_was_set(rig.deps, 5 * MINUTE)

    threads = [threading.Thread(target=see) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert told(rig) == ["ClockJumped"]

    start.clock_was_set(rig.deps, -5 * MINUTE)
    rig.clock.advance(2 * MINUTE)
    start.clock_was_set(rig.deps, -5 * MINUTE)
    assert told(rig) == ["ClockJumped"] * 3
