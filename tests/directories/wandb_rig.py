"""The W&B directory on the W&B stand-in, in one process and without sockets."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx

from sandbox.wandb_api import WandbApi
from sandbox.wandb_profile import PROFILES
from sandbox.wandb_wire import Answer, Call, transport
from sandbox.wandb_world import WandbWorld as Standin
from workflows.directories.dialect import Dialect
from workflows.directories.wandb import WandbDirectory, connect
from workflows.directories.wandb_probe import probe
from workflows.domain.entitlements import Place, Team

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
KEY = "canary-key-0123456789-0123456789-0123456789"


def now() -> datetime:
    """A clock that stands still."""
    return NOW


@dataclass
class WandbRig:
    """One W&B of a profile, the bot's key in it, and the directory under test."""

    profile: str = "newest-st"
    shows_roles: bool = True
    dialects: list[Dialect] = field(default_factory=list)
    hides_in_lists: tuple[str, ...] = ()  # attributes of users that only a GET of one shows
    pending: bool = False  # GraphQL says of everybody that they have not accepted yet
    doubled: bool = False  # lists show every person and team twice, under two ids

    def __post_init__(self) -> None:
        self.standin = Standin(PROFILES[self.profile], clock=now)
        self.standin.add_service_account("access-bot", org=True)
        self.standin.add_key(KEY, "access-bot")
        self.api = WandbApi(self.standin)
        self.http = httpx.Client(
            base_url="https://wandb.example", transport=transport(self._handle)
        )
        self._directory: WandbDirectory | None = None

    def close(self) -> None:
        """Close the client and see that the stand-in made no mistake of its own."""
        self.http.close()
        assert self.api.errors == []

    def _handle(self, call: Call) -> Answer:
        answer = self.api.handle(call)
        spoils = bool(self.hides_in_lists) or self.doubled
        is_list = spoils and call.method == "GET" and call.path.endswith(("/Users", "/Groups"))
        if answer.status != 200 or not (is_list or self.pending):
            return answer
        text = answer.body.decode()
        if self.pending:
            text = text.replace('"pending": false', '"pending": true')
        if is_list:
            body = json.loads(text)
            items = body["Resources"] or []
            if self.doubled:
                items = [*items, *({**each, "id": each["id"] + "2"} for each in items)]
                body["totalResults"] = len(items)
            hidden = self.hides_in_lists
            body["Resources"] = [
                {k: v for k, v in each.items() if k not in hidden} for each in items
            ]
            text = json.dumps(body)
        return replace(answer, body=text.encode())

    @property
    def directory(self) -> WandbDirectory:
        """Found out about at the first use, as at a start."""
        if self._directory is None:
            dialect = probe(self.http, KEY, None, None, clock=now)
            self.dialects.append(dialect)
            self._directory = connect(
                self.http, KEY, None, dialect, self.dialects.append, clock=now
            )
        return self._directory

    def seen(self) -> list[str]:
        """The calls since the last time, as `PATCH Groups`."""
        calls = [f"{each.method} {_kind(each.path)}" for each in self.api.calls]
        self.api.calls.clear()
        return calls

    def person(self, email: str, *, org_role: str = "member", active: bool = True) -> str:
        """Make an account; gives its id."""
        name = email.partition("@")[0]
        return self.standin.add_person(name, email, org_role=org_role, active=active)

    def team(self, name: str, roles: Mapping[str, str]) -> None:
        """Make a team, with roles by address."""
        self.standin.add_team(name, roles)

    def steward(self) -> None:
        """Make the custom role `STEWARD`."""
        self.standin.add_custom_role("Release Steward", "member")

    def really(self, email: str, place: Place) -> str | None:
        """The name of the role that is really held there."""
        if isinstance(place, Team):
            return self.standin.team_role(email, place.name)
        return self.standin.org_role(email)


def _kind(path: str) -> str:
    return path.removeprefix("/scim").removeprefix("/v2").split("/")[1]


Rigs = Callable[[str], WandbRig]
