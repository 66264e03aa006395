"""W&B refuses one of two processes on one database: the other goes on, and it is told once."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from tests.builders import EVE
from tests.services.refusing import AND_ALL_CLEAR, FAY, HALF_A_MINUTE, REFUSED, a_key, shown, step
from tests.services.rig import Rig
from workflows.directories.memory import MemoryDirectory
from workflows.domain.entitlements import EmailAddress, Place
from workflows.domain.gate import APART
from workflows.domain.grants import GrantStatus
from workflows.domain.roster import Roster
from workflows.domain.standings import Reading
from workflows.errors import DirectoryClosed
from workflows.services import gate
from workflows.services.roster import RosterKeeper
from workflows.worker import ASIDE, DIRECTORY, MESSAGES, Worker

TWENTY_SECONDS = timedelta(seconds=20)


class OldKey(MemoryDirectory):
    """The same W&B by a key that it does not take."""

    def read(self, person: EmailAddress, place: Place, *, account: str | None = None) -> Reading:
        """Refused."""
        raise REFUSED

    def roster(self) -> Roster:
        """Refused."""
        raise REFUSED


@pytest.fixture
def good(sqlite_rig: Rig) -> Rig:
    """The process with the right key."""
    a_key(sqlite_rig)
    return as_process(sqlite_rig, "good")


@pytest.fixture
def bad(good: Rig) -> Rig:
    """Another one on the same database, with an old key."""
    other = Rig(good.database, on=good)
    other.rewire(directory=OldKey(clock=good.clock))
    return as_process(other, "bad")


def as_process(rig: Rig, name: str) -> Rig:
    rig.deps = replace(rig.deps, process=name)
    rig.worker = Worker(rig.deps, random=Random(0))
    return rig


def a_keeper(rig: Rig) -> RosterKeeper:
    return RosterKeeper(
        begin=rig.work.begin,
        look=rig.work.look,
        directory=rig.deps.directory,
        groups=rig.groups,
        policy=rig.deps.policy,
        clock=rig.clock,
        process=rig.deps.process,
    )


def is_apart(rig: Rig) -> bool:
    with rig.work.look() as work:
        return work.gate.load().is_apart(rig.deps.process, now=rig.clock())


def test_one_process_that_may_not_read_is_one_alarm_and_no_more(good: Rig, bad: Rig) -> None:
    reads, refused = a_keeper(good), a_keeper(bad)
    for _ in range(60):
        good.clock.advance(TWENTY_SECONDS)
        reads.refresh()
        for _ in range(3):
            with pytest.raises(DirectoryClosed):
                refused.refresh()
        good.worker.run_due(MESSAGES)

    assert good.notifier.alerts() == AND_ALL_CLEAR
    (clear,) = shown(good, "DirectoryAcceptedKey")
    assert clear.detail["but"] == "bad"
    reads.refresh()
    id = good.approved(requester=EVE)
    good.run()
    assert good.grant(id).status is GrantStatus.ACTIVE


def test_what_the_refused_process_takes_first_is_given_by_the_other(good: Rig, bad: Rig) -> None:
    eve = good.approved(requester=EVE)
    bad.worker.run_one(DIRECTORY)
    fay = good.approved(requester=FAY)
    for _ in range(6):
        good.clock.advance(HALF_A_MINUTE)
        gate.send_one(good.deps)
        bad.worker.run_one(DIRECTORY) if is_apart(bad) else good.worker.run_one(DIRECTORY)
        good.worker.run_due(DIRECTORY)

    assert [good.grant(id).status for id in (eve, fay)] == [GrantStatus.ACTIVE] * 2
    assert good.events().count("DirectoryRefusedKey") == 1


def test_who_is_apart_hands_a_job_back_and_it_counts_as_no_try(good: Rig, bad: Rig) -> None:
    with pytest.raises(DirectoryClosed):
        a_keeper(bad).refresh()
    a_keeper(good).refresh()
    id = good.approved(requester=EVE)

    taken = [bad.worker.run_one(DIRECTORY) for _ in range(3)]
    (job,) = [one for one in good.jobs() if one["kind"] == "ensure"]

    assert taken == [True, False, False]
    assert (job["attempts"], job["lease_token"]) == (0, None)
    good.clock.advance(ASIDE)
    assert bad.worker.run_one(DIRECTORY)
    good.run()
    assert good.grant(id).status is GrantStatus.ACTIVE


def test_a_process_that_is_taken_again_works_again(good: Rig, bad: Rig) -> None:
    with pytest.raises(DirectoryClosed):
        a_keeper(bad).refresh()
    a_keeper(good).refresh()
    assert is_apart(bad)
    bad.rewire(directory=good.directory)
    as_process(bad, "bad")

    a_keeper(bad).refresh()

    assert not is_apart(bad)
    id = bad.approved(requester=EVE)
    bad.run()
    assert bad.grant(id).status is GrantStatus.ACTIVE


def test_ten_minutes_after_its_last_refusal_a_process_tries_again(good: Rig, bad: Rig) -> None:
    with pytest.raises(DirectoryClosed):
        a_keeper(bad).refresh()
    a_keeper(good).refresh()
    bad.rewire(directory=good.directory)
    as_process(bad, "bad")
    good.clock.advance(APART + HALF_A_MINUTE)
    good.rosters.read()

    id = bad.approved(requester=EVE)
    bad.run()

    assert bad.grant(id).status is GrantStatus.ACTIVE
    with good.work.look() as work:
        assert work.gate.load().apart == ()


def test_a_401_is_a_plain_no_to_nobody(good: Rig, bad: Rig) -> None:
    id = good.approved(requester=EVE)
    bad.worker.run_one(DIRECTORY)
    good.approved(requester=FAY)
    for _ in range(3):
        step(good)
        bad.worker.run_one(DIRECTORY)

    assert good.grant(id).status is GrantStatus.ACTIVE
    with good.work.look() as work:
        assert work.gate.load().alone == ()
