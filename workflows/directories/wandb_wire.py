"""W&B's users, groups and roles, read tolerantly: a field that is missing is unknown, never a no.

Shapes: https://docs.wandb.ai/platform/hosting/iam/scim and the server release notes. Before 0.80.1
`emails` was one object with capital keys, and empty lists were `null`; members of groups have
capital keys to this day. Attribute names ignore case anyway (RFC 7643 §2.1).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workflows.directories.scim import Resource
from workflows.domain.entitlements import EmailAddress, email_of
from workflows.errors import DirectoryUnavailable

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"  # RFC 7643 §8.1


@dataclass(frozen=True, slots=True)
class WandbUser:
    """An account. None is what W&B did not say; `team_roles` maps team name to role name."""

    id: str
    username: str
    name: str
    email: EmailAddress | None
    emails: frozenset[EmailAddress]
    active: bool
    kind: str
    organization_role: str | None
    team_roles: Mapping[str, str] | None
    seat: str | None
    tag: str | None

    @property
    def human(self) -> bool:
        """Whether this is a person: not a service account, and reachable by mail."""
        return "SERVICE" not in self.kind.upper() and self.email is not None


@dataclass(frozen=True, slots=True)
class WandbGroup:
    """A team. `members` are account ids; None when W&B did not say."""

    id: str
    name: str
    members: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class WandbRole:
    """A custom role, what it inherits from, and the organization that it belongs to."""

    name: str
    inherits: str
    organization: str


def user_of(resource: Resource) -> WandbUser:
    """Read a user; raises `DirectoryUnavailable` when the types are not W&B's."""
    given = _lowered(resource.body)
    emails = _emails(given.get("emails"))
    meta = given.get("meta")
    version = _lowered(meta).get("version") if isinstance(meta, Mapping) else None
    return WandbUser(
        id=_required(given, "id"),
        username=_text(given.get("username")) or "",
        name=_text(given.get("displayname")) or "",
        email=emails[0] if emails else None,
        emails=frozenset(emails),
        active=_is_true(given.get("active")),
        kind=_text(given.get("accounttype")) or "",
        organization_role=_text(given.get("organizationrole")) or None,
        team_roles=_team_roles(given["teamroles"]) if "teamroles" in given else None,
        seat=_text(given.get("modelsseat")),
        tag=_tag(resource.tag or _text(version)),
    )


def group_of(body: Mapping[str, Any]) -> WandbGroup:
    """Read a group; raises `DirectoryUnavailable` when the types are not W&B's."""
    given = _lowered(body)
    members = None
    if "members" in given:
        members = frozenset(_required(each, "value") for each in _objects(given["members"]))
    return WandbGroup(_required(given, "id"), _required(given, "displayname"), members)


def role_of(body: Mapping[str, Any]) -> WandbRole:
    """Read a custom role; raises `DirectoryUnavailable` when it has no name."""
    given = _lowered(body)
    return WandbRole(
        name=_required(given, "name"),
        inherits=(_text(given.get("inheritedfrom")) or "").lower(),
        organization=_text(given.get("organizationid")) or "",
    )


def pairs(team_roles: Mapping[str, str]) -> list[dict[str, str]]:
    """Team roles as a PATCH wants them."""
    return [{"roleName": role, "teamName": team} for team, role in team_roles.items()]


def _emails(given: object) -> list[EmailAddress]:
    """All addresses, the primary one first; of several without a mark the first is taken."""
    items = [given] if isinstance(given, Mapping) else given
    found = [
        each for each in map(_lowered, _objects(items)) if "@" in (_text(each.get("value")) or "")
    ]
    found.sort(key=lambda each: not _is_true(each.get("primary")))
    return [email_of(each["value"]) for each in found]


def _team_roles(given: object) -> dict[str, str]:
    items = [_lowered(each) for each in _objects(given)]
    return {_required(each, "teamname"): _required(each, "rolename") for each in items}


def _objects(given: object) -> Iterable[Mapping[str, Any]]:
    """The objects of a list; `null` is an empty one."""
    items = [] if given is None else given
    if not isinstance(items, list) or not all(isinstance(each, Mapping) for each in items):
        raise DirectoryUnavailable("W&B answered a list in a shape that we do not know.")
    return [_lowered(each) for each in items]


def _lowered(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in given.items()}


def _required(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise DirectoryUnavailable(f"W&B answered something without its {name}.")
    return value


def _text(value: object) -> str | None:
    """A text, or None for nothing; another type means that this is not what we think it is."""
    if value is None or isinstance(value, str):
        return value
    raise DirectoryUnavailable("W&B answered a value of a type that we do not know.")


def _tag(text: str | None) -> str | None:
    """An entity tag that can be sent back in a header (RFC 9110 §8.8.3)."""
    return text if text and text.isascii() and text.isprintable() else None


def _is_true(value: object) -> bool:
    """A boolean; some identity providers write it as text."""
    return value is True or (isinstance(value, str) and value.lower() == "true")
