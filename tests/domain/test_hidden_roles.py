"""Nobody to ask, where W&B keeps to itself who is an admin: said as what it is."""

import pytest

from tests.builders import (
    ADA,
    ADMIN,
    MEMBER,
    NOW,
    OLGA,
    ORGANIZATION,
    a_person,
    a_roster,
    a_team,
    an_ask,
)
from workflows.domain import checks
from workflows.domain.entitlements import Role
from workflows.domain.policy import Policy
from workflows.domain.requests import Ask
from workflows.domain.roster import Roster
from workflows.errors import PolicyRefused

ADMIN_OF_ALL = an_ask(place=ORGANIZATION, role=ADMIN)


def complaints(ask: Ask, roster: Roster) -> dict[str, str]:
    """What is said against it, by field."""
    with pytest.raises(PolicyRefused) as refused:
        checks.evaluate(Policy(), ask, roster, now=NOW, held=None)
    return refused.value.complaints


def vision_of(role: Role | None) -> Roster:
    """A team in which Ada is this, or what W&B does not say, and nobody else is in it."""
    return a_roster(teams=(a_team("vision", roles={"u-ada": role}),))


def organization_of(role: Role | None) -> Roster:
    """An organization in which Olga is this, or what W&B does not say; the others are members."""
    return a_roster(a_person(OLGA, organization_role=role), without=(OLGA,))


@pytest.mark.parametrize(
    ("ask", "roster", "field"),
    [(an_ask(), vision_of(None), "team"), (ADMIN_OF_ALL, organization_of(None), "role")],
)
def test_where_a_role_is_hidden_it_may_be_that_of_somebody_who_can_decide(
    ask: Ask, roster: Roster, field: str
) -> None:
    assert "does not show me everybody's role" in complaints(ask, roster)[field]


@pytest.mark.parametrize(
    ("ask", "roster", "field"),
    [(an_ask(), vision_of(MEMBER), "team"), (ADMIN_OF_ALL, organization_of(MEMBER), "role")],
)
def test_where_every_role_is_shown_nobody_can_decide(ask: Ask, roster: Roster, field: str) -> None:
    said = complaints(ask, roster)[field]

    assert "Nobody" in said
    assert "everybody's role" not in said


def test_a_hidden_role_elsewhere_explains_nothing_here() -> None:
    hidden = a_person(ADA, organization_role=None)
    roster = a_roster(hidden, without=(ADA,), teams=(a_team("vision", roles={"u-ada": MEMBER}),))

    assert "everybody's role" not in complaints(an_ask(), roster)["team"]
