"""Giving: approved, checked once more at the moment of effect, written, read back, told."""

from datetime import timedelta

import pytest

from tests.builders import (
    ADA,
    ADMIN,
    BOB,
    EVE,
    MEMBER,
    OLGA,
    ORGANIZATION,
    STEWARD,
    VIEWER,
    VISION,
    terms,
)
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Role, Team
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import NamedPerson, Policy
from workflows.errors import DirectoryRejected, DirectoryUnavailable

NEW = EmailAddress("new@corp.example")


def failure(rig: Rig, id: str) -> str:
    """Why this grant failed, as the requester is told."""
    grant = rig.grant(id)
    assert grant.status is GrantStatus.FAILED
    told = rig.notifier.notice(id).grant
    assert told is not None
    assert told.note == grant.note
    return grant.note


def test_a_grant_becomes_active_when_it_was_read_back(rig: Rig) -> None:
    id = rig.approved()

    rig.wait(timedelta(seconds=2))

    assert rig.held() == MEMBER
    grant = rig.grant(id)
    assert grant.status is GrantStatus.ACTIVE
    assert grant.activated_at is not None
    told = rig.notifier.notice(id)
    assert told.grant == grant
    assert told.held_now == MEMBER
    assert rig.events(f"{EVE} team:vision") == ["PriorNoted", "RoleSent"]
    assert rig.rosters.asked == 1
    assert rig.jobs() == []


@pytest.mark.parametrize("role", [VIEWER, MEMBER, ADMIN, STEWARD])
def test_every_role_can_be_given_and_ends(sqlite_rig: Rig, role: Role) -> None:
    rig = sqlite_rig
    rig.approved(role=role)
    rig.run()
    assert rig.held() == role

    rig.wait(timedelta(hours=8))

    assert rig.held() is None


def test_an_organization_role_is_given_and_put_back(rig: Rig) -> None:
    id = rig.approved(place=ORGANIZATION, role=ADMIN, by=OLGA)
    rig.run()
    assert rig.held(place=ORGANIZATION) == ADMIN

    rig.wait(timedelta(hours=8))

    assert rig.held(place=ORGANIZATION) == MEMBER
    assert rig.grant(id).status is GrantStatus.ENDED


@pytest.mark.parametrize("lost", [MEMBER, None])
def test_whoever_lost_the_right_between_click_and_effect_gives_nothing(
    rig: Rig, lost: Role | None
) -> None:
    id = rig.approved(by=ADA)
    rig.directory.put(ADA, VISION, lost)

    rig.run()

    assert f"{ADA} approved it, and by now may not" in failure(rig, id)
    assert rig.writes() == []
    assert rig.held() is None


