"""Deciding: whose word counts, how often, and until when."""

from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, NOW, OLGA, VISION, terms
from tests.services.rig import Rig
from workflows.domain.durations import Until
from workflows.domain.entitlements import EmailAddress
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import ChatGroup, NamedPerson, Policy
from workflows.domain.requests import RequestStatus
from workflows.errors import AlreadySettled, NotAnApprover, NotFound, Refused
from workflows.services import requests

TAGGED = EmailAddress("eve+admin@corp.example")
OTHER = EmailAddress("e.other@corp.example")


def test_an_approval_issues_the_grant_in_the_same_commit(rig: Rig) -> None:
    request = rig.submit()

    rig.clock.advance(timedelta(seconds=30))
    decided = rig.approve(request.id)

    assert decided.status is RequestStatus.APPROVED
    assert rig.request(request.id) == decided
    grant = rig.grant(request.id)
    assert grant.status is GrantStatus.ISSUED
    assert grant.approvers == (ADA,)
    assert grant.ends_at == rig.clock.now + timedelta(hours=8)
    assert rig.events() == ["RequestSubmitted", "RequestApproved", "GrantIssued"]
    assert f"ensure:{EVE} team:vision" in [job["key"] for job in rig.jobs()]


def test_a_denial_keeps_its_reason_and_gives_nothing(rig: Rig) -> None:
    request = rig.submit()

    decided = rig.deny(request.id, comment="ask Bob first")

    assert decided.status is RequestStatus.DENIED
    assert decided.note == "ask Bob first"
    with rig.work.look() as work:
        assert work.grants.find(request.id) is None


def test_a_denial_without_a_reason_is_refused(sqlite_rig: Rig) -> None:
    request = sqlite_rig.submit()

    with pytest.raises(Refused, match="Say why"):
        sqlite_rig.deny(request.id, comment=" ")


def test_two_approvals_need_two_different_people(rig: Rig) -> None:
    rig.rewire(policy=Policy(defaults=terms(approvals=2)))
    request = rig.submit()

    first = rig.approve(request.id, ADA)
    again = rig.approve(request.id, ADA)
    both = rig.approve(request.id, BOB)

    assert first.status is again.status is RequestStatus.PENDING
    assert again == first
    assert both.status is RequestStatus.APPROVED
    assert rig.grant(request.id).approvers == (ADA, BOB)
    assert rig.events().count("ApprovalGiven") == 1


def test_one_denial_outweighs_an_earlier_approval(sqlite_rig: Rig) -> None:
    sqlite_rig.rewire(policy=Policy(defaults=terms(approvals=2)))
    request = sqlite_rig.submit()
    sqlite_rig.approve(request.id, ADA)

    assert sqlite_rig.deny(request.id, ADA).status is RequestStatus.DENIED


def test_the_same_approval_said_again_after_the_decision_changes_nothing(rig: Rig) -> None:
    request = rig.submit()
    rig.approve(request.id, ADA)

    assert rig.approve(request.id, ADA).status is RequestStatus.APPROVED
    assert rig.events().count("RequestApproved") == 1


@pytest.mark.parametrize("oneself", [EVE, TAGGED, OTHER])
def test_nobody_decides_on_their_own_request_by_whatever_account(
    sqlite_rig: Rig, oneself: EmailAddress
) -> None:
    rig = sqlite_rig
    rig.directory.delete_person(EVE)
    rig.directory.add_person(EVE, emails=(OTHER,))
    for email in {TAGGED, OTHER}:
        rig.directory.add_person(email)
        rig.directory.put(email, VISION, ADMIN)
    rig.rosters.read()
    request = rig.submit()

    with pytest.raises(NotAnApprover, match="own request"):
        rig.approve(request.id, oneself)
    with pytest.raises(NotAnApprover, match="own request"):
        rig.deny(request.id, oneself)

    assert rig.request(request.id).decisions == ()


def test_someone_who_is_not_an_approver_changes_nothing(rig: Rig) -> None:
    request = rig.submit()

    with pytest.raises(NotAnApprover, match="not among those"):
        rig.approve(request.id, OLGA)

    assert rig.request(request.id) == request
    assert rig.rosters.newer_asked == 1  # a reading as old as the refused one: not asked twice


