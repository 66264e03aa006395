"""The rules: which one holds, and whose word it takes."""

from datetime import timedelta

import pytest

from tests.builders import (
    ADA,
    ADMIN,
    BOB,
    EVE,
    MEMBER,
    NOW,
    OLGA,
    ORGANIZATION,
    STEWARD,
    VIEWER,
    VISION,
    a_person,
    a_request,
    a_roster,
    a_team,
    an_ask,
    terms,
)
from workflows.domain import checks, policy
from workflows.domain.entitlements import EmailAddress, Place, Role, Team, custom_role
from workflows.domain.policy import (
    ApproverSpec,
    ChatGroup,
    NamedPerson,
    OrganizationAdmins,
    Policy,
    Rule,
    TeamAdmins,
)
from workflows.domain.requests import Decision
from workflows.errors import NotAnApprover

PROD = Team("prod-eu")
ALIAS = EmailAddress("e.vance@corp.example")
GROUP = ChatGroup("S0123")

Patterns = tuple[str, ...] | None


@pytest.mark.parametrize(
    ("teams", "roles", "organization_roles", "place", "role", "covered"),
    [
        # a rule that names nothing covers everything
        (None, None, None, VISION, MEMBER, True),
        (None, None, None, ORGANIZATION, ADMIN, True),
        # teams, whatever the role
        (("prod-*",), None, None, PROD, VIEWER, True),
        (("prod-*",), None, None, Team("prod"), VIEWER, False),
        (("prod-*",), None, None, VISION, VIEWER, False),
        (("prod-*",), None, None, ORGANIZATION, ADMIN, False),
        (("a", "vision"), None, None, VISION, ADMIN, True),
        (("Vision",), None, None, VISION, ADMIN, False),
        (("visio?",), None, None, VISION, ADMIN, True),
        (("[uv]ision",), None, None, VISION, ADMIN, True),
        (("visio",), None, None, VISION, ADMIN, False),
        # team roles, whatever the team
        (None, ("admin",), None, VISION, ADMIN, True),
        (None, ("admin",), None, VISION, MEMBER, False),
        (None, ("admin",), None, ORGANIZATION, ADMIN, False),
        (None, ("Release *",), None, VISION, STEWARD, True),
        (None, ("release *",), None, VISION, STEWARD, False),
        (None, ("member",), None, VISION, STEWARD, False),
        # both
        (("prod-*",), ("admin",), None, PROD, ADMIN, True),
        (("prod-*",), ("admin",), None, PROD, MEMBER, False),
        (("prod-*",), ("admin",), None, VISION, ADMIN, False),
        # organization roles
        (None, None, ("admin",), ORGANIZATION, ADMIN, True),
        (None, None, ("admin",), ORGANIZATION, MEMBER, False),
        (None, None, ("admin",), VISION, ADMIN, False),
        (None, None, ("*",), VISION, ADMIN, False),
        # organization roles and one of the others: either
        (("prod-*",), None, ("admin",), PROD, MEMBER, True),
        (("prod-*",), None, ("admin",), ORGANIZATION, ADMIN, True),
        (("prod-*",), None, ("admin",), ORGANIZATION, MEMBER, False),
        (None, ("admin",), ("member",), VISION, ADMIN, True),
        (None, ("admin",), ("member",), ORGANIZATION, ADMIN, False),
    ],
)
def test_a_rule_covers_what_it_names(
    teams: Patterns,
    roles: Patterns,
    organization_roles: Patterns,
    place: Place,
    role: Role,
    covered: bool,
) -> None:
    rule = Rule(teams=teams, roles=roles, organization_roles=organization_roles, terms=terms())

    assert rule.covers(place, role) is covered


def test_the_first_rule_that_covers_it_wins_and_else_the_defaults_hold() -> None:
    first = Rule(teams=("prod-*",), roles=("admin",), terms=terms(rule="first"))
    second = Rule(teams=("prod-*",), terms=terms(rule="second"))
    shadowed = Rule(teams=("prod-eu",), terms=terms(rule="never"))
    rules = Policy(terms(rule="defaults", approvals=3), (first, second, shadowed))

    assert rules.terms(PROD, ADMIN).rule == "first"
    assert rules.terms(PROD, MEMBER).rule == "second"
    assert rules.terms(VISION, ADMIN) == terms(approvals=3)


def test_every_chat_group_that_is_named_anywhere_is_known() -> None:
    rule = Rule(terms=terms(approvers=(ChatGroup("S1"), TeamAdmins())))
    rules = Policy(terms(approvers=(GROUP, NamedPerson(ADA))), (rule,))

    assert rules.chat_groups() == {"S0123", "S1"}
    assert Policy().chat_groups() == frozenset()


