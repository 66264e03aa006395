"""One person in one team: what they hold, and getting them in and out.

A user's own record is the best witness; where it shows no roles, the group says who is in the team
and GraphQL who is its admin. Where neither speaks it is refused, never guessed.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from workflows.directories.dialect import RolesFrom
from workflows.directories.graphql import GraphQL
from workflows.directories.scim import ScimClient, ScimRefused
from workflows.directories.wandb_roles import RoleNames
from workflows.directories.wandb_roster import find
from workflows.directories.wandb_wire import WandbGroup, WandbUser, group_of, user_of
from workflows.domain.entitlements import ADMIN
from workflows.domain.standings import Reading
from workflows.errors import DirectoryRejected

_GONE = 404
_NO_TARGET = "noTarget"  # RFC 7644 §3.12: the path names nobody who is in the group


class TeamReader:
    """Team membership over SCIM groups, with the ids of the groups as last seen."""

    def __init__(self, scim: ScimClient, graphql: GraphQL, names: RoleNames) -> None:
        self._scim = scim
        self._graphql = graphql
        self._names = names
        self._ids: Mapping[str, str] = {}

    def remember(self, ids: Mapping[str, str]) -> None:
        """Team ids by name, from a roster."""
        self._ids = ids

    def reading(
        self, user: WandbUser, team: str, *, listed: bool, roles_from: RolesFrom
    ) -> Reading:
        """What this account holds in the team. `listed`: it comes from a list.

        Raises `DirectoryRejected` when nothing that W&B shows is certain.
        """
        if user.team_roles is None and listed and roles_from != "graphql":
            alone = self._scim.get("Users", user.id)
            if alone is None:
                return Reading(account=None)
            user = user_of(alone)
        if user.team_roles is None:
            return self._pieced_together(user, team, roles_from)
        text = user.team_roles.get(team)
        return Reading(
            account=user.id,
            active=user.active,
            held=self._names.role(text) if text else None,
            others={name: role for name, role in user.team_roles.items() if name != team},
            tag=user.tag,
        )

    def _pieced_together(self, user: WandbUser, team: str, roles_from: RolesFrom) -> Reading:
        """From the group and GraphQL. An exact no needs only the group, if roles show elsewhere."""
        outside = Reading(user.id, user.active, tag=user.tag)
        group = self._named(team)
        is_in = group is not None and (group.members is None or user.id in group.members)
        if not is_in and roles_from != "unknown":
            return outside
        told = self._graphql.members(team)
        if told is None:
            raise DirectoryRejected(
                f"W&B does not say who holds which role in {team}, so the bot does not touch it. A"
                " newer W&B server says it, or WANDB_API_KEY of an organization admin may see it."
            )
        member = find(user, told)
        if not is_in or (group is not None and group.members is None and member is None):
            return outside
        if member is not None and member.admin:
            return replace(outside, held=ADMIN)
        return replace(outside, exact=False)

    def add(self, team: str, account: str) -> None:
        """Put the account into the team; once more is harmless."""
        operation = {"op": "add", "path": "members", "value": [{"value": account}]}
        if self._patched(team, operation) is None:
            raise DirectoryRejected(f"There is no team {team} in W&B any more.")

    def remove(self, team: str, account: str) -> None:
        """Take this one account out of the team; one that is not there is out already.

        Always by a filter: `remove` of plain `members` empties the team, whatever its value is.
        """
        path = f"members[value eq {json.dumps(account)}]"
        try:
            self._patched(team, {"op": "remove", "path": path})
        except ScimRefused as refused:
            if refused.status != _GONE and refused.scim_type != _NO_TARGET:
                raise

    def _patched(self, team: str, operation: Mapping[str, object]) -> str | None:
        """Change a group by its known id, or by its present one; gives the id, None if it is gone.

        A 404 is about the group or about the member: only looking it up again tells which.
        """
        known = self._ids.get(team)
        if known is not None:
            try:
                self._scim.patch("Groups", known, operation)
                return known
            except ScimRefused as refused:
                if refused.status != _GONE:
                    raise
                group = self._named(team)
                if group is not None and group.id == known:
                    raise
        else:
            group = self._named(team)
        if group is None:
            return None
        self._scim.patch("Groups", group.id, operation)
        return group.id

    def _named(self, team: str) -> WandbGroup | None:
        """The group of exactly this name; raises `DirectoryRejected` when there are several."""
        found = map(group_of, self._scim.find("Groups", "displayName", team))
        groups = [group for group in found if group.name == team]
        if len(groups) > 1:
            raise DirectoryRejected(f"W&B has several teams named {team}.")
        rest = {name: known for name, known in self._ids.items() if name != team}
        self._ids = {**rest, team: groups[0].id} if groups else rest
        return groups[0] if groups else None
