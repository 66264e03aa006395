"""W&B refuses our key: nothing more is written, one alarm, and it goes on by itself."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.builders import ADMIN, EVE, HOUR, NOW, VISION
from tests.services.refusing import (
    AND_ALL_CLEAR,
    FAY,
    GUS,
    HALF_A_MINUTE,
    MAY_NOT,
    ONE_ALARM,
    SECOND,
    Key,
    a_key,
    shown,
    step,
)
from tests.services.rig import Rig
from workflows.domain import gate as gates
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress
from workflows.domain.grants import GrantStatus
from workflows.errors import Conflict, DirectoryClosed
from workflows.services import gate, stuck
from workflows.storage.unit_of_work import UnitOfWork


@pytest.fixture
def key(sqlite_rig: Rig) -> Key:
    """A key that is taken, until a test says otherwise."""
    return a_key(sqlite_rig)


def test_a_refused_key_stops_every_job_but_one_half_a_minute(key: Key) -> None:
    rig = key.rig
    key.reads.add("*")
    for who in (EVE, FAY, GUS):
        rig.approved(requester=who)
    rig.run()
    first = key.calls()
    for _ in range(4):
        rig.wait(SECOND)
    meanwhile = key.calls()
    step(rig)

    assert first == meanwhile == 1
    assert key.calls() == 2
    assert rig.rosters.asked_soon == 2  # whether it is the key altogether
    assert rig.notifier.alerts() == ONE_ALARM
    assert rig.events().count("DirectoryRefusedKey") == 1


def test_the_job_that_gets_through_brings_all_others_with_it(key: Key) -> None:
    rig = key.rig
    key.reads.add("*")
    ids = [rig.approved(requester=who) for who in (EVE, FAY, GUS)]
    rig.run()
    for _ in range(20):
        step(rig)
    key.reads.clear()

    step(rig)
    rig.wait(SECOND)

    assert [rig.grant(id).status for id in ids] == [GrantStatus.ACTIVE] * 3
    assert rig.notifier.alerts() == AND_ALL_CLEAR
    assert rig.events().count("DirectoryAcceptedKey") == 1


def test_it_is_logged_when_it_begins_and_when_it_is_over_and_not_for_each_job(
    key: Key, caplog: pytest.LogCaptureFixture
) -> None:
    rig = key.rig
    key.reads.add("*")
    for who in (EVE, FAY, GUS):
        rig.approved(requester=who)
    for _ in range(5):
        step(rig)
    key.reads.clear()
    step(rig)

    said = [one.getMessage() for one in caplog.records if one.levelno > logging.INFO]
    assert said.count("W&B refuses the key") == 1
    assert said.count("W&B takes the key again") == 1
    assert said.count("a job has to be tried again") <= 6  # those that W&B itself refused


def test_a_key_that_may_read_and_not_write_stays_refused_until_a_write_goes_through(
    key: Key,
) -> None:
    rig = key.rig
    given = rig.approved(requester=FAY)
    rig.run()
    key.writes.add("*")
    refused = rig.approved(requester=EVE)
    rig.run()
    rig.give_back(given, by=FAY)
    rig.rosters.read()
    rig.deps.directory.put(FAY, VISION, None)  # type: ignore[attr-defined]  # one in memory
    for _ in range(6):
        step(rig)  # Fay's access is gone already: that job only reads

    assert rig.grant(given).status is GrantStatus.ENDED
    assert rig.grant(refused).status is GrantStatus.ISSUED
    assert rig.notifier.alerts() == ONE_ALARM

    key.writes.clear()
    for _ in range(3):
        step(rig)
    assert rig.grant(refused).status is GrantStatus.ACTIVE
    assert rig.notifier.alerts() == AND_ALL_CLEAR


def test_one_person_whom_w_and_b_refuses_alone_is_a_plain_no_and_no_alarm_that_comes_and_goes(
    key: Key,
) -> None:
    rig = key.rig
    key.writes.add(EVE)
    refused = rig.approved(requester=EVE)
    rig.run()
    others = [rig.approved(requester=FAY), rig.approved(requester=GUS)]
    for _ in range(10):
        step(rig)

    assert [rig.grant(id).status for id in others] == [GrantStatus.ACTIVE] * 2
    assert "403" in rig.grant(refused).note
    assert rig.notifier.alerts() == AND_ALL_CLEAR

    key.writes.clear()
    again = rig.approved(requester=EVE, role=ADMIN)
    for _ in range(3):
        step(rig)
    assert rig.grant(again).status is GrantStatus.ACTIVE
    with rig.work.look() as work:
        assert work.gate.load().alone == ()


def test_an_invitation_that_is_refused_closes_it_as_a_write(key: Key) -> None:
    rig = key.rig
    new = EmailAddress("new@corp.example")
    rig.approved(requester=new)
    rig.directory.fail_next(MAY_NOT, on="invite")
    rig.run()

    with rig.work.look() as work:
        closed = work.gate.load()
    assert (closed.is_closed, closed.at_write) == (True, True)


def test_while_it_is_refused_ends_that_are_stuck_are_one_message_with_their_number(
    key: Key,
) -> None:
    rig = key.rig
    for who in (EVE, FAY, GUS):
        rig.approved(requester=who, duration=Span(3600))
    rig.run()
    key.reads.add("*")
    rig.wait(HOUR)
    for _ in range(20):
        step(rig)
        stuck.tell(rig.deps)

    assert rig.events().count("RevocationStuck") == 3
    assert rig.notifier.alerts() == ONE_ALARM
    (alarm,) = shown(rig, "DirectoryRefusedKey")
    assert (alarm.detail["waiting"], alarm.detail["over"]) == (3, False)

    key.reads.clear()
    for _ in range(6):
        step(rig)
    assert rig.notifier.alerts() == AND_ALL_CLEAR
    (alarm,) = shown(rig, "DirectoryRefusedKey")
    (clear,) = shown(rig, "DirectoryAcceptedKey")
    assert alarm.detail["over"] is True
    assert clear.detail["waiting"] == 2  # one of them was the one that found out
    assert [one for one in rig.jobs() if one["kind"] == "alert"] == []


def test_who_was_permitted_to_try_goes_on_when_it_is_overtaken(key: Key) -> None:
    rig = key.rig
    key.reads.add(EVE)
    id = rig.approved()
    rig.run()
    key.reads.clear()
    overtaken = iter([True])

    def raise_eve(method: str) -> None:
        if next(overtaken, False):
            rig.directory.put(EVE, VISION, ADMIN)
            rig.directory.put(EVE, VISION, None)

    rig.directory.before = raise_eve
    step(rig)

    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_of_two_that_would_try_at_once_one_does(key: Key) -> None:
    rig = key.rig
    with rig.work.begin() as work:
        gate.keep(
            work,
            gates.refuse_work(work.gate.load(), "x", "no", at_write=False, waiting=0, now=NOW),
        )
    rig.clock.advance(HALF_A_MINUTE)
    with rig.work.look() as work:
        stored = work.gate.load()
    first, second = (gate.Gatekeeper(rig.deps, one) for one in ("a", "b"))

    first.enter(stored)
    with pytest.raises(DirectoryClosed):
        second.enter(stored)
    first.enter(stored)


def test_a_lost_race_for_the_try_is_no_try(key: Key) -> None:
    rig = key.rig
    with rig.work.begin() as work:
        gate.keep(
            work,
            gates.refuse_work(work.gate.load(), "x", "no", at_write=False, waiting=0, now=NOW),
        )
    rig.clock.advance(HALF_A_MINUTE)
    with rig.work.look() as work:
        stored = work.gate.load()

    @contextmanager
    def lost() -> Iterator[UnitOfWork]:
        raise Conflict("somebody else was faster")
        yield  # it is a transaction all the same

    rig.rewire(begin=lost)
    with pytest.raises(DirectoryClosed):
        gate.Gatekeeper(rig.deps, "a").enter(stored)
