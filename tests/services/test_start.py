"""What is looked at after a start and before W&B is first touched."""

import threading
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from tests.builders import HOUR, MEMBER
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.grants import GrantStatus
from workflows.services import start
from workflows.services.deps import Deps
from workflows.services.start import NOT_READ, FirstLook
from workflows.worker import Worker

UNUSUAL = ("RestartedLate", "ClockJumped", "BackupRestored")
MINUTE = timedelta(minutes=1)


def told(rig: Rig) -> list[str]:
    """What the admins were told about starts."""
    return [name for name in rig.events() if name in UNUSUAL]


def alerts(rig: Rig) -> int:
    """How many alerts are owed."""
    return sum(job["kind"] == "alert" for job in rig.jobs())


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
    compared, first = Compared(), FirstLook()
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
    first = FirstLook()
    given = rig.approved(duration=Span(900))
    rig.run()
    rig.deps = replace(rig.deps, held_up=first.why_waiting)
    rig.worker = Worker(rig.deps, random=Random(0))
    calls = len(rig.directory.calls)
    rig.wait(HOUR)
    rig.drain(timedelta(minutes=5))

    assert rig.grant(given).status is GrantStatus.ENDING
    assert len(rig.directory.calls) == calls
    assert rig.held() == MEMBER
    assert "RevocationStuck" in rig.events(given)

    first.take(rig.deps, Compared())
    rig.drain()
    assert rig.held() is None
    assert rig.grant(given).status is GrantStatus.ENDED
