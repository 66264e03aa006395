"""Keeping the copy of the directory fresh, and waiting for a newer one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from sandbox.slack_limits import ANSWER_SECONDS
from tests.builders import BOB, terms
from tests.services.rig import Rig
from workflows.domain.entitlements import EmailAddress
from workflows.domain.policy import ChatGroup, Policy
from workflows.errors import DirectoryClosed, DirectoryUnavailable
from workflows.ports import Groups
from workflows.services import roster
from workflows.services.roster import RosterKeeper

GROUP = Policy(defaults=terms(approvers=(ChatGroup("S1"),)))


def a_keeper(
    rig: Rig,
    policy: Policy | None = None,
    *,
    groups: Groups | None = None,
    pace: roster.Pace | None = None,
) -> RosterKeeper:
    """A keeper on the rig's world."""
    return RosterKeeper(
        begin=rig.work.begin,
        look=rig.work.look,
        directory=rig.directory,
        groups=groups or rig.groups,
        policy=policy or Policy(),
        clock=rig.clock,
        pace=pace,
    )


@contextmanager
def kept(rig: Rig, *, apart: float = 0.01) -> Iterator[RosterKeeper]:
    """A keeper whose thread runs; whoever waits has time for any machine."""
    keeper = a_keeper(rig, pace=roster.Pace(apart=apart, at_least=0.01, patience=30))
    thread = threading.Thread(target=keeper.run)
    thread.start()
    try:
        yield keeper
    finally:
        keeper.stop()
        thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def running(sqlite_rig: Rig) -> Iterator[tuple[Rig, RosterKeeper]]:
    """It runs, and reads whenever it is asked."""
    with kept(sqlite_rig) as keeper:
        yield sqlite_rig, keeper


def test_a_reading_is_stored_and_is_the_current_one(rig: Rig) -> None:
    keeper = a_keeper(rig)
    rig.directory.add_team("sound")

    read = keeper.refresh()

    assert keeper.current() == read
    assert keeper.current().find_team("sound")
    assert keeper.trouble == ""


def test_a_reading_is_remembered_for_as_long_as_no_newer_one_is_to_be_expected(rig: Rig) -> None:
    keeper, other = a_keeper(rig), a_keeper(rig)
    seen = keeper.refresh()
    rig.directory.add_team("sound")
    rig.clock.advance(timedelta(seconds=1))
    newer = other.refresh()

    assert keeper.recent() is seen
    rig.clock.advance(roster.RECENT)
    assert keeper.recent() == newer
    assert a_keeper(rig).recent() == newer


def test_a_remembered_reading_gives_way_to_any_newer_one_that_was_asked_for(
    sqlite_rig: Rig,
) -> None:
    keeper, other = a_keeper(sqlite_rig), a_keeper(sqlite_rig)
    keeper.refresh()
    newer = other.refresh()

    assert keeper.current() == newer
    assert keeper.recent() == newer


def test_before_the_first_reading_there_is_none(sqlite_rig: Rig) -> None:
    with sqlite_rig.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM roster")

    with pytest.raises(DirectoryUnavailable, match="not been read yet"):
        a_keeper(sqlite_rig).current()


def test_a_reading_that_fails_leaves_the_last_and_says_why(sqlite_rig: Rig) -> None:
    keeper = a_keeper(sqlite_rig)
    before = keeper.refresh()
    sqlite_rig.directory.fail_next(DirectoryUnavailable("502"), on="roster")

    with pytest.raises(DirectoryUnavailable):
        keeper.refresh()

    assert keeper.trouble == "502"
    assert keeper.current() == before
    keeper.refresh()
    assert keeper.trouble == ""


def test_a_reading_that_another_has_stored_is_none_of_this_process(sqlite_rig: Rig) -> None:
    a_keeper(sqlite_rig).refresh()
    keeper = a_keeper(sqlite_rig)
    keeper.current()

    assert not keeper.has_read
    keeper.refresh()
    assert keeper.has_read


def test_what_w_and_b_refuses_our_key_with_is_told_until_it_answers_otherwise(
    sqlite_rig: Rig,
) -> None:
    keeper = a_keeper(sqlite_rig)
    told = []
    for error in (DirectoryClosed("401"), DirectoryUnavailable("502"), DirectoryClosed("403")):
        sqlite_rig.directory.fail_next(error, on="roster")
        with pytest.raises(type(error)):
            keeper.refresh()
        told.append((keeper.refusal, keeper.has_read))
    keeper.refresh()

    assert told == [("401", False), ("", False), ("403", False)]
    assert (keeper.refusal, keeper.has_read) == ("", True)


