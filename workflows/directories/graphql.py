"""The two questions that we ask W&B's GraphQL: who is in a team, and whose key is ours.

Only asked where SCIM says nothing. Fields: https://github.com/wandb/wandb, `teams.graphql` and
`users.graphql` of tools/graphql_codegen/api. W&B answers some clients only under the SDK's name
(`relogin required`); we come under our own and take silence for an answer. `apiKey` of members is
never asked for.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from workflows.directories.dialect import ApiKey
from workflows.directories.scim import json_in
from workflows.directories.wire import Wire, raise_if_sick

_TEAM = (
    "query GetTeamEntity($name: String!) { entity(name: $name) { id name members"
    " { id admin pending email username name accountType } } }"
)
_VIEWER = "query GetViewer { viewer { id username } }"


@dataclass(frozen=True, slots=True)
class TeamMember:
    """A member as GraphQL shows it; `pending`: has not accepted yet. Lower-case `email`."""

    id: str
    username: str
    email: str
    admin: bool
    pending: bool


class GraphQL:
    """Raises `DirectoryUnavailable` when W&B is sick; every other refusal is silence."""

    def __init__(self, wire: Wire, key: ApiKey) -> None:
        self._wire = wire
        self._authorization = key.basic("api")  # wandb/wandb, core/internal/api/credentials.go

    def members(self, team: str) -> tuple[TeamMember, ...] | None:
        """The members of a team, without service accounts; None when W&B does not tell us."""
        entity = self._ask(_TEAM, {"name": team}).get("entity")
        given = entity.get("members") if isinstance(entity, dict) else None
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            return None
        return tuple(
            _member(each) for each in given if "SERVICE" not in _text(each, "accountType").upper()
        )

    def viewer(self) -> str:
        """The user name that the key belongs to, or an empty text."""
        viewer = self._ask(_VIEWER, {}).get("viewer")
        return _text(viewer, "username") if isinstance(viewer, dict) else ""

    def _ask(self, query: str, variables: Mapping[str, str]) -> Mapping[str, object]:
        answer = self._wire.exchange(
            "POST",
            "/graphql",
            headers={
                "Authorization": self._authorization,
                "Accept": "application/json",
                "Content-Type": "application/json",
            },
            body=json.dumps({"query": query, "variables": variables}).encode(),
        )
        raise_if_sick(answer)
        given = json_in(answer) if answer.status == 200 else None
        if not isinstance(given, dict) or given.get("errors"):
            return {}
        data = given.get("data")
        return data if isinstance(data, dict) else {}


def _member(given: Mapping[str, object]) -> TeamMember:
    return TeamMember(
        id=_text(given, "id"),
        username=_text(given, "username"),
        email=_text(given, "email").strip().lower(),
        admin=given.get("admin") is True,
        pending=given.get("pending") is not False,
    )


def _text(given: Mapping[str, object], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""
