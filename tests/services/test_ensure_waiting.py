"""What is approved and has to wait: for the chat, for a reading that may be old, for W&B."""

from datetime import timedelta

from tests.builders import ADMIN, EVE, MEMBER, OLGA, VISION, terms
from tests.services.rig import Rig
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import ChatGroup, Policy
from workflows.errors import DirectoryUnavailable


def test_a_chat_that_is_down_keeps_a_giving_waiting(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(defaults=terms(approvers=(ChatGroup("S1"),))))
    rig.groups.known["S1"] = frozenset({OLGA})
    rig.rosters.read()
    id = rig.approved(by=OLGA)
    rig.groups.down = True
    rig.run()
    assert rig.grant(id).status is GrantStatus.ISSUED

    rig.groups.down = False
    rig.drain(timedelta(minutes=1))
    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_what_w_and_b_shows_right_after_an_end_is_not_taken_for_what_was_before(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    first = rig.approved()
    rig.run()
    rig.give_back(first)
    rig.run()
    id = rig.approved(role=ADMIN)
    rig.directory.put(EVE, VISION, MEMBER)  # a reading that lags behind
    rig.run()
    assert rig.grant(id).status is GrantStatus.ISSUED

    rig.wait(timedelta(minutes=1))
    assert rig.grant(first).status is GrantStatus.ENDED
    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_trouble_redraws_only_what_is_on_its_way(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    active = rig.approved()
    rig.wait(timedelta(seconds=2))
    issued = rig.approved(role=ADMIN)
    for _ in range(2):
        rig.directory.fail_next(DirectoryUnavailable("down"), on="read")
    rig.wait(timedelta(seconds=2))
    rig.wait(timedelta(seconds=2))

    assert rig.notifier.notice(active).trouble == ""
    assert rig.notifier.notice(issued).trouble
