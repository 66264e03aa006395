"""What a W&B organization holds: immutable records, and the state that collects them.

Records are replaced, never changed, so that a copy of the state costs four shallow copies. The
stand-in copies before each write to undo a refused one, to answer stale reads, and to reset.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

AccountKind = Literal["USER", "SERVICE", "ORG_SERVICE"]

PREDEFINED_ROLES = ("admin", "member", "viewer")

# From the printed answers of https://docs.wandb.ai/platform/hosting/iam/scim ("Get custom role").
INHERITED_PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "member": ("artifact:read", "project:read", "run:read"),
    "viewer": ("artifact:read", "launchagent:read", "run:read"),
}


class Problem(Exception):
    """A refusal that the wire turns into a SCIM Error with this HTTP status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class User:
    """A person or a service account. `in_org` is false after a removal on multi-tenant W&B."""

    id: str
    number: int
    username: str
    display_name: str
    emails: tuple[str, ...]
    created: datetime
    modified: datetime | None
    version: int
    kind: AccountKind = "USER"
    active: bool = True
    in_org: bool = True
    org_role: str = "member"
    models_seat: str = "full"
    weave_role: str = "full"
    registry_access: str | None = None
    registry_roles: Mapping[str, str] = field(default_factory=dict)
    last_active: datetime | None = None
    days_active: int = 0

    @property
    def email(self) -> str | None:
        """The primary email; service accounts have none."""
        return self.emails[0] if self.emails else None

    @property
    def is_active_person(self) -> bool:
        """Somebody who can use the organization, and no service account."""
        return self.in_org and self.active and self.kind == "USER"

    def answers_to(self, email: str) -> bool:
        """Whether this email is one of theirs, ignoring case."""
        return email.casefold() in (own.casefold() for own in self.emails)


@dataclass(frozen=True, slots=True)
class Invite:
    """A pending invitation, which only GraphQL shows. `user_id` is empty for a stranger."""

    id: str
    email: str
    user_id: str
    admin: bool


@dataclass(frozen=True, slots=True)
class Team:
    """A team; `members` maps a user id to the one role held there, in order of joining."""

    id: str
    name: str
    created: datetime
    modified: datetime
    version: int
    members: Mapping[str, str] = field(default_factory=dict)
    invites: tuple[Invite, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomRole:
    """A custom role with only its own permissions; the inherited ones follow from `inherits`."""

    id: str
    name: str
    description: str
    inherits: str
    permissions: tuple[str, ...]
    created: datetime
    modified: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class Key:
    """Who an API key belongs to and the organization that its calls act on (empty: none chosen)."""

    owner: User
    organization: str


@dataclass(slots=True)
class State:
    """Everything a reset or an undo has to bring back."""

    organization: str
    users: dict[str, User] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    roles: dict[str, CustomRole] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    audit: list[dict[str, object]] = field(default_factory=list)

    def copy(self) -> "State":
        """A copy that later changes do not reach."""
        return State(
            self.organization,
            dict(self.users),
            dict(self.teams),
            dict(self.roles),
            dict(self.keys),
            list(self.audit),
        )

    def become(self, other: "State") -> None:
        """Take over everything from another state of the same organization."""
        self.users, self.teams, self.roles = other.users, other.teams, other.roles
        self.keys, self.audit = other.keys, other.audit


def opaque(kind: str, number: int) -> str:
    """An id as W&B prints it: base64 of `User:1041`. Clients must not take it apart."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


def stamp(moment: datetime) -> str:
    """A time as W&B prints it: UTC to the second, ending in Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
