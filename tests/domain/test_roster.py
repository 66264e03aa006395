"""Who is where, as last read."""

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
    a_roster,
    a_team,
)
from workflows.domain.entitlements import EmailAddress, Place, Role, Team, custom_role
from workflows.domain.roster import Roster

DAN = EmailAddress("dan@corp.example")
ALIAS = EmailAddress("e.vance@corp.example")


@pytest.mark.parametrize(
    ("age", "fresh"),
    [
        (timedelta(seconds=-6), False),
        (timedelta(seconds=-5), True),
        (timedelta(0), True),
        (timedelta(seconds=60), True),
        (timedelta(seconds=61), False),
    ],
)
def test_a_reading_is_good_for_a_minute(age: timedelta, fresh: bool) -> None:
    assert a_roster(read_at=NOW).is_fresh(NOW + age) is fresh


def test_a_person_is_found_by_their_exact_primary_address_only() -> None:
    roster = a_roster(a_person(EVE, emails=(ALIAS,)))

    found = roster.find_person(EVE)

    assert found is not None
    assert found.account == "u-eve"
    assert roster.find_person(ALIAS) is None
    assert roster.find_person(DAN) is None


def test_of_two_accounts_with_one_address_neither_is_found() -> None:
    roster = a_roster(a_person(EVE, account="u-eve-2"))

    assert roster.is_ambiguous(EVE)
    assert roster.find_person(EVE) is None
    assert roster.role_of(EVE, ORGANIZATION) is None
    assert not roster.is_ambiguous(ADA)
    assert not roster.is_ambiguous(DAN)


def test_teams_are_found_by_their_exact_name() -> None:
    roster = a_roster()

    assert roster.find_team("vision") is not None
    assert roster.find_team("Vision") is None


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("admin", ADMIN),
        ("Admin", ADMIN),
        ("MEMBER", MEMBER),
        ("Release Steward", STEWARD),
        ("release steward", None),
        ("owner", None),
        ("", None),
    ],
)
def test_predefined_roles_ignore_case_and_custom_ones_do_not(name: str, role: Role | None) -> None:
    assert a_roster().find_role(name) == role


@pytest.mark.parametrize(
    ("email", "place", "role"),
    [
        (ADA, VISION, ADMIN),
        (EVE, VISION, VIEWER),
        (OLGA, VISION, None),
        (ADA, Team("nowhere"), None),
        (OLGA, ORGANIZATION, ADMIN),
        (EVE, ORGANIZATION, MEMBER),
        (DAN, ORGANIZATION, None),
    ],
)
def test_what_somebody_holds_is_looked_up_by_place(
    email: EmailAddress, place: Place, role: Role | None
) -> None:
    roster = a_roster(teams=(a_team(roles={"u-ada": ADMIN, "u-eve": VIEWER}),))

    assert roster.role_of(email, place) == role


def test_admins_are_active_certain_people_with_the_predefined_role() -> None:
    custom_admin = custom_role("admin", "member")
    roster = a_roster(
        a_person(BOB, active=False),
        a_person(DAN),
        a_person(DAN, account="u-dan-2"),
        teams=(
            a_team(
                roles={
                    "u-ada": ADMIN,
                    "u-bob": ADMIN,  # deactivated
                    "u-dan": ADMIN,  # one of two accounts
                    "u-eve": custom_admin,
                    "u-olga": None,  # W&B does not say
                    "service-account": ADMIN,  # no human account
                }
            ),
        ),
    )

    assert roster.admins(VISION) == {ADA}
    assert roster.admins(ORGANIZATION) == {OLGA}
    assert roster.admins(Team("nowhere")) == frozenset()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("eve@corp.example", "eve@corp.example", True),
        ("eve@corp.example", "eve+wandb@corp.example", True),
        ("eve+a@corp.example", "eve+b@corp.example", True),
        ("eve@corp.example", "e.vance@corp.example", True),  # both on one account
        ("e.vance@corp.example", "eve+a@corp.example", True),
        ("e.vance+b@corp.example", "eve+a@corp.example", True),
        ("eve@corp.example", "eve@corp.test", False),
        ("eve@corp.example", "ada@corp.example", False),
        ("eve@corp.example", "ev@corp.example", False),
        ("dan@corp.example", "tom@corp.example", False),  # neither has an account
    ],
)
def test_two_addresses_may_be_one_human(one: str, other: str, same: bool) -> None:
    roster = a_roster(a_person(EVE, emails=(ALIAS,)))

    assert roster.is_same_person(EmailAddress(one), EmailAddress(other)) is same
    assert roster.is_same_person(EmailAddress(other), EmailAddress(one)) is same


def test_an_empty_roster_knows_nobody() -> None:
    roster = Roster(read_at=NOW)

    assert roster.find_person(EVE) is None
    assert roster.admins(ORGANIZATION) == frozenset()
    assert not roster.is_same_person(EVE, ADA)
