"""What has been found out about one W&B server, and the key that we work with.

W&B documents two base paths and three forms of authentication, and leaves open where roles can be
read and what a write of `teamRoles` replaces: https://docs.wandb.ai/platform/hosting/iam/scim.
"""

import base64
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Literal, get_args

from workflows.errors import DirectoryClosed

Base = Literal["/scim", "/scim/v2"]
AuthForm = Literal["bearer", "basic-user", "basic-key"]
RolesFrom = Literal["list", "get", "graphql", "unknown"]

_CHOICES: dict[str, tuple[object, ...]] = {
    "base": get_args(Base),
    "auth": get_args(AuthForm),
    "roles_from": get_args(RolesFrom),
    "whole_team_roles": (True, False),
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How this server speaks. `organization` and `own_account` are ids, empty when it did not say.

    `whole_team_roles`: a write of one team role costs the others here, so that the whole list has
    to be sent.
    """

    base: Base = "/scim"
    auth: AuthForm = "bearer"
    organization: str = ""
    own_account: str = ""
    roles_from: RolesFrom = "unknown"
    whole_team_roles: bool = False

    def to_json(self) -> str:
        """How it is stored. Holds no secret."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "Dialect":
        """The other way round. What cannot be read is found out anew: it gets its default."""
        try:
            stored = json.loads(text)
        except ValueError:
            return Dialect()
        known = stored.items() if isinstance(stored, dict) else ()
        names = {each.name for each in fields(Dialect)}
        return Dialect(**{k: v for k, v in known if k in names and _is_valid(k, v)})


def _is_valid(name: str, value: object) -> bool:
    return value in _CHOICES[name] if name in _CHOICES else isinstance(value, str)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """W&B's API key, with the user name that belongs to it when it is a person's."""

    secret: str = field(repr=False)
    username: str | None = None

    def __post_init__(self) -> None:
        if not self.secret or not self.secret.isascii() or not self.secret.isprintable():
            raise DirectoryClosed("WANDB_API_KEY is empty or has characters that no key has.")

    def authorization(self, form: AuthForm) -> str:
        """The header's value. An organization's service account has an empty user name."""
        if form == "bearer":
            return f"Bearer {self.secret}"
        return self.basic(self.username or "" if form == "basic-user" else "")

    def basic(self, user: str) -> str:
        """Basic authentication (RFC 7617) as this user; GraphQL wants `api`."""
        return "Basic " + self._encoded(user)

    def hide_in(self, text: str) -> str:
        """The text without the key, in case a server echoes what it was sent."""
        for secret in (self.secret, *map(self._encoded, ("", "api", self.username or ""))):
            text = text.replace(secret, "[key]")
        return text

    def _encoded(self, user: str) -> str:
        return base64.b64encode(f"{user}:{self.secret}".encode()).decode()
