"""What can be granted: a role in a place. A place is a team or the organization.

Predefined roles and what a custom role may inherit from: W&B docs, "Manage users, groups, and roles
with SCIM" (`/Roles`). Predefined names ignore case, custom names do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NewType, assert_never

EmailAddress = NewType("EmailAddress", str)  # trimmed and in lower case: see `email_of`


def email_of(text: str) -> EmailAddress:
    """The address as it is compared: exact but for the case of ASCII letters; look-alikes differ.

    Python's own `lower` makes a plain `k` of the Kelvin sign.
    """
    return EmailAddress("".join(c.lower() if c.isascii() else c for c in text.strip()))


class Rank(IntEnum):
    """How much a role allows; a custom role ranks as the predefined one that it inherits from."""

    VIEWER = 1
    MEMBER = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Role:
    """A predefined role, or a custom one with the rank of what it inherits from."""

    name: str
    rank: Rank
    custom: bool = False

    def __str__(self) -> str:
        return self.name

    def covers(self, other: "Role") -> bool:
        """Whether who holds this has no need of `other`.

        A custom role adds to what it inherits, so it covers its own predefined role, but no other
        custom role of that rank.
        """
        if self.rank != other.rank:
            return self.rank > other.rank
        return self == other or not other.custom


VIEWER = Role("viewer", Rank.VIEWER)
MEMBER = Role("member", Rank.MEMBER)
ADMIN = Role("admin", Rank.ADMIN)
PREDEFINED: Mapping[str, Role] = {role.name: role for role in (VIEWER, MEMBER, ADMIN)}


def custom_role(name: str, inherits: str) -> Role:
    """A custom role; `inherits` is `member` or `viewer` (nothing may inherit from admin)."""
    base = PREDEFINED[inherits.lower()]
    return Role(name, min(base.rank, Rank.MEMBER), custom=True)


def role_to_text(role: Role | None) -> str:
    """How a role is stored: `member`, `member:Release Steward` for a custom one, `` for none."""
    if role is None:
        return ""
    return f"{role.rank.name.lower()}:{role.name}" if role.custom else role.name


@lru_cache(1_000)
def role_from_text(text: str) -> Role | None:
    """The other way round of `role_to_text`."""
    base, is_custom, name = text.partition(":")
    if is_custom:
        return custom_role(name, base)
    return PREDEFINED[base] if base else None


@dataclass(frozen=True, slots=True)
class Team:
    """A W&B team, by its name: names are unique and permanent."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Organization:
    """The one organization that our key belongs to."""

    def __str__(self) -> str:
        return "the organization"


Place = Team | Organization


def place_to_text(place: Place) -> str:
    """How a place is stored: `team:vision`, `organization`."""
    match place:
        case Team(name):
            return f"team:{name}"
        case Organization():
            return "organization"
        case _:
            assert_never(place)


@lru_cache(10_000)
def place_from_text(text: str) -> Place:
    """The other way round of `place_to_text`."""
    kind, _, name = text.partition(":")
    return Team(name) if kind == "team" else Organization()
