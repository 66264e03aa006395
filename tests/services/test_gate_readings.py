"""The reading of everybody tells as well whether W&B takes our key."""

import pytest

from tests.services.refusing import AND_ALL_CLEAR, ONE_ALARM, REFUSED, Key, a_key, step
from tests.services.rig import Rig
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import Policy
from workflows.errors import DirectoryClosed, DirectoryUnavailable
from workflows.services import gate
from workflows.services.roster import RosterKeeper
from workflows.storage.unit_of_work import Work


@pytest.fixture
def key(sqlite_rig: Rig) -> Key:
    """A key that is taken, until a test says otherwise."""
    return a_key(sqlite_rig)


def a_keeper(rig: Rig) -> RosterKeeper:
    work = Work(rig.database)
    return RosterKeeper(
        begin=work.begin,
        look=work.look,
        directory=rig.directory,
        groups=rig.groups,
        policy=Policy(),
        clock=rig.clock,
    )


def refuse_to_read(rig: Rig, keeper: RosterKeeper) -> None:
    rig.directory.fail_next(REFUSED, on="roster")
    with pytest.raises(DirectoryClosed):
        keeper.refresh()


def test_a_reading_that_is_refused_closes_it_and_the_next_one_that_works_opens_it(
    key: Key,
) -> None:
    rig = key.rig
    keeper = a_keeper(rig)
    for _ in range(3):
        refuse_to_read(rig, keeper)
    id = rig.approved()
    rig.run()
    for _ in range(3):
        step(rig)

    assert key.calls() == 0
    assert rig.notifier.alerts() == ONE_ALARM
    assert rig.grant(id).status is GrantStatus.ISSUED

    keeper.refresh()
    rig.run()
    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert rig.notifier.alerts() == AND_ALL_CLEAR


def test_a_reading_that_works_opens_nothing_that_a_job_has_closed_but_has_one_tried_at_once(
    key: Key,
) -> None:
    rig = key.rig
    keeper = a_keeper(rig)
    key.reads.add("*")
    id = rig.approved()
    rig.run()
    refuse_to_read(rig, keeper)
    key.reads.clear()

    keeper.refresh()
    with rig.work.look() as work:
        assert work.gate.load().is_closed
    rig.run()

    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert rig.notifier.alerts() == AND_ALL_CLEAR


def test_another_trouble_of_a_reading_closes_nothing(key: Key) -> None:
    keeper = a_keeper(key.rig)
    key.rig.directory.fail_next(DirectoryUnavailable("down"), on="roster")
    with pytest.raises(DirectoryUnavailable):
        keeper.refresh()

    with key.rig.work.look() as work:
        assert not work.gate.load().is_closed


def test_with_nothing_refused_nobody_is_sent(key: Key) -> None:
    rig = key.rig
    rig.directory.fail_next(DirectoryUnavailable("down"), on="read")
    rig.approved()
    rig.run()
    due = [one["due_at"] for one in rig.jobs()]

    gate.send_one(rig.deps)

    assert [one["due_at"] for one in rig.jobs()] == due


def test_a_reading_that_works_while_nothing_is_refused_changes_nothing(key: Key) -> None:
    a_keeper(key.rig).refresh()

    assert key.rig.events() == []
    with key.rig.work.look() as work:
        assert work.meta.get("gate") is None


def test_the_same_trouble_of_a_reading_is_logged_once(
    key: Key, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = a_keeper(key.rig)
    for error in (REFUSED, REFUSED, DirectoryUnavailable("down")):
        key.rig.directory.fail_next(error, on="roster")
        keeper._try()  # one turn of its thread

    said = [one for one in caplog.messages if one == "the directory could not be read"]
    assert len(said) == 2