def test_whoever_was_deactivated_between_click_and_effect_gives_nothing(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved(by=ADA)
    sqlite_rig.directory.set_active(ADA, False)
    sqlite_rig.run()

    assert ADA in failure(sqlite_rig, id)


def test_an_approver_whose_account_is_no_longer_certain_gives_nothing(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved(by=ADA)
    sqlite_rig.directory.add_person(ADA)
    sqlite_rig.run()

    assert ADA in failure(sqlite_rig, id)


def test_each_of_two_approvers_must_still_have_the_right(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(defaults=terms(approvals=2)))
    id = rig.submit().id
    rig.approve(id, ADA)
    rig.approve(id, BOB)
    rig.directory.put(BOB, VISION, None)

    rig.run()

    assert BOB in failure(rig, id)


def test_who_turns_out_to_be_the_same_person_gives_nothing(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(by=ADA)
    rig.directory.delete_person(EVE)
    rig.directory.add_person(EVE, emails=(ADA,))
    rig.rosters.read()

    rig.run()

    assert "own request" in failure(rig, id)


def test_what_the_policy_no_longer_allows_is_not_given(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved()
    sqlite_rig.rewire(policy=Policy(defaults=terms(allowed=False)))

    sqlite_rig.run()

    assert "policy no longer allows" in failure(sqlite_rig, id)


def test_whom_the_policy_no_longer_names_gives_nothing(sqlite_rig: Rig) -> None:
    sqlite_rig.rewire(policy=Policy(defaults=terms(approvers=(NamedPerson(BOB),))))
    id = sqlite_rig.approved(by=BOB)
    sqlite_rig.rewire(policy=Policy(defaults=terms(approvers=(NamedPerson(OLGA),))))

    sqlite_rig.run()

    assert BOB in failure(sqlite_rig, id)


def test_a_person_without_an_account_is_invited_when_the_approval_said_so(rig: Rig) -> None:
    id = rig.approved(requester=NEW)

    rig.run()

    assert rig.held(NEW) == MEMBER
    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert rig.events(f"{NEW} team:vision") == ["PersonInvited", "PriorNoted", "RoleSent"]
    rig.wait(timedelta(hours=8))
    assert rig.held(NEW) is None
    assert rig.directory.account_of(NEW)  # the invitation outlives the grant


def test_nobody_is_invited_without_an_approval_that_said_so(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved()
    sqlite_rig.directory.delete_person(EVE)

    sqlite_rig.run()

    assert "no W&B account" in failure(sqlite_rig, id)
    assert sqlite_rig.writes() == []


def test_an_invitation_whose_answer_was_lost_makes_one_account(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved(requester=NEW)
    rig.directory.fail_next(DirectoryUnavailable("no answer"), on="invite", after=True)

    rig.drain(timedelta(minutes=1))

    assert rig.held(NEW) == MEMBER
    assert sum(each.email == NEW for each in rig.directory.accounts.values()) == 1


def test_a_seat_limit_fails_the_grant_and_is_told(sqlite_rig: Rig) -> None:
    sqlite_rig.directory.seats = 0
    id = sqlite_rig.approved(requester=NEW)
    sqlite_rig.run()

    assert "no free seat" in failure(sqlite_rig, id)


def test_a_deactivated_person_gets_nothing(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved()
    sqlite_rig.directory.set_active(EVE, False)
    sqlite_rig.run()

    assert "deactivated" in failure(sqlite_rig, id)
    assert sqlite_rig.writes() == []


def test_an_address_that_two_accounts_claim_gets_nothing(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved()
    sqlite_rig.directory.add_person(EVE)
    sqlite_rig.run()

    assert "Several W&B accounts" in failure(sqlite_rig, id)


def test_a_team_that_is_gone_fails_the_grant(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(defaults=terms(approvers=(NamedPerson(OLGA),))))
    id = rig.approved(place=Team("speech"), by=OLGA)
    del rig.directory.teams["speech"]
    rig.run()

    assert "no team speech" in failure(rig, id)
    assert rig.standing(place=Team("speech")).unanswered == ()


def test_a_role_that_was_deleted_meanwhile_fails_the_grant(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(role=STEWARD)
    rig.directory.fail_next(DirectoryRejected("W&B has no role Release Steward."), on="set_role")
    rig.run()

    assert "no role Release Steward" in failure(rig, id)


def test_a_service_account_gets_nothing(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    rig.directory.delete_person(EVE)
    rig.directory.add_person(EVE, human=False)
    rig.run()

    assert "service account" in failure(rig, id)


def test_where_w_and_b_does_not_say_the_role_nothing_is_given(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.put(EVE, VISION, VIEWER)
    id = rig.approved(role=ADMIN)
    rig.directory.shows_roles = False
    rig.run()

    assert "does not say which role" in failure(rig, id)
    assert rig.held() == VIEWER


def test_where_w_and_b_shows_only_admins_a_newcomer_still_gets_in_and_out(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.shows_roles = False
    id = rig.approved(role=MEMBER)
    rig.run()
    assert rig.held() == MEMBER

    rig.drain()

    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED


def test_what_expired_before_it_was_ever_given_is_never_written(rig: Rig) -> None:
    id = rig.approved(duration=Span(900))

    rig.wait(timedelta(minutes=15))

    assert rig.writes() == []
    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.notifier.notice(id).grant == rig.grant(id)
    assert "GrantActivated" not in rig.events(id)


def test_a_grant_that_is_issued_while_a_pass_is_running_waits_for_its_own_check(rig: Rig) -> None:
    first = rig.approved(role=MEMBER, by=ADA)
    second: list[str] = []

    def approve_another(method: str) -> None:
        if not second:
            second.append(rig.approved(role=ADMIN, by=BOB))
            rig.directory.put(BOB, VISION, MEMBER)

    rig.directory.before = approve_another
    rig.run()

    assert rig.grant(first).status is GrantStatus.ACTIVE
    assert BOB in failure(rig, second[0])
    assert rig.held() == MEMBER


def test_people_are_told_when_giving_takes_longer_than_it_should(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    for _ in range(3):
        rig.directory.fail_next(DirectoryUnavailable("down"), on="read")

    rig.wait(timedelta(seconds=2))
    rig.wait(timedelta(seconds=3))

    assert "tried again" in rig.notifier.notice(id).trouble
    rig.drain(timedelta(minutes=1))
    assert rig.notifier.notice(id).trouble == ""
    assert rig.grant(id).status is GrantStatus.ACTIVE
