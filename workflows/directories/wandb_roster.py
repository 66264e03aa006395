"""Everybody at once, from wherever this W&B server shows roles.

Groups have no roles. Users may show `teamRoles` in lists, only one by one, or not at all
(https://docs.wandb.ai/platform/hosting/iam/scim prints none, its release notes speak of them); then
GraphQL knows who is an admin of a team, and nobody knows the rest. Where nothing is certain there
is no admin, so nobody can approve.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from workflows.directories.dialect import RolesFrom
from workflows.directories.graphql import GraphQL, TeamMember
from workflows.directories.scim import Resource, ScimClient
from workflows.directories.wandb_roles import RoleNames
from workflows.directories.wandb_wire import WandbGroup, WandbUser, group_of, user_of
from workflows.domain.entitlements import ADMIN, PREDEFINED, Role
from workflows.domain.roster import Roster, RosterPerson, RosterTeam

log = logging.getLogger(__name__)

R = TypeVar("R")

_THREADS = 8  # calls at the same time; fewer than the connections that httpx pools


@dataclass(frozen=True, slots=True)
class Found:
    """A roster, and where its roles came from."""

    roster: Roster
    roles_from: RolesFrom


@dataclass(frozen=True, slots=True)
class RosterReader:
    """Reads everybody. `known`: where roles came from last time in this process."""

    scim: ScimClient
    graphql: GraphQL
    names: RoleNames

    def read(self, known: RolesFrom, *, now: datetime) -> Found:
        """Everybody, complete or not at all. `now` is the moment before the first call."""
        people = {user.id: user for user in map(_user, self.scim.pages("Users")) if user.human}
        teams = _by_name(map(group_of, self.scim.pages("Groups")))
        custom = self.names.load()
        roles_from = self._where(known, people, teams.values())
        if roles_from == "get":
            people = self._one_by_one(people)
        if roles_from in ("list", "get"):
            roles = {name: self._shown(team, people) for name, team in teams.items()}
        else:
            roles, told = self._asked(teams, people)
            roles_from = "graphql" if told else "unknown"
        roster = Roster(
            read_at=now,
            people={account: _person(user) for account, user in people.items()},
            teams={name: RosterTeam(team.id, name, roles[name]) for name, team in teams.items()},
            custom_roles=custom,
        )
        return Found(roster, roles_from)

    def _where(
        self, known: RolesFrom, people: Mapping[str, WandbUser], teams: Iterable[WandbGroup]
    ) -> RolesFrom:
        """Where roles are shown; GraphQL, which costs a call a team, comes last."""
        if any(user.team_roles is not None for user in people.values()):
            return "list"
        if known in ("get", "graphql"):
            return known
        in_teams = {account for team in teams for account in team.members or ()}
        # Somebody who is in a team: an empty list may be left out.
        sample = next((account for account in people if account in in_teams), None)
        shown = self.scim.get("Users", sample) if sample else None
        return "get" if shown and user_of(shown).team_roles is not None else "graphql"

    def _one_by_one(self, people: Mapping[str, WandbUser]) -> dict[str, WandbUser]:
        """Everybody again, each by a call; who was deleted meanwhile is left out."""
        found = _parallel(lambda account: self.scim.get("Users", account), list(people))
        users = [user_of(resource) for resource in found if resource is not None]
        return {user.id: user for user in users if user.human}

    def _shown(self, team: WandbGroup, people: Mapping[str, WandbUser]) -> dict[str, Role | None]:
        """The roles that people's own records show, of those who are in the team now."""
        texts = {
            account: (people[account].team_roles or {}).get(team.name)
            for account in (people if team.members is None else sorted(team.members))
            if account in people
        }
        return {
            account: self.names.known(text) if text else None
            for account, text in texts.items()
            if text is not None or team.members is not None
        }

    def _asked(
        self, teams: Mapping[str, WandbGroup], people: Mapping[str, WandbUser]
    ) -> tuple[dict[str, dict[str, Role | None]], bool]:
        """The admins that GraphQL knows, team by team; everybody else's role is unknown."""
        answers = _parallel(self.graphql.members, list(teams))
        roles: dict[str, dict[str, Role | None]] = {}
        for team, told in zip(teams.values(), answers, strict=True):
            members = [people[account] for account in team.members or () if account in people]
            roles[team.name] = {user.id: _certain(find(user, told or ())) for user in members}
        return roles, any(told is not None for told in answers)


def find(user: WandbUser, told: Sequence[TeamMember]) -> TeamMember | None:
    """The GraphQL member that is this account, by user name, which is unique in W&B, or address.

    An invited person has no user name there yet.
    """
    for member in told:
        if member.username:
            if member.username.lower() == user.username.lower():
                return member
        elif member.email and member.email == user.email:
            return member
    return None


def _certain(member: TeamMember | None) -> Role | None:
    """Admin, if GraphQL says so of somebody who has accepted; else nobody knows which role."""
    return ADMIN if member and member.admin and not member.pending else None


def _user(body: Mapping[str, object]) -> WandbUser:
    return user_of(Resource(body))


def _by_name(groups: Iterable[WandbGroup]) -> dict[str, WandbGroup]:
    """Teams by name. Two of one name cannot be told apart and are both left out."""
    found: dict[str, WandbGroup] = {}
    doubled: set[str] = set()
    for group in groups:
        if group.name in found:
            doubled.add(group.name)
            log.warning("two teams have one name", extra={"team": group.name})
        found[group.name] = group
    return {name: group for name, group in found.items() if name not in doubled}


def _person(user: WandbUser) -> RosterPerson:
    assert user.email is not None  # human: it is what a person is reached by
    text = (user.organization_role or "").lower()
    return RosterPerson(
        account=user.id,
        username=user.username,
        name=user.name,
        email=user.email,
        emails=user.emails,
        active=user.active,
        organization_role=PREDEFINED.get(text),
    )


def _parallel(call: Callable[[str], R], items: Sequence[str]) -> list[R]:
    if not items:
        return []
    with ThreadPoolExecutor(min(_THREADS, len(items)), thread_name_prefix="wandb") as pool:
        return list(pool.map(call, items))