def test_the_members_of_chat_groups_are_kept_with_it(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.groups.known["S1"] = frozenset({BOB})

    assert a_keeper(rig, GROUP).refresh().groups == {"S1": frozenset({BOB})}


def test_while_the_chat_is_down_the_members_last_known_are_kept(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    keeper = a_keeper(rig, GROUP)
    rig.groups.known["S1"] = frozenset({BOB})
    keeper.refresh()
    rig.groups.down = True

    assert keeper.refresh().groups == {"S1": frozenset({BOB})}


def test_members_that_were_never_known_are_nobody(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    with rig.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM roster")
    rig.groups.down = True

    assert a_keeper(rig, GROUP).refresh().groups.get("S1") is None


def test_whoever_waits_gets_a_reading_that_was_begun_after_they_asked(
    running: tuple[Rig, RosterKeeper],
) -> None:
    rig, keeper = running
    rig.directory.add_team("sound")

    assert keeper.newer().find_team("sound")


def test_a_directory_that_does_not_answer_is_not_waited_for_for_long(
    running: tuple[Rig, RosterKeeper],
) -> None:
    rig, keeper = running
    before = keeper.newer()
    rig.directory.fail_next(DirectoryUnavailable("502"), on="roster")

    assert keeper.newer() == before
    rig.directory.add_team("sound")
    assert keeper.newer().find_team("sound")


def test_who_waits_for_a_newer_reading_is_answered_while_slack_still_waits() -> None:
    assert roster.Pace().patience <= ANSWER_SECONDS / 2


def test_without_a_thread_the_wait_ends_by_itself(sqlite_rig: Rig) -> None:
    keeper = a_keeper(sqlite_rig)
    keeper.stop()

    assert keeper.newer() == keeper.current()


def test_asking_has_it_read_anew_soon(running: tuple[Rig, RosterKeeper]) -> None:
    rig, keeper = running
    keeper.newer()
    read = threading.Event()
    rig.directory.clock = noting(read, rig.directory.clock)
    keeper.ask()

    assert read.wait(10)


def noting(read: threading.Event, clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """The clock of a directory that notes when it is read."""

    def noted() -> datetime:
        read.set()
        return clock()

    return noted


def test_what_nobody_waits_for_is_not_read_at_once_but_what_somebody_waits_for_is(
    sqlite_rig: Rig,
) -> None:
    with kept(sqlite_rig, apart=3600) as keeper:
        keeper.newer()
        before = readings(sqlite_rig)
        for _ in range(20):
            keeper.ask()
            threading.Event().wait(0.01)
        asked = readings(sqlite_rig)
        keeper.newer()

    assert (asked, readings(sqlite_rig)) == (before, before + 1)


def test_what_work_waits_for_is_read_at_once(sqlite_rig: Rig) -> None:
    read = threading.Event()
    with kept(sqlite_rig, apart=3600) as keeper:
        keeper.newer()
        sqlite_rig.directory.clock = noting(read, sqlite_rig.directory.clock)
        keeper.ask(soon=True)

        assert read.wait(10)


def test_while_a_reading_takes_long_w_and_b_is_left_alone_unless_somebody_waits(
    sqlite_rig: Rig,
) -> None:
    def slow_clock() -> datetime:
        threading.Event().wait(0.5)
        return sqlite_rig.clock()

    with kept(sqlite_rig) as keeper:
        keeper.newer()
        sqlite_rig.directory.clock = slow_clock
        keeper.newer()
        before = readings(sqlite_rig)
        keeper.ask()
        threading.Event().wait(2)
        asked = readings(sqlite_rig)
        keeper.newer()

    assert (asked, readings(sqlite_rig)) == (before, before + 1)


class Slow:
    """Groups that take their time, and know how many asked for them at once."""

    def __init__(self) -> None:
        self._inside = threading.Semaphore(1)
        self.overlapped = False

    def members(self, group: str) -> frozenset[EmailAddress]:
        """Nobody, after a moment."""
        if not self._inside.acquire(blocking=False):
            self.overlapped = True
            return frozenset()
        threading.Event().wait(0.05)
        self._inside.release()
        return frozenset()


def test_one_reading_of_a_process_is_over_before_the_next_begins(sqlite_rig: Rig) -> None:
    slow = Slow()
    keeper = a_keeper(sqlite_rig, GROUP, groups=slow)
    threads = [threading.Thread(target=keeper.refresh) for _ in range(4)]
    before = readings(sqlite_rig)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert (slow.overlapped, readings(sqlite_rig)) == (False, before + 4)


def readings(rig: Rig) -> int:
    """How often W&B was read."""
    return [call[0] for call in rig.directory.calls].count("roster")


def test_a_bug_while_reading_does_not_end_the_reading(
    running: tuple[Rig, RosterKeeper],
) -> None:
    rig, keeper = running
    keeper.newer()
    clock, failed = rig.directory.clock, threading.Event()

    def broken() -> datetime:
        rig.directory.clock = clock
        failed.set()
        raise ZeroDivisionError

    rig.directory.clock = broken
    keeper.newer()
    assert failed.wait(10)
    rig.directory.add_team("sound")

    assert keeper.newer().find_team("sound")


class Follower:
    """A keeper that does not lead, whose turns and readings are counted."""

    def __init__(self, rig: Rig) -> None:
        self.turns = self.readings = self.handed_on = 0
        self.fails = 0  # of the next calls of `on_read`
        self._changed = threading.Condition()
        self._clock = rig.directory.clock
        rig.directory.clock = self._reading
        self.keeper = RosterKeeper(
            begin=rig.work.begin,
            look=rig.work.look,
            directory=rig.directory,
            groups=rig.groups,
            policy=Policy(),
            clock=rig.clock,
            leads=self._leads,
            on_read=self._on_read,
            pace=roster.Pace(every=0.01, in_trouble=0.01, apart=0.01, at_least=0.01),
        )

    def _note(self, **counts: int) -> None:
        with self._changed:
            for name, more in counts.items():
                setattr(self, name, getattr(self, name) + more)
            self._changed.notify_all()

    def _leads(self) -> bool:
        self._note(turns=1)
        return False

    def _reading(self) -> datetime:
        self._note(readings=1)
        return self._clock()

    def _on_read(self) -> None:
        if self.fails:
            self._note(fails=-1)
            raise OSError("the database is gone")
        self._note(handed_on=1)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for it."""
        with self._changed:
            assert self._changed.wait_for(holds, 10)


@pytest.fixture
def follower(sqlite_rig: Rig) -> Iterator[Follower]:
    """It runs, with much shorter waits; `fails` twice at first."""
    made = Follower(sqlite_rig)
    made.fails = 2
    thread = threading.Thread(target=made.keeper.run)
    thread.start()
    yield made
    made.keeper.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_who_does_not_lead_reads_once_and_then_only_when_asked_or_when_nobody_else_does(
    sqlite_rig: Rig, follower: Follower
) -> None:
    follower.until(lambda: follower.turns >= 5)
    first = follower.readings
    follower.keeper.ask()
    follower.until(lambda: follower.readings > first)
    follower.until(lambda: follower.turns >= 15)
    asked = follower.readings

    sqlite_rig.clock.advance(roster.MISSED + timedelta(seconds=1))
    follower.until(lambda: follower.readings > asked)
    late = follower.readings
    sqlite_rig.clock.advance(-timedelta(hours=1))  # what is stored was read in the future
    follower.until(lambda: follower.readings > late)
    begun = follower.turns
    follower.until(lambda: follower.turns > begun)  # so what was begun is stored

    assert (first, asked) == (3, 4)
    assert follower.keeper.current().is_fresh(sqlite_rig.clock())


def test_what_follows_the_first_reading_is_tried_until_it_works_and_then_never_again(
    follower: Follower,
) -> None:
    follower.until(lambda: follower.turns >= 5)
    follower.keeper.ask()
    follower.until(lambda: follower.readings >= 4)
    follower.until(lambda: follower.turns >= 10)

    assert follower.fails == 0
    assert follower.handed_on == 1


def test_a_database_that_does_not_say_how_old_the_reading_is_is_no_reason_not_to_read(
    sqlite_rig: Rig, follower: Follower
) -> None:
    follower.until(lambda: follower.turns >= 5)
    with sqlite_rig.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM roster")

    follower.until(lambda: follower.readings >= 4)
