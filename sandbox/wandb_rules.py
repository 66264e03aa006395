"""What a W&B server does with a change, whoever asks for it.

Nothing here knows HTTP apart from the status that a refusal carries. All methods expect the
caller to hold `lock`. There is no guard for the last admin, because W&B documents none: the
client has to be one.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sandbox.wandb_profile import Profile
from sandbox.wandb_records import (
    PREDEFINED_ROLES,
    AccountKind,
    CustomRole,
    Problem,
    State,
    Team,
    User,
    opaque,
    stamp,
)

SEATS = ("full", "viewer", "none")
ORGANIZATION_ID = opaque("Organization", 20417)
_FIRST_VERSION = 0x7F3A91
_FIRST_NUMBERS = {"User": 1041, "Entity": 5107, "Role": 31, "Invite": 771}


def wall_clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


class Rules:
    """One organization's state and the changes that W&B allows to it."""

    def __init__(
        self, profile: Profile | None = None, clock: Callable[[], datetime] = wall_clock
    ) -> None:
        self.profile = profile or Profile()
        self.clock = clock
        self.lock = threading.RLock()
        self.state = State(ORGANIZATION_ID)
        self.seats: dict[str, int] = {}  # limit per kind of Models seat; a kind left out has none
        self.unreachable_buckets: set[str] = set()
        self.allow_predefined_role_names = False
        self.actor: User | None = None
        self._versions = itertools.count(_FIRST_VERSION)
        self._numbers = {kind: itertools.count(n) for kind, n in _FIRST_NUMBERS.items()}

    # -- looking up ---------------------------------------------------------------------------

    def everyone(self) -> Iterator[User]:
        """Persons and service accounts of this organization, oldest first."""
        return (user for user in self.state.users.values() if user.in_org)

    def user(self, ref: str) -> User:
        """A user by id or email, as GET and member values accept them."""
        known = self.state.users.get(ref)
        if known is not None and known.in_org:
            return known
        for user in self.everyone():
            if user.answers_to(ref):
                return user
        raise Problem(404, "User not found")

    def user_by_id(self, user_id: str) -> User:
        """A user by id alone: W&B documents no change to a user named by email."""
        found = self.state.users.get(user_id)
        if found is None or not found.in_org:
            raise Problem(404, "User not found")
        return found

    def team(self, team_id: str) -> Team:
        """A team by its id."""
        if team_id not in self.state.teams:
            raise Problem(404, "Group not found")
        return self.state.teams[team_id]

    def team_named(self, name: object, problem: str = "unknown team") -> Team:
        """A team by its exact name, or a refusal (assumed status)."""
        for team in self.state.teams.values():
            if team.name == name:
                return team
        raise Problem(400, problem)

    def role_named(self, name: object) -> str:
        """A team role: any case for predefined names, exact case for custom ones."""
        if not isinstance(name, str):
            raise Problem(400, "unknown role")
        if name not in PREDEFINED_ROLES and any(r.name == name for r in self.state.roles.values()):
            return name
        if name.lower() in PREDEFINED_ROLES:
            return name.lower()
        raise Problem(400, "unknown role")

    def team_roles(self, user: User) -> list[tuple[Team, str]]:
        """The teams of a user with the role held in each, oldest team first."""
        return [
            (team, team.members[user.id])
            for team in self.state.teams.values()
            if user.id in team.members
        ]

    def persons_of(self, team: Team) -> list[User]:
        """The members that SCIM shows: no service accounts, but deactivated persons."""
        users = (self.state.users[user_id] for user_id in team.members)
        return [user for user in users if user.kind == "USER"]

    def admin_counts(self) -> Counter[str]:
        """Active admins of the organization (key "") and of each team (key: its id)."""
        users = self.state.users
        org = [one for one in users.values() if one.org_role == "admin" and one.is_active_person]
        counts = Counter({"": len(org)})
        for team in self.state.teams.values():
            admins = (users.get(id) for id, role in team.members.items() if role == "admin")
            counts[team.id] = sum(one is not None and one.is_active_person for one in admins)
        return counts

    # -- storing ------------------------------------------------------------------------------

    def next_number(self, kind: str) -> int:
        """The next number of a kind of id; a reset does not give it out again."""
        return next(self._numbers[kind])

    def next_version(self) -> int:
        """The next entity tag number."""
        return next(self._versions)

    def store_user(self, user: User) -> User:
        """Keep a changed user under a new version; an unchanged one keeps its version."""
        if self.state.users.get(user.id) != user:
            user = replace(user, modified=self.clock(), version=self.next_version())
            self.state.users[user.id] = user
        return user

    def store_team(self, team: Team) -> Team:
        """Keep a changed team under a new version, and each user whose role in it changed."""
        before = self.state.teams.get(team.id)
        if before == team:
            return team
        old = before.members if before else {}
        team = replace(team, modified=self.clock(), version=self.next_version())
        self.state.teams[team.id] = team
        for user_id in old.keys() | team.members.keys():
            if old.get(user_id) != team.members.get(user_id) and user_id in self.state.users:
                user = self.state.users[user_id]
                version = self.next_version()
                self.state.users[user_id] = replace(user, modified=self.clock(), version=version)
        return team

    @contextmanager
    def using(self, state: State) -> Iterator[None]:
        """Work on another state for a while: a stale one, or another organization's."""
        with self.lock:
            kept, self.state = self.state, state
            try:
                yield
            finally:
                self.state = kept

    def audit(self, action: str, user: User | None = None, team: Team | None = None) -> None:
        """Write an audit entry; the names of actions are those of the audit log page."""
        entry: dict[str, Any] = {
            "timestamp": stamp(self.clock()),
            "action": action,
            "actor_user_id": self.actor.number if self.actor else 0,
            "actor_email": (self.actor.email if self.actor else None) or "",
            "actor_ip": "192.0.2.10",
            "response_code": 200,
        }
        if team is not None:
            entry["entity_name"] = team.name
        if user is not None:
            entry["user_email"] = user.email or ""
        self.state.audit.append(entry)

    # -- users --------------------------------------------------------------------------------

    def refuse_taken(self, username: str, emails: Sequence[str], but: str = "") -> None:
        """409 if another account, even a deactivated one, has this name or email."""
        for user in self.everyone():
            same_name = user.username.casefold() == username.casefold()
            if user.id != but and (same_name or any(map(user.answers_to, emails))):
                raise Problem(409, "User already exists")

    def create_user(
        self,
        username: str,
        emails: Sequence[str],
        *,
        kind: AccountKind = "USER",
        display_name: str = "",
        models_seat: str = "full",
        weave_role: str = "full",
    ) -> User:
        """Create an account, or on multi-tenant W&B let one that exists join (assumed)."""
        self.refuse_taken(username, emails)
        seat = models_seat if kind == "USER" else "none"
        granted = self.granted_seat(None, seat) if kind == "USER" else seat
        for known in self.state.users.values():
            if not known.in_org and any(map(known.answers_to, emails)):
                back = replace(known, in_org=True, active=True, models_seat=granted)
                return self.store_user(replace(back, org_role="member", weave_role=weave_role))
        number = self.next_number("User")
        spoken = username.replace(".", " ").title() if kind == "USER" else username
        user = User(
            id=opaque("User", number),
            number=number,
            username=username,
            display_name=display_name or spoken,
            emails=tuple(emails),
            created=self.clock(),
            modified=None,
            version=0,
            kind=kind,
            models_seat=granted,
            weave_role=weave_role,
        )
        user = self.store_user(user)
        action = "user:create" if kind == "USER" else "team:create_service_account"
        self.audit(action, user)
        return user

    def delete_user(self, user: User) -> None:
        """Remove for good; on multi-tenant W&B the account only leaves the organization."""
        for team, _ in self.team_roles(user):
            self.remove_members(team, [user], quietly=True)
        user = self.state.users[user.id]
        if self.profile.deployment == "mt" and user.kind == "USER":
            self.store_user(replace(user, in_org=False, org_role="member", models_seat="none"))
        else:
            del self.state.users[user.id]
        self.audit("user:permanently_delete", user)

    def set_active(self, user: User, active: bool) -> None:
        """Deactivate (on multi-tenant: remove) or reactivate, which needs a free seat (assumed)."""
        if not active and self.profile.deployment == "mt":
            self.delete_user(user)
            return
        if active and not user.active:
            user = replace(user, models_seat=self.granted_seat(None, user.models_seat))
        self.store_user(replace(user, active=active))
        self.audit("user:reactivate" if active else "user:deactivate", user)

    def set_models_seat(self, user: User, seat: str) -> None:
        """Change the Models seat, or refuse or degrade when none is free."""
        self.store_user(replace(user, models_seat=self.granted_seat(user, seat)))
        self.audit("organization:update_member", user)

    def granted_seat(self, user: User | None, seat: str) -> str:
        """The seat that is given: the wanted one, or `none` on servers that only log a shortage."""
        taken = sum(
            other.models_seat == seat and other.active and other.kind == "USER"
            for other in self.everyone()
            if user is None or other.id != user.id
        )
        if seat == "none" or taken < self.seats.get(seat, taken + 1):
            return seat
        if self.profile.seat_exhaustion == "degrade":
            return "none"
        raise Problem(self.profile.seat_error_status, "Seat limit reached")

    def make_viewer(self, user: User) -> None:
        """The deprecated organization role `viewer`: member, viewer seats, viewer in every team."""
        seat = self.granted_seat(user, "viewer")
        for team, _ in self.team_roles(user):
            self.store_team(replace(team, members={**team.members, user.id: "viewer"}))
        user = replace(self.state.users[user.id], org_role="member", models_seat=seat)
        registries = dict.fromkeys(user.registry_roles, "viewer")
        self.store_user(replace(user, weave_role="viewer", registry_roles=registries))
        self.audit("organization:update_member", user)

    def set_team_roles(self, user: User, roles: Mapping[str, str]) -> None:
        """Set roles by team id. A server that replaces all makes them `member` everywhere else."""
        for team_id in roles:
            if user.id not in self.state.teams[team_id].members:
                name = self.state.teams[team_id].name
                raise Problem(400, f"user is not a member of team {name}")
        for team, held in self.team_roles(user):
            otherwise = held if self.profile.team_roles_replace == "upsert" else "member"
            role = roles.get(team.id, otherwise)
            self.store_team(replace(team, members={**team.members, user.id: role}))
        self.audit("organization:update_member", user)

    # -- teams --------------------------------------------------------------------------------

    def create_team(self, name: str, members: Mapping[str, str]) -> Team:
        """Create a team; service accounts of the organization join by themselves."""
        if any(team.name == name for team in self.state.teams.values()):
            raise Problem(409, "Group already exists")
        joining = {u.id: "member" for u in self.everyone() if u.kind == "ORG_SERVICE"}
        now = self.clock()
        team_id = opaque("Entity", self.next_number("Entity"))
        team = self.store_team(Team(team_id, name, now, now, 0, {**members, **joining}))
        self.audit("team:create", team=team)
        return team

    def add_members(self, team: Team, users: Iterable[User], role: str = "member") -> None:
        """Add users; one who is a member already keeps their role."""
        for user in users:
            if user.id not in team.members:
                invites = tuple(i for i in team.invites if i.user_id != user.id)
                members = {**team.members, user.id: role}
                team = self.store_team(replace(team, members=members, invites=invites))
                self.audit("team:invite_user", user, team)

    def remove_members(self, team: Team, users: Iterable[User], *, quietly: bool = False) -> None:
        """Remove users from a team; they stay in the organization and keep their seat."""
        leaving = {user.id: user for user in users if user.id in team.members}
        staying = {key: role for key, role in team.members.items() if key not in leaving}
        team = self.store_team(replace(team, members=staying))
        if not quietly:
            for user in leaving.values():
                self.audit("team:uninvite", user, team)

    # -- custom roles -------------------------------------------------------------------------

    def store_role(self, role: CustomRole, *, fresh: bool = False) -> CustomRole:
        """Keep a custom role and carry a new name to its holders; `fresh`: not `modified`."""
        before = self.state.roles.get(role.id)
        if before == role:
            return role
        if any(r.name == role.name and r.id != role.id for r in self.state.roles.values()):
            raise Problem(409, "Role already exists")
        if role.name.lower() in PREDEFINED_ROLES and not self.allow_predefined_role_names:
            raise Problem(409, "Role name is reserved")
        modified = None if fresh else self.clock()
        role = replace(role, modified=modified, version=self.next_version())
        self.state.roles[role.id] = role
        if before is not None and before.name != role.name:
            self._rename_role(before.name, role.name)
        return role

    def delete_role(self, role: CustomRole) -> None:
        """Delete a custom role; its holders fall back to the role that it inherits from."""
        del self.state.roles[role.id]
        self._rename_role(role.name, role.inherits)

    def _rename_role(self, old: str, new: str) -> None:
        for team in list(self.state.teams.values()):
            members = {key: new if role == old else role for key, role in team.members.items()}
            self.store_team(replace(team, members=members))
