"""The W&B organization of the sandbox: seeding by name, changes by hand, and looking inside.

Methods here stand for what people do in the W&B web app and for what a test wants to know. They
take user names or emails and team names, and raise `LookupError` for a name that does not exist.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sandbox.wandb_profile import Profile
from sandbox.wandb_records import CustomRole, Key, Problem, State, Team, User, opaque, stamp
from sandbox.wandb_rules import ORGANIZATION_ID, Rules, wall_clock


class WandbWorld(Rules):
    """One W&B organization. Safe to use from several threads."""

    def __init__(
        self,
        profile: Profile | None = None,
        clock: Callable[[], datetime] = wall_clock,
        organization: str = "northwind-ml",
    ) -> None:
        super().__init__(profile, clock)
        self.organization = organization
        self.last_admin_removals = 0
        self._elsewhere: dict[str, State] = {}
        self._remembered: State | None = None

    # -- seeding and changes by hand ----------------------------------------------------------

    def add_person(
        self,
        username: str,
        email: str,
        *,
        org_role: str = "member",
        active: bool = True,
        extra_emails: Sequence[str] = (),
        last_active: datetime | None = None,
    ) -> str:
        """Create a person and give back the id. `last_active` None: never signed in."""
        with self.lock:
            user = self.create_user(username, (email, *extra_emails))
            days = 17 if last_active else 0
            seen = replace(user, last_active=last_active, days_active=days)
            return self.store_user(replace(seen, org_role=org_role, active=active)).id

    def add_service_account(self, name: str, org: bool = False, teams: Sequence[str] = ()) -> str:
        """Create a service account, of the organization (member of every team) or of teams."""
        with self.lock:
            user = self.create_user(name, (), kind="ORG_SERVICE" if org else "SERVICE")
            for team in list(self.state.teams.values()):
                if org or team.name in teams:
                    self.add_members(team, [user])
            return user.id

    def add_team(self, name: str, roles: Mapping[str, str] | None = None) -> str:
        """Create a team; `roles` maps a user name or email to the role held in it."""
        with self.lock:
            members = {self._find(who).id: self.role_named(r) for who, r in (roles or {}).items()}
            return self.create_team(name, members).id

    def add_custom_role(
        self, name: str, inherits: str = "member", permissions: Sequence[str] = ()
    ) -> str:
        """Create a custom role that inherits from `member` or `viewer`."""
        with self.lock:
            role_id = opaque("Role", self.next_number("Role"))
            own = tuple(permissions)
            role = CustomRole(role_id, name, f"{name} role", inherits, own, self.clock(), None, 0)
            return self.store_role(role, fresh=True).id

    def add_key(self, key: str, owner: str, organization: str = ORGANIZATION_ID) -> None:
        """Give out an API key. `organization` is the Default API organization of its owner.

        Another id makes its calls act on that (empty) organization; an empty string stands for a
        person in several organizations who chose none.
        """
        with self.lock:
            self.state.keys[key] = Key(self._find(owner), organization)

    def set_team_role(self, who: str, team: str, role: str | None) -> None:
        """Change, give or take (None) a role in a team."""
        with self.lock:
            user, record = self._find(who), self._team(team)
            if role is None:
                self.remove_members(record, [user])
                return
            self.add_members(record, [user])
            record = self._team(team)
            members = {**record.members, user.id: self.role_named(role)}
            if members != record.members:
                self.store_team(replace(record, members=members))
                self.audit("organization:update_member", user, record)

    def set_org_role(self, who: str, role: str) -> None:
        """Make somebody an `admin` or a `member` of the organization."""
        with self.lock:
            self.store_user(replace(self._find(who), org_role=role))
            self.audit("organization:update_member", self._find(who))

    def deactivate(self, who: str) -> None:
        """Deactivate a person; on multi-tenant W&B that removes them from the organization."""
        with self.lock:
            self.set_active(self._find(who), False)

    def reactivate(self, who: str) -> None:
        """Reactivate a person (single-tenant)."""
        with self.lock:
            self.set_active(self._find(who), True)

    def delete_person(self, who: str) -> None:
        """Delete a person or a service account."""
        with self.lock:
            self.delete_user(self._find(who))

    def delete_team(self, team: str) -> None:
        """Delete a team, which only the web app can do."""
        with self.lock:
            record = self._team(team)
            self.remove_members(record, [self.state.users[key] for key in record.members])
            self.audit("team:delete", team=record)
            del self.state.teams[record.id]

    def delete_custom_role(self, name: str) -> None:
        """Delete a custom role; its holders fall back to what it inherits from."""
        with self.lock:
            for role in list(self.state.roles.values()):
                if role.name == name:
                    self.delete_role(role)
                    return
            raise LookupError(name)

    def accept_invite(self, email: str, team: str) -> None:
        """Let an invited person join; somebody without an account gets one."""
        with self.lock:
            record = self._team(team)
            for invite in record.invites:
                if invite.email.casefold() == email.casefold():
                    rest = tuple(other for other in record.invites if other != invite)
                    record = self.store_team(replace(record, invites=rest))
                    known = next((u for u in self.everyone() if u.answers_to(email)), None)
                    joining = known or self.create_user(email.partition("@")[0], (email,))
                    self.add_members(record, [joining], "admin" if invite.admin else "member")
                    return
            raise LookupError(email)

    # -- looking inside -----------------------------------------------------------------------

    def team_role(self, who: str, team: str) -> str | None:
        """The role of a person in a team, or None when they are not in it or do not exist."""
        with self.lock:
            try:
                return self._team(team).members.get(self._find(who).id)
            except LookupError:
                return None

    def org_role(self, who: str) -> str | None:
        """The role in the organization, or None for somebody who is not in it."""
        with self.lock:
            try:
                return self._find(who).org_role
            except LookupError:
                return None

    def is_active(self, who: str) -> bool:
        """Whether somebody is in the organization and not deactivated."""
        with self.lock:
            try:
                return self._find(who).active
            except LookupError:
                return False

    def members(self, team: str) -> dict[str, str]:
        """Primary email to role, of the persons in a team."""
        with self.lock:
            record = self._team(team)
            return {user.email or "": record.members[user.id] for user in self.persons_of(record)}

    def id_of(self, who: str) -> str:
        """The id of a user."""
        with self.lock:
            return self._find(who).id

    def describe(self) -> dict[str, Any]:
        """The organization for printing. Holds no keys."""
        with self.lock:
            return {
                "organization": self.organization,
                "profile": self.profile.name,
                "now": stamp(self.clock()),
                "people": {
                    user.username: {
                        "email": user.email,
                        "kind": user.kind,
                        "active": user.active,
                        "org_role": user.org_role,
                        "models_seat": user.models_seat,
                        "teams": {team.name: role for team, role in self.team_roles(user)},
                    }
                    for user in self.everyone()
                },
                "teams": {
                    team.name: {
                        self.state.users[key].username: role for key, role in team.members.items()
                    }
                    for team in self.state.teams.values()
                },
                "custom_roles": {r.name: r.inherits for r in self.state.roles.values()},
                "last_admin_removals": self.last_admin_removals,
            }

    # -- resetting ----------------------------------------------------------------------------

    def remember(self) -> None:
        """Make the present state the one that `reset` brings back."""
        with self.lock:
            self._remembered = self.state.copy()

    def remember_once(self) -> None:
        """The same, unless a state is remembered already."""
        with self.lock:
            if self._remembered is None:
                self.remember()

    def reset(self) -> None:
        """Go back to the remembered state, or to an empty one. Ids are not given out again."""
        with self.lock:
            kept = self._remembered or State(ORGANIZATION_ID)
            self.state = kept.copy()
            self._elsewhere.clear()
            self.last_admin_removals = 0

    def state_of(self, organization: str) -> State:
        """The state that a key of this organization acts on."""
        with self.lock:
            if organization == self.state.organization:
                return self.state
            return self._elsewhere.setdefault(organization, State(organization))

    def _find(self, who: str) -> User:
        for user in self.everyone():
            if user.username.casefold() == who.casefold():
                return user
        try:
            return self.user(who)
        except Problem:
            raise LookupError(who) from None

    def _team(self, name: str) -> Team:
        try:
            return self.team_named(name)
        except Problem:
            raise LookupError(name) from None
