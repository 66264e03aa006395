"""Every reason to say no, and the form field that it is told in."""

from datetime import timedelta

import pytest

from tests.builders import (
    ADA,
    ADMIN,
    BOB,
    EVE,
    HOUR,
    MEMBER,
    NOW,
    OLGA,
    ORGANIZATION,
    STEWARD,
    VIEWER,
    a_grant,
    a_person,
    a_roster,
    a_team,
    an_ask,
    terms,
)
from workflows.domain import checks
from workflows.domain.checks import CHECKS, MAX_REASON
from workflows.domain.durations import Duration, Permanent, Span, Until
from workflows.domain.entitlements import EmailAddress, Role, Team, custom_role
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.policy import NamedPerson, Policy, Terms
from workflows.domain.requests import Ask
from workflows.domain.roster import Roster
from workflows.errors import PolicyRefused

DAN = EmailAddress("dan@corp.example")
EMPTY = a_team("empty", roles={})


def complaints(
    ask: Ask | None = None,
    *,
    given: Terms | None = None,
    roster: Roster | None = None,
    held: Role | None = None,
    live: tuple[Grant, ...] = (),
) -> dict[str, str]:
    """What is said against it, by field; nothing when it may be asked for."""
    rules = Policy(given or Terms())
    ask = ask or an_ask()
    try:
        checks.evaluate(rules, ask, roster or a_roster(), now=NOW, held=held, live=live)
    except PolicyRefused as refused:
        return refused.complaints
    return {}


def test_a_plain_ask_meets_no_complaint() -> None:
    assert complaints() == {}


def test_the_checks_are_these() -> None:
    assert [check.__name__ for check in CHECKS] == [
        "is_known_place_and_role",
        "may_be_asked_for",
        "has_usable_account",
        "is_role_known",
        "is_not_held_already",
        "within_duration",
        "has_reason",
        "somebody_else_can_decide",
    ]


def test_what_a_rule_denies_cannot_be_asked_for() -> None:
    assert complaints(given=terms(allowed=False, rule="not by chat")) == {
        "role": "member in vision cannot be asked for here (policy: not by chat)."
    }


def test_a_team_that_is_not_there_is_named() -> None:
    found = complaints(an_ask(place=Team("visoin")))

    assert set(found) == {"team"}
    assert "There is no team “visoin” in W&B" in found["team"]


@pytest.mark.parametrize(
    ("role", "refused"),
    [
        (ADMIN, False),
        (MEMBER, False),
        (VIEWER, True),
        (STEWARD, True),
        (custom_role("x", "viewer"), True),
    ],
)
def test_in_the_organization_one_can_be_admin_or_member(role: Role, refused: bool) -> None:
    found = complaints(an_ask(place=ORGANIZATION, role=role))

    assert found == (
        {"role": "In the organization the roles are admin and member."} if refused else {}
    )


def test_several_accounts_with_one_address_have_to_be_settled_first() -> None:
    roster = a_roster(a_person(EVE, account="u-eve-2"))

    assert "Several W&B accounts" in complaints(roster=roster)["team"]
    in_organization = complaints(an_ask(place=ORGANIZATION, role=ADMIN), roster=roster)
    assert set(in_organization) == {"role"}


@pytest.mark.parametrize("invites", [True, False])
def test_without_an_account_one_can_ask_where_people_are_invited(invites: bool) -> None:
    found = complaints(an_ask(requester=DAN), given=terms(invite_new_people=invites))

    assert set(found) == (set() if invites else {"team"})
    assert invites or f"no W&B account with the address {DAN}" in found["team"]


def test_a_deactivated_account_is_given_nothing() -> None:
    found = complaints(roster=a_roster(a_person(EVE, active=False)))

    assert "is deactivated" in found["team"]


@pytest.mark.parametrize(
    ("held", "role", "refused"),
    [
        (None, MEMBER, False),
        (VIEWER, MEMBER, False),
        (MEMBER, MEMBER, True),
        (ADMIN, MEMBER, True),
        (MEMBER, STEWARD, False),
        (STEWARD, MEMBER, True),
    ],
)
def test_what_one_has_anyway_need_not_be_asked_for(
    held: Role | None, role: Role, refused: bool
) -> None:
    found = complaints(an_ask(role=role), held=held)

    assert found == ({"role": f"You already have {held} in vision."} if refused else {})