def test_whoever_became_an_admin_a_moment_ago_may_decide(rig: Rig) -> None:
    request = rig.submit()
    rig.clock.advance(timedelta(seconds=30))
    rig.directory.put(OLGA, VISION, ADMIN)

    assert rig.approve(request.id, OLGA).status is RequestStatus.APPROVED


def test_the_right_is_checked_at_the_click_and_not_when_the_card_was_drawn(rig: Rig) -> None:
    request = rig.submit()
    rig.directory.put(ADA, VISION, MEMBER)
    rig.clock.advance(timedelta(minutes=2))

    with pytest.raises(NotAnApprover):
        rig.approve(request.id, ADA)


def test_nobody_decides_by_a_reading_that_is_older_than_a_minute(rig: Rig) -> None:
    request = rig.submit()
    rig.rosters.stuck = True
    rig.clock.advance(timedelta(seconds=61))

    with pytest.raises(Refused, match="W&B does not answer"):
        rig.approve(request.id)
    assert rig.request(request.id) == request

    rig.rosters.stuck = False
    assert rig.approve(request.id).status is RequestStatus.APPROVED


def test_a_reading_of_a_minute_ago_is_good_enough(sqlite_rig: Rig) -> None:
    request = sqlite_rig.submit()
    sqlite_rig.rosters.stuck = True
    sqlite_rig.clock.advance(timedelta(seconds=60))

    assert sqlite_rig.approve(request.id).status is RequestStatus.APPROVED


def test_a_late_click_is_told_what_happened(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    approved, denied = rig.submit().id, rig.submit(role=ADMIN).id
    rig.approve(approved, ADA)
    rig.deny(denied, ADA)

    with pytest.raises(AlreadySettled, match=f"already been approved by {ADA}"):
        rig.deny(approved, BOB)
    with pytest.raises(AlreadySettled, match=f"already been denied by {ADA}"):
        rig.approve(denied, BOB)


def test_a_request_whose_time_has_passed_is_not_decided_even_before_the_sweep(rig: Rig) -> None:
    request = rig.submit()
    rig.clock.advance(timedelta(days=3))

    with pytest.raises(AlreadySettled, match="lapsed"):
        rig.approve(request.id)
    rig.tick()
    with pytest.raises(AlreadySettled, match="has lapsed"):
        rig.approve(request.id)


def test_a_request_with_a_fixed_end_waits_no_longer_than_to_that_end(sqlite_rig: Rig) -> None:
    end = NOW + timedelta(hours=1)
    request = sqlite_rig.submit(duration=Until(end))

    assert request.lapses_at == end


def test_a_request_that_does_not_exist_cannot_be_decided(sqlite_rig: Rig) -> None:
    with pytest.raises(NotFound):
        sqlite_rig.approve("nothing")


def test_a_named_person_and_a_chat_group_decide_where_the_policy_says_so(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    approvers = (NamedPerson(OLGA), ChatGroup("S1"))
    rig.rewire(policy=Policy(defaults=terms(approvers=approvers)))
    rig.groups.known["S1"] = frozenset({BOB})
    rig.rosters.read()
    by_name, by_group = rig.submit().id, rig.submit(role=ADMIN).id

    assert rig.approve(by_name, OLGA).status is RequestStatus.APPROVED
    assert rig.approve(by_group, BOB).status is RequestStatus.APPROVED
    rig.run()
    assert rig.grant(by_name).status is rig.grant(by_group).status is GrantStatus.ACTIVE


def test_before_the_denial_form_opens_the_right_is_checked_as_at_the_click(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    request = rig.submit()

    assert requests.check_may_decide(rig.deps, request.id, by=ADA) == request
    with pytest.raises(NotAnApprover):
        requests.check_may_decide(rig.deps, request.id, by=EVE)
    rig.approve(request.id)
    with pytest.raises(AlreadySettled):
        requests.check_may_decide(rig.deps, request.id, by=BOB)