@pytest.mark.parametrize(
    ("specs", "place", "expected"),
    [
        ((TeamAdmins(),), VISION, {ADA: "vision", BOB: "vision"}),
        ((TeamAdmins(),), ORGANIZATION, {OLGA: "the organization"}),
        ((TeamAdmins(),), Team("nowhere"), {}),
        ((OrganizationAdmins(),), VISION, {OLGA: "the organization"}),
        ((NamedPerson(OLGA),), VISION, {OLGA: "the policy names you"}),
        ((GROUP,), VISION, {ADA: "a user group", OLGA: "a user group"}),
        ((ChatGroup("S9"),), VISION, {}),
        # each of several counts, and the first reason is told
        (
            (NamedPerson(ADA), TeamAdmins()),
            VISION,
            {ADA: "the policy names you", BOB: "vision"},
        ),
        # never the requester
        ((NamedPerson(EVE), GROUP), VISION, {ADA: "a user group", OLGA: "a user group"}),
        ((NamedPerson(EmailAddress("eve+boss@corp.example")),), VISION, {}),
        ((NamedPerson(ALIAS),), VISION, {}),
    ],
)
def test_approvers_are_whom_the_terms_name_but_never_the_requester(
    specs: tuple[ApproverSpec, ...], place: Place, expected: dict[EmailAddress, str]
) -> None:
    roster = a_roster(a_person(EVE, emails=(ALIAS,)), groups={"S0123": frozenset({EVE, ADA, OLGA})})

    found = policy.approvers_of(terms(approvers=specs), place, roster, requester=EVE)

    assert set(found) == set(expected)
    assert all(expected[email] in why for email, why in found.items())


def test_an_admin_who_asks_is_not_among_the_approvers() -> None:
    found = policy.approvers_of(terms(), VISION, a_roster(), requester=ADA)

    assert set(found) == {BOB}


def test_an_approval_says_how_many_words_it_takes_and_whose() -> None:
    rules = Policy(terms(approvals=2))

    approval = checks.evaluate(rules, an_ask(), a_roster(), now=NOW, held=None)

    assert approval.needed == 2
    assert set(approval.approvers) == {ADA, BOB}


@pytest.mark.parametrize("by", [ADA, BOB])
def test_an_approvers_word_counts(by: EmailAddress) -> None:
    roster = a_roster()

    policy.authorize(Policy(), a_request(), by, roster)  # where it does not count, it raises

    assert by in policy.approvers_of(Policy().terms(VISION, MEMBER), VISION, roster, requester=EVE)


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (EVE, "their own request"),
        (ALIAS, "their own request"),
        (EmailAddress("eve+1@corp.example"), "their own request"),
        (OLGA, "you are not among those who may decide on member in vision"),
        (EmailAddress("stranger@corp.example"), "you are not among those"),
        (EmailAddress("ADA@corp.example"), "you are not among those"),
    ],
)
def test_nobody_elses_word_counts(by: EmailAddress, words: str) -> None:
    roster = a_roster(a_person(EVE, emails=(ALIAS,)))

    with pytest.raises(NotAnApprover, match=words):
        policy.authorize(Policy(), a_request(), by, roster)


def test_one_human_with_two_accounts_gives_one_approval() -> None:
    roster = a_roster(a_person(BOB, emails=(ADA, BOB)))
    both = Policy(terms(approvers=(NamedPerson(ADA), NamedPerson(BOB)), approvals=2))
    given = a_request(needed=2, decisions=(Decision(ADA, True, "", NOW),))

    with pytest.raises(NotAnApprover, match="by another account of yours"):
        policy.authorize(both, given, BOB, roster)


def test_who_is_no_longer_an_admin_no_longer_decides() -> None:
    roster = a_roster(teams=(a_team(roles={"u-ada": MEMBER, "u-bob": ADMIN}),))

    with pytest.raises(NotAnApprover):
        policy.authorize(Policy(), a_request(), ADA, roster)


def test_an_admin_of_one_team_does_not_decide_on_another() -> None:
    roster = a_roster(teams=(a_team("prod-eu", roles={"u-olga": ADMIN}),))

    with pytest.raises(NotAnApprover):
        policy.authorize(Policy(), a_request(place=PROD), ADA, roster)


def test_a_request_lapses_after_what_its_terms_say() -> None:
    assert policy.lapses_at(terms(pending_lapses_after=90), now=NOW) == NOW + timedelta(seconds=90)


def test_the_built_in_terms_are_those_that_are_documented() -> None:
    built_in = Policy().terms(VISION, custom_role("Any", "viewer"))

    assert built_in == terms(
        rule="defaults",
        allowed=True,
        approvers=(TeamAdmins(),),
        approvals=1,
        min_duration=900,
        default_duration=28_800,
        max_duration=2_592_000,
        permanent=False,
        reason_required=True,
        invite_new_people=True,
        pending_lapses_after=259_200,
        channel=None,
    )
    assert Policy().terms(ORGANIZATION, VIEWER) == built_in
