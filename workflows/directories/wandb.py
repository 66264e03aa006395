"""W&B as a directory: a team is a SCIM group, a role in it an element of the user's `teamRoles`.

Source of every rule here: https://docs.wandb.ai/platform/hosting/iam/scim. Each write is the
smallest that does it, and is read back: what W&B answers to a write is not relied on. Groups are
never emptied or replaced, accounts never deleted or deactivated.
"""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, assert_never

import httpx

from workflows.directories.dialect import ApiKey, Dialect
from workflows.directories.graphql import GraphQL
from workflows.directories.scim import Resource, ScimClient, ScimRefused
from workflows.directories.wandb_reading import TeamReader
from workflows.directories.wandb_roles import RoleNames, is_shadow
from workflows.directories.wandb_roster import RosterReader
from workflows.directories.wandb_wire import USER_SCHEMA, WandbUser, pairs, user_of
from workflows.directories.wire import Wire
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
from workflows.domain.roster import Roster
from workflows.domain.standings import Reading
from workflows.errors import DirectoryRejected, DirectoryUnavailable
from workflows.ports import Clock

_NOT_IN_A_USERNAME = re.compile(r"[^a-z0-9._-]+")  # what W&B's own examples do without


def connect(
    http: httpx.Client,
    key: str,
    username: str | None,
    dialect: Dialect,
    on_dialect: Callable[[Dialect], None],
    *,
    clock: Clock,
) -> "WandbDirectory":
    """A directory over a pooled client with `base_url` and time-outs; `dialect` is `probe`'s."""
    wire, api_key = Wire(http, clock=clock), ApiKey(key, username)
    scim = ScimClient(wire, api_key, dialect)
    return WandbDirectory(scim, GraphQL(wire, api_key), dialect, on_dialect, clock=clock)


