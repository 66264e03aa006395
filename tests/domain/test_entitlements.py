"""Roles, places and addresses."""

from itertools import product

import pytest

from tests.builders import ADMIN, MEMBER, ORGANIZATION, STEWARD, VIEWER, VISION
from workflows.domain.entitlements import (
    Place,
    Rank,
    Role,
    Team,
    custom_role,
    email_of,
    place_from_text,
    place_to_text,
    role_from_text,
    role_to_text,
)

ROLES = (VIEWER, MEMBER, ADMIN, STEWARD, custom_role("Looker", "viewer"))


def test_addresses_differ_by_everything_but_case_and_the_space_around_them() -> None:
    assert email_of("  Eve@Corp.Example\n") == "eve@corp.example"
    assert email_of("eve+x@corp.example") != email_of("eve@corp.example")
    assert email_of("\u0435ve@corp.example") != email_of("eve@corp.example")  # a look-alike


def test_the_kelvin_sign_in_an_address_is_not_a_k() -> None:
    assert email_of("\u212aate@corp.example") != email_of("Kate@corp.example")


@pytest.mark.parametrize(
    ("inherits", "rank"),
    [("viewer", Rank.VIEWER), ("Member", Rank.MEMBER), ("ADMIN", Rank.MEMBER)],
)
def test_a_custom_role_ranks_as_what_it_inherits_and_never_as_admin(
    inherits: str, rank: Rank
) -> None:
    role = custom_role("Release Steward", inherits)

    assert role == Role("Release Steward", rank, custom=True)
    assert str(role) == "Release Steward"


@pytest.mark.parametrize(
    ("holds", "wants", "covered"),
    [
        (VIEWER, VIEWER, True),
        (VIEWER, MEMBER, False),
        (MEMBER, VIEWER, True),
        (ADMIN, STEWARD, True),
        (STEWARD, MEMBER, True),
        (STEWARD, STEWARD, True),
        (MEMBER, STEWARD, False),
        (STEWARD, custom_role("Other", "member"), False),
        (STEWARD, custom_role("Looker", "viewer"), True),
        (STEWARD, ADMIN, False),
    ],
)
def test_who_holds_enough_has_no_need_of_more(holds: Role, wants: Role, covered: bool) -> None:
    assert holds.covers(wants) is covered


def test_of_two_roles_one_covers_the_other_unless_both_are_custom() -> None:
    for one, other in product(ROLES, ROLES):
        rivals = one.custom and other.custom and one.rank == other.rank and one != other
        assert (one.covers(other) or other.covers(one)) is not rivals


@pytest.mark.parametrize(
    ("role", "text"),
    [
        (None, ""),
        (VIEWER, "viewer"),
        (MEMBER, "member"),
        (ADMIN, "admin"),
        (STEWARD, "member:Release Steward"),
        (custom_role("a:b", "viewer"), "viewer:a:b"),
        (custom_role("admin", "viewer"), "viewer:admin"),
    ],
)
def test_a_role_is_stored_and_read_back_the_same(role: Role | None, text: str) -> None:
    role_from_text.cache_clear()  # another test may have asked before
    assert role_to_text(role) == text
    assert role_from_text(text) == role


@pytest.mark.parametrize(
    ("place", "text", "shown"),
    [
        (VISION, "team:vision", "vision"),
        (Team("a:b"), "team:a:b", "a:b"),
        (Team("organization"), "team:organization", "organization"),
        (ORGANIZATION, "organization", "the organization"),
    ],
)
def test_a_place_is_stored_and_read_back_the_same(place: Place, text: str, shown: str) -> None:
    place_from_text.cache_clear()  # the same
    assert place_to_text(place) == text
    assert place_from_text(text) == place
    assert str(place) == shown
