"""Who is where in the directory, as last read: what forms offer and clicks are checked against.

A copy, up to a minute old. Nothing is written to W&B on its word alone: `ensure` reads again first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import assert_never

from workflows.domain.entitlements import (
    PREDEFINED,
    VIEWER,
    EmailAddress,
    Organization,
    Place,
    Rank,
    Role,
    Team,
)

FRESH_FOR = timedelta(minutes=1)  # how old a reading may be when somebody decides by it
AHEAD = timedelta(seconds=5)  # a reading from the future: clocks differ by that much, not more


@dataclass(frozen=True, slots=True)
class RosterPerson:
    """A human account. `email` is the primary address; `emails` all of them, lower case."""

    account: str
    username: str
    name: str
    email: EmailAddress
    emails: frozenset[EmailAddress]
    active: bool
    organization_role: Role | None = None  # None: W&B does not say


@dataclass(frozen=True, slots=True)
class RosterTeam:
    """A team and its people: account → role, or None for a member whose role W&B does not say."""

    id: str
    name: str
    roles: Mapping[str, Role | None]


@dataclass(frozen=True)
class Roster:
    """Everybody, at one moment."""

    read_at: datetime
    people: Mapping[str, RosterPerson] = field(default_factory=dict)  # by account
    teams: Mapping[str, RosterTeam] = field(default_factory=dict)  # by name
    custom_roles: Mapping[str, Role] = field(default_factory=dict)  # by name
    groups: Mapping[str, frozenset[EmailAddress]] = field(default_factory=dict)  # chat groups by id

    def is_fresh(self, now: datetime) -> bool:
        """Whether somebody may still decide by this reading."""
        return -AHEAD <= now - self.read_at <= FRESH_FOR

    @cached_property
    def _by_email(self) -> Mapping[EmailAddress, tuple[RosterPerson, ...]]:
        found: dict[EmailAddress, tuple[RosterPerson, ...]] = {}
        for person in self.people.values():
            found[person.email] = (*found.get(person.email, ()), person)
        return found

    @cached_property
    def _by_any_email(self) -> Mapping[str, frozenset[str]]:
        """Accounts by every address of theirs, without tags."""
        found: dict[str, set[str]] = {}
        for person in self.people.values():
            for email in person.emails | {person.email}:
                found.setdefault(_without_tag(email), set()).add(person.account)
        return {email: frozenset(accounts) for email, accounts in found.items()}

    def find_person(self, email: EmailAddress) -> RosterPerson | None:
        """The one account with this primary address; None when there is none, or more than one."""
        people = self._by_email.get(email, ())
        return people[0] if len(people) == 1 else None

    def is_ambiguous(self, email: EmailAddress) -> bool:
        """Whether several accounts claim this primary address."""
        return len(self._by_email.get(email, ())) > 1

    def find_team(self, name: str) -> RosterTeam | None:
        """The team of exactly this name."""
        return self.teams.get(name)

    def find_role(self, name: str) -> Role | None:
        """A predefined role whatever its case, or a custom role of exactly this name."""
        return self.custom_roles.get(name) or PREDEFINED.get(name.lower())

    def role_of(self, email: EmailAddress, place: Place) -> Role | None:
        """What this person holds there; None for nothing, and when W&B does not say."""
        person = self.find_person(email)
        if person is None:
            return None
        match place:
            case Team(name):
                team = self.teams.get(name)
                return team.roles.get(person.account) if team else None
            case Organization():
                return person.organization_role
            case _:
                assert_never(place)

    def hides_role(self, email: EmailAddress, place: Place) -> bool:
        """Whether this person holds something there and W&B does not say what."""
        person = self.find_person(email)
        if person is None:
            return False
        match place:
            case Team(name):
                team = self.teams.get(name)
                return team is not None and team.roles.get(person.account, VIEWER) is None
            case Organization():
                return person.organization_role is None
            case _:
                assert_never(place)

    def admins(self, place: Place) -> frozenset[EmailAddress]:
        """The primary addresses of the active people who are admins there, each one certain."""
        match place:
            case Team(name):
                team = self.teams.get(name)
                roles = team.roles if team else {}
                accounts = [account for account, role in roles.items() if _is_admin(role)]
            case Organization():
                accounts = [
                    account
                    for account, person in self.people.items()
                    if _is_admin(person.organization_role)
                ]
            case _:
                assert_never(place)
        people = (self.people[account] for account in accounts if account in self.people)
        return frozenset(
            person.email
            for person in people
            if person.active and not self.is_ambiguous(person.email)
        )

    def is_same_person(self, one: EmailAddress, other: EmailAddress) -> bool:
        """Whether two addresses may be one human, by every sign there is. Errs towards yes.

        Equal addresses, equal but for a `+tag`, or both on one W&B account.
        """
        first, second = _without_tag(one), _without_tag(other)
        if first == second:
            return True
        accounts = self._by_any_email.get(first, frozenset())
        return not accounts.isdisjoint(self._by_any_email.get(second, frozenset()))


def _is_admin(role: Role | None) -> bool:
    return role is not None and role.rank is Rank.ADMIN and not role.custom


def _without_tag(email: EmailAddress) -> str:
    local, at, domain = email.rpartition("@")
    return local.partition("+")[0] + at + domain