@pytest.mark.parametrize(
    ("live", "duration", "refused"),
    [
        (a_grant(ends_at=NOW + 8 * HOUR), Span(8 * 3600), True),
        (a_grant(ends_at=NOW + 8 * HOUR), Span(8 * 3600 + 1), False),
        (a_grant(ends_at=NOW + 8 * HOUR), Until(NOW + 8 * HOUR), True),
        (a_grant(ends_at=NOW + 8 * HOUR), Until(NOW + 9 * HOUR), False),
        (a_grant(ends_at=NOW + 8 * HOUR), Permanent(), False),
        (a_grant(ends_at=None), Span(8 * 3600), True),
        (a_grant(ends_at=None), Permanent(), True),
        (a_grant(role=ADMIN), Span(3600), True),
        (a_grant(role=VIEWER), Span(3600), False),
    ],
)
def test_what_a_live_grant_gives_for_as_long_need_not_be_asked_for(
    live: Grant, duration: Duration, refused: bool
) -> None:
    found = complaints(an_ask(duration=duration), given=terms(permanent=True), live=(live,))

    assert set(found) == ({"role"} if refused else set())
    assert not refused or "for at least that long" in found["role"]


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (Span(3600), None),
        (Span(7200), None),
        (Span(3599), "That is too short: at least 1 hour here."),
        (Span(7201), "That is too long: at most 2 hours here."),
        (Span(999_999 * 604_800), "That is too long: at most 2 hours here."),
        (Until(NOW + HOUR), None),
        (Until(NOW + 2 * HOUR), None),
        (Until(NOW + timedelta(minutes=59)), "That is too short: at least 1 hour here."),
        (Until(NOW - HOUR), "That is too short: at least 1 hour here."),
        (Until(NOW + 3 * HOUR), "That is too long: at most 2 hours here."),
        (Permanent(), "Access without an end cannot be asked for here; at most 2 hours."),
    ],
)
def test_the_time_has_to_be_within_bounds(duration: Duration, words: str | None) -> None:
    found = complaints(an_ask(duration=duration), given=terms(min_duration=3600, max_duration=7200))

    assert found == ({"duration": words} if words else {})


def test_access_without_an_end_is_there_where_the_policy_says_so() -> None:
    assert complaints(an_ask(duration=Permanent()), given=terms(permanent=True)) == {}


@pytest.mark.parametrize(
    ("reason", "required", "words"),
    [
        ("because", True, None),
        ("x" * MAX_REASON, True, None),
        ("x" * (MAX_REASON + 1), True, "The reason has 1,001 characters; say it in at most 1,000."),
        ("x" * (MAX_REASON + 1), False, "The reason has 1,001 characters"),
        ("", True, "Say why you need it"),
        (" \n\t ", True, "Say why you need it"),
        ("", False, None),
    ],
)
def test_there_has_to_be_a_reason_that_can_be_read(
    reason: str, required: bool, words: str | None
) -> None:
    found = complaints(an_ask(reason=reason), given=terms(reason_required=required))

    assert set(found) == ({"reason"} if words else set())
    assert words is None or words in found["reason"]


@pytest.mark.parametrize(
    ("ask", "given", "field", "words"),
    [
        (an_ask(place=Team("empty")), Terms(), "team", "Nobody else can decide"),
        (
            an_ask(requester=OLGA, place=ORGANIZATION, role=ADMIN),
            Terms(),
            "role",
            "Nobody else can decide",
        ),
        (an_ask(requester=ADA), terms(approvals=2), "team", "only 1 person besides you"),
        (an_ask(), terms(approvals=3), "team", "only 2 people besides you"),
        (an_ask(), terms(approvers=(NamedPerson(EVE),)), "team", "Nobody else can decide"),
    ],
)
def test_where_too_few_others_can_decide_it_is_said_at_once(
    ask: Ask, given: Terms, field: str, words: str
) -> None:
    found = complaints(ask, given=given, roster=a_roster(teams=(EMPTY,)))

    assert words in found[field]


def test_one_human_with_two_accounts_counts_once_among_those_who_can_decide() -> None:
    alias = EmailAddress("ada+2@corp.example")
    both = terms(approvers=(NamedPerson(ADA), NamedPerson(alias)), approvals=2)

    assert "only 1 person besides you" in complaints(given=both)["team"]


def test_as_many_as_are_needed_are_enough() -> None:
    assert complaints(given=terms(approvals=2)) == {}
    assert complaints(an_ask(requester=ADA), roster=a_roster(without=(BOB,))) != {}


def test_everything_that_is_wrong_is_said_at_once_one_thing_for_each_field() -> None:
    ask = an_ask(place=Team("nowhere"), duration=Permanent(), reason="")

    with pytest.raises(PolicyRefused) as refused:
        checks.evaluate(Policy(terms(allowed=False)), ask, a_roster(), now=NOW, held=None)

    assert list(refused.value.complaints) == ["team", "role", "duration", "reason"]
    assert "There is no team" in refused.value.complaints["team"]
    assert str(refused.value) == " ".join(refused.value.complaints.values())


@pytest.mark.parametrize(
    ("ask", "field"),
    [(an_ask(), "team"), (an_ask(place=ORGANIZATION, role=ADMIN), "role")],
)
def test_a_role_that_w_and_b_does_not_show_could_not_be_put_back(ask: Ask, field: str) -> None:
    hidden = a_roster(
        a_person(EVE, organization_role=None),
        teams=(a_team(roles={"u-eve": None, "u-ada": ADMIN, "u-bob": ADMIN}),),
        without=(EVE,),
    )

    assert "does not show me which role you have" in complaints(ask, roster=hidden)[field]


def test_what_a_grant_of_ours_gave_is_known_without_w_and_b_showing_it() -> None:
    hidden = a_roster(teams=(a_team(roles={"u-eve": None, "u-ada": ADMIN, "u-bob": ADMIN}),))
    live = (a_grant(status=GrantStatus.ACTIVE, role=VIEWER, ends_at=NOW),)

    assert complaints(an_ask(role=ADMIN), roster=hidden, live=live) == {}


def test_whoever_has_no_account_hides_nothing() -> None:
    assert not a_roster().hides_role(EmailAddress("new@corp.example"), ORGANIZATION)
