"""By which reading somebody decides, and how many approvals count by now."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import ADA, BOB, HOUR, VISION, terms
from tests.services.rig import Rig
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import ChatGroup, Policy
from workflows.domain.requests import RequestStatus
from workflows.domain.roster import FRESH_FOR
from workflows.errors import NotAnApprover, Refused
from workflows.services.roster import RosterKeeper

GROUP = Policy(defaults=terms(approvers=(ChatGroup("S1"),)))
TWO = Policy(defaults=terms(approvals=2))


def one_human(rig: Rig) -> None:
    """W&B shows Bob's address on Ada's account as well."""
    account = rig.directory.account_of(ADA)
    known = rig.directory.accounts[account]
    rig.directory.accounts[account] = replace(known, emails=frozenset({ADA, BOB}))
    rig.rosters.read()


def test_by_a_reading_from_the_future_nobody_decides(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.submit().id
    rig.clock.advance(-HOUR)
    rig.directory.put(ADA, VISION, None)
    rig.rosters.stuck = True

    with pytest.raises(Refused, match="cannot check that you may decide"):
        rig.deny(id, ADA)

    assert rig.request(id).status is RequestStatus.PENDING


def test_after_the_clock_went_back_a_new_reading_is_the_one_that_counts(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.submit().id
    rig.clock.advance(-HOUR)
    rig.directory.put(ADA, VISION, None)

    with pytest.raises(NotAnApprover):
        rig.deny(id, ADA)

    assert rig.deny(id, BOB).status is RequestStatus.DENIED


@pytest.mark.parametrize("stale", [False, True])
def test_a_refused_click_waits_for_a_newer_reading_once(sqlite_rig: Rig, stale: bool) -> None:
    rig = sqlite_rig
    id = rig.submit().id
    rig.directory.put(ADA, VISION, None)
    rig.rosters.read()
    if stale:
        rig.clock.advance(timedelta(minutes=5))

    with pytest.raises(NotAnApprover):
        rig.approve(id, ADA)

    assert rig.rosters.newer_asked == 1


@pytest.mark.parametrize("later", [timedelta(0), timedelta(seconds=1)])
def test_by_a_chat_group_that_cannot_be_read_for_over_a_minute_nobody_decides(
    sqlite_rig: Rig, later: timedelta
) -> None:
    rig = sqlite_rig
    rig.rewire(policy=GROUP)
    keeper = RosterKeeper(
        begin=rig.work.begin,
        look=rig.work.look,
        directory=rig.directory,
        groups=rig.groups,
        policy=GROUP,
        clock=rig.clock,
    )
    rig.groups.known["S1"] = frozenset({ADA, BOB})
    keeper.refresh()
    id = rig.submit().id
    rig.groups.down = True
    rig.clock.advance(FRESH_FOR + later)
    rig.rosters.stuck = True

    groups = keeper.refresh().groups

    if not later:
        assert groups == {"S1": frozenset({ADA, BOB})}
        assert rig.deny(id, ADA).status is RequestStatus.DENIED
    else:
        assert groups == {}
        with pytest.raises(NotAnApprover):
            rig.deny(id, ADA)


def test_an_approval_waits_for_the_others_that_the_policy_asks_for_by_now(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = rig.submit().id
    rig.rewire(policy=TWO)

    assert rig.approve(id, ADA).status is RequestStatus.PENDING
    assert "GrantIssued" not in rig.events(id)
    assert rig.approve(id, BOB).status is RequestStatus.APPROVED
    rig.run()
    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_too_few_approvals_for_the_policy_by_now_give_nothing(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    rig.rewire(policy=TWO)

    rig.run()

    grant = rig.grant(id)
    assert (grant.status, grant.note) == (
        GrantStatus.FAILED,
        "The policy asks for 2 approvals by now.",
    )
    assert rig.held() is None


def test_two_addresses_that_turn_out_to_be_one_humans_are_one_approval(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.rewire(policy=TWO)
    id = rig.submit().id
    rig.approve(id, ADA)
    rig.approve(id, BOB)
    one_human(rig)

    rig.run()

    assert rig.grant(id).status is GrantStatus.FAILED
    assert rig.held() is None


def test_two_addresses_of_one_human_cannot_both_approve(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    one_human(rig)
    id = rig.submit().id
    rig.rewire(policy=TWO)
    rig.approve(id, ADA)

    with pytest.raises(NotAnApprover, match="another account of yours"):
        rig.approve(id, BOB)

    assert rig.request(id).status is RequestStatus.PENDING