class WandbDirectory:
    """`ports.Directory` over SCIM. Safe to use from several threads.

    `on_dialect` is told whenever something new was found out about this server, to be remembered.
    """

    def __init__(
        self,
        scim: ScimClient,
        graphql: GraphQL,
        dialect: Dialect,
        on_dialect: Callable[[Dialect], None],
        *,
        clock: Clock,
    ) -> None:
        self._scim = scim
        self._names = RoleNames(scim)
        self._teams = TeamReader(scim, graphql, self._names)
        self._everybody = RosterReader(scim, graphql, self._names)
        self._dialect = dialect
        self._on_dialect = on_dialect
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = False  # where roles are shown is found out anew by each process

    # -- reading ------------------------------------------------------------------------------

    def roster(self) -> Roster:
        """Everybody: see `ports.Directory`."""
        known = self._dialect.roles_from if self._looked else "unknown"
        try:
            found = self._everybody.read(known, now=self._clock())
        except ScimRefused as refused:  # nobody asked for a change: it is W&B that is not well
            raise DirectoryUnavailable(
                f"The people in W&B cannot be listed. {refused}"
            ) from refused
        self._looked = True
        self._teams.remember({team.name: team.id for team in found.roster.teams.values()})
        self._learn(roles_from=found.roles_from)
        return found.roster

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """What the person holds there now: see `ports.Directory`."""
        if account is None:
            return self._reading(self._by_address(person), place, listed=True)
        return self._read_back(account, place)

    def is_own_account(self, account: str) -> bool:
        """Whether this is the account that our key belongs to."""
        return bool(account) and account == self._dialect.own_account

    def _read_back(self, account: str, place: Place) -> Reading:
        resource = self._scim.get("Users", account)
        return self._reading(user_of(resource) if resource else None, place, listed=False)

    def _by_address(self, person: EmailAddress, *, everybody: bool = False) -> WandbUser | None:
        """The one account with exactly this primary address."""
        found = [user_of(Resource(body)) for body in self._listed(person, everybody=everybody)]
        users = [user for user in found if user.email == person]
        if len(users) > 1:
            raise DirectoryRejected(
                f"Several W&B accounts have the address {person}; an organization admin has to"
                " leave one of them."
            )
        return users[0] if users else None

    def _listed(self, person: EmailAddress, *, everybody: bool) -> list[Mapping[str, Any]]:
        if everybody:
            return self._scim.pages("Users")
        try:
            return self._scim.find("Users", "emails.value", person)
        except ScimRefused as refused:
            if refused.status != httpx.codes.BAD_REQUEST:
                raise
            return self._scim.pages("Users")  # an older server, which filters by userName only

    def _reading(self, user: WandbUser | None, place: Place, *, listed: bool) -> Reading:
        """`listed`: the user comes from a list, which may show less than a call for it alone."""
        if user is None:
            return Reading(account=None)
        if not user.human:
            return Reading(account=user.id, active=user.active, human=False, tag=user.tag)
        match place:
            case Team(name):
                return self._teams.reading(
                    user, name, listed=listed, roles_from=self._dialect.roles_from
                )
            case Organization():
                return self._in_organization(user, listed=listed)
            case _:
                assert_never(place)

    def _in_organization(self, user: WandbUser, *, listed: bool) -> Reading:
        if user.organization_role is None and listed:
            return self._read_back(user.id, Organization())
        text = user.organization_role
        if text is None:
            raise DirectoryRejected(
                "This W&B server does not say who is an admin of the organization, so the bot"
                " cannot change it; a newer server does."
            )
        role = PREDEFINED.get(text.lower()) or Role(text, Rank.MEMBER, custom=True)
        return Reading(user.id, user.active, held=role, others=user.team_roles, tag=user.tag)

    # -- inviting -----------------------------------------------------------------------------

    def invite(self, person: EmailAddress) -> str:
        """The account with this address, made if there was none: see `ports.Directory`."""
        if user := self._by_address(person):
            return user.id
        local, _, domain = person.rpartition("@")
        wishes = (local, f"{local}-{domain.partition('.')[0]}")
        for username in (
            _NOT_IN_A_USERNAME.sub("-", wish).strip("-.") or "user" for wish in wishes
        ):
            if account := self._made(person, username):
                return account
        raise DirectoryRejected(
            f"W&B already has another account with the address {person} or a user name like it; an"
            " organization admin has to invite this person."
        )

    def _made(self, person: EmailAddress, username: str) -> str | None:
        """The new account, or the one that was there under this address all along (409)."""
        body = {
            "schemas": [USER_SCHEMA],
            "userName": username,
            "emails": [{"value": person, "primary": True}],
        }
        try:
            made = self._scim.post("Users", body)
        except ScimRefused as refused:
            if refused.status != httpx.codes.CONFLICT:
                raise
            # The whole list: the filter may compare capital letters, the conflict does not.
            user = self._by_address(person, everybody=True)
            return user.id if user else None
        user = user_of(made)
        if user.seat == "none":  # some servers log a shortage and give no seat
            raise DirectoryRejected(
                "W&B has no free seat for a new person; an organization admin can free or buy one."
            )
        if user.emails and person not in user.emails:
            raise DirectoryRejected(
                f"W&B answered the invitation of {person} with another account; an organization"
                " admin has to look."
            )
        return user.id

    # -- writing ------------------------------------------------------------------------------

    def set_role(
        self, person: EmailAddress, place: Place, role: Role | None, *, seen: Reading
    ) -> Reading:
        """Make the person hold exactly this there, and read it back: see `ports.Directory`."""
        if seen.account is None:
            raise DirectoryRejected(f"There is no W&B account with the address {person}.")
        match place:
            case Team(name) if role is None:
                self._teams.remove(name, seen.account)
                return self._read_back(seen.account, place)
            case Team(name):
                assert role is not None
                return self._put_in_team(seen.account, name, role, seen)
            case Organization():
                return self._set_in_organization(seen.account, role, seen)
            case _:
                assert_never(place)

    def _put_in_team(self, account: str, team: str, role: Role, seen: Reading) -> Reading:
        if is_shadow(role.name):
            self._names.role(role.name)  # refuses a name that two roles have
        latest = seen
        if seen.held is None and seen.exact:
            self._teams.add(team, account)
            latest = self._read_back(account, Team(team))
            # Still outside: read from before the write. Its tag is old, so nothing more is sent.
            if latest.account is None or (latest.exact and latest.held in (None, role)):
                return latest
            if latest.held is not None and latest.held.rank > max(role.rank, Rank.MEMBER):
                return latest  # W&B makes members; somebody has raised this one in that moment
        answer = self._patch_roles(account, {team: role.name}, latest)
        return _trusting(self._read_back(account, Team(team)), answer, team, role)

    def _patch_roles(
        self, account: str, roles: Mapping[str, str], latest: Reading
    ) -> WandbUser | None:
        """Write team roles; gives the user of the answer, if there is one."""
        if self._dialect.whole_team_roles:
            if latest.others is None:
                raise DirectoryRejected(
                    "This W&B server replaces all team roles of a person at once and does not show"
                    " them, so the bot cannot change one without risking the others."
                )
            roles = {**latest.others, **roles}
        operation = {"op": "replace", "path": "teamRoles", "value": pairs(roles)}
        answer = self._scim.patch("Users", account, operation, tag=latest.tag)
        return user_of(answer) if answer.body else None

    def _set_in_organization(self, account: str, role: Role | None, seen: Reading) -> Reading:
        if role is None or role == VIEWER or role.custom:
            # `viewer` is deprecated: it makes the person a viewer in every team.
            raise DirectoryRejected(
                "In the organization the bot gives only the roles admin and member, and removes"
                " nobody from it."
            )
        operation = {"op": "replace", "path": "organizationRole", "value": role.name}
        self._scim.patch("Users", account, operation, tag=seen.tag)
        return self._read_back(account, Organization())

    def put_back_others(self, seen: Reading, roles: Mapping[str, str]) -> None:
        """Give back the roles that a write of ours has cost: see `ports.Directory`."""
        resource = self._scim.get("Users", seen.account) if seen.account else None
        if resource is None:
            raise DirectoryRejected("The W&B account whose roles were lost is gone.")
        self._learn(whole_team_roles=True)
        user = user_of(resource)
        if user.team_roles is None:
            raise DirectoryRejected(
                "This W&B server does not show the other roles of the person; an organization admin"
                " has to put them back."
            )
        for team in roles.keys() - user.team_roles.keys():
            self._teams.add(team, user.id)
        tag = None if roles.keys() - user.team_roles.keys() else user.tag
        whole = {**user.team_roles, **roles}
        operation = {"op": "replace", "path": "teamRoles", "value": pairs(whole)}
        self._scim.patch("Users", user.id, operation, tag=tag)

    def _learn(self, **found: Any) -> None:
        with self._lock:
            learned = replace(self._dialect, **found)
            if learned == self._dialect:
                return
            self._dialect = learned
        self._on_dialect(learned)


def _trusting(reading: Reading, answer: WandbUser | None, team: str, role: Role) -> Reading:
    """Where reading says only “in the team, not an admin”, believe W&B's answer to the write."""
    shown = (answer.team_roles or {}).get(team, "") if answer else ""
    is_it = shown == role.name or (not role.custom and shown.lower() == role.name)
    if reading.exact or not is_it or role.rank is Rank.ADMIN:
        return reading
    return replace(reading, held=role, exact=True)
