"""The real bot, built as for `run`, between the two stand-ins; and what Slack would send to it.

Nothing of it runs by itself: no worker thread, no sweep. A benchmark drives it.
"""

import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml
from slack_bolt import BoltRequest, BoltResponse

from bot.app import build
from bot.people import People
from bot.running import Bot
from bot.settings import load_settings
from bot.views import request_modal, review_card
from sandbox.bot_process import ROOT
from sandbox.slack_server import SlackServer
from sandbox.slack_world import SlackWorld
from sandbox.wandb_api import WandbApi
from sandbox.wandb_profile import PROFILES
from sandbox.wandb_rules import wall_clock
from sandbox.wandb_server import WandbServer
from sandbox.wandb_world import WandbWorld
from workflows.domain.durations import Span
from workflows.domain.entitlements import MEMBER, EmailAddress, Team
from workflows.domain.requests import AccessRequest

BOT_TOKEN = "xoxb-benchmark"
SIGNING_SECRET = "benchmark-signing-secret"
WANDB_KEY = "benchmark-wandb-key-of-forty-characters0"
POLICY = """version: 1
defaults: {min_duration: 1s}
limits: {requests_per_hour: 100000, pending_per_person: 100000, pending_per_team: 100000}
"""
"""The built-in policy without a limit that a benchmark would meet."""

HOURS = Span(8 * 3600)


class World:
    """Both stand-ins, serving. Ada is an admin of every team; p0, p1, … are members of W&B."""

    def __init__(self, folder: Path, *, people: int = 4, teams: int = 1) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.wandb = WandbWorld(PROFILES["newest-st"])
        self.api = WandbApi(self.wandb)
        self.slack = SlackWorld(
            manifest=yaml.safe_load((ROOT / "app_manifest.yaml").read_text()),
            bot_token=BOT_TOKEN,
            signing_secret=SIGNING_SECRET,
        )
        self.wandb.add_person("ada", "ada@corp.example")
        self.wandb.add_person("olga", "olga@corp.example", org_role="admin")
        self.ada = self.slack.add_user("ada", "ada@corp.example")
        self.slack.add_user("olga", "olga@corp.example")
        self.people: list[str] = []
        for number in range(people):
            self.wandb.add_person(f"p{number}", address(number))
            self.people.append(self.slack.add_user(f"p{number}", address(number)))
        for number in range(teams):
            self.wandb.add_team(f"team-{number}", {"ada": "admin"})
        self.wandb.add_service_account("bot", org=True)
        self.wandb.add_key(WANDB_KEY, "bot")
        self.wandb_server = WandbServer(self.api)
        self.slack_server = SlackServer(self.slack)

    def __enter__(self) -> "World":
        self.wandb_server.start()
        self.slack_server.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self.slack_server.__exit__(None, None, None)
        self.wandb_server.stop()

    def environ(self, database: str) -> dict[str, str]:
        """What `wandb-access run` is given."""
        policy = self.folder / "policy.yaml"
        policy.write_text(POLICY)
        return {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "SLACK_API_URL": self.slack_server.url,
            "WANDB_BASE_URL": self.wandb_server.url,
            "WANDB_API_KEY": WANDB_KEY,
            "DATABASE_URL": database,
            "POLICY_FILE": str(policy),
        }

    @contextmanager
    def built(self, database: str) -> Iterator[Bot]:
        """The bot, with W&B read once, and not started."""
        bot = build(load_settings(self.environ(database), env_file=None))
        with ExitStack() as stack:
            stack.enter_context(bot.close)
            _look_first(bot)
            yield bot


def _look_first(bot: Bot) -> None:
    """Read W&B once, the way it is done at the start: before that nothing is written there."""
    reader = threading.Thread(target=bot.keeper.run, name="roster")
    reader.start()
    end = time.monotonic() + 60
    while bot.deps.held_up():
        assert time.monotonic() < end, bot.deps.held_up()
        threading.Event().wait(0.01)
    bot.keeper.stop()
    reader.join()


def freshen(world: World, bot: Bot) -> None:
    """Have the reading of W&B be new, and Ada looked up within the minute: as it is in life."""
    now = wall_clock()
    with bot.deps.begin() as work:
        work.keep_roster(replace(bot.deps.rosters.current(), read_at=now))
    bot.deps.rosters.current()
    know(bot, world.ada)


def know(bot: Bot, user: str) -> None:
    """Have Slack asked about this person now, as it is once a minute."""
    people = bot.deps.groups
    assert isinstance(people, People), "the one that `build` makes"
    people.get(user, max_age=0.0)


def address(number: int) -> EmailAddress:
    """The address of the person p0, p1, …"""
    return EmailAddress(f"p{number}@corp.example")


_NUMBERS = itertools.count(1)


def a_request(requester: EmailAddress, team: str = "team-0") -> AccessRequest:
    """A request that waits for Ada, as it is before it is stored."""
    now = wall_clock()
    return AccessRequest(
        id=f"request-{next(_NUMBERS)}",
        requester=requester,
        place=Team(team),
        role=MEMBER,
        duration=HOURS,
        reason="to look at the sweep",
        origin=f"view-{next(_NUMBERS)}",
        held=None,
        invites=False,
        rule="defaults",
        needed=1,
        created_at=now,
        lapses_at=now + timedelta(days=3),
    )


def interaction(payload: Mapping[str, Any]) -> bytes:
    """The body of the HTTP request that brings an interaction."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def _common(kind: str, user: str) -> dict[str, Any]:
    return {
        "type": kind,
        "team": {"id": "T1", "domain": "sandbox"},
        "user": {"id": user, "username": "x", "name": "x", "team_id": "T1"},
        "api_app_id": "A1",
        "token": "word",
        "trigger_id": f"{next(_NUMBERS)}.1.x",
    }


def approval(user: str, request: str) -> dict[str, Any]:
    """A click on Approve, on a card."""
    return _common("block_actions", user) | {
        "container": {"type": "message", "message_ts": "1.1", "channel_id": "D1"},
        "channel": {"id": "D1", "name": "directmessage"},
        "message": {"ts": "1.1", "text": "x", "blocks": []},
        "state": {"values": {}},
        "response_url": "http://127.0.0.1:9/hooks",
        "actions": [
            {
                "type": "button",
                "block_id": "b",
                "action_id": review_card.APPROVE,
                "value": request,
                "action_ts": "1.2",
            }
        ],
    }


def submission(user: str, team: str) -> dict[str, Any]:
    """The form, sent; each time one of its own."""
    chosen = {"type": "static_select", "selected_option": {"value": team}}
    role = {"type": "static_select", "selected_option": {"value": "member"}}
    values = {
        request_modal.TEAM: {request_modal.TEAM_CHOICE: chosen},
        request_modal.ROLE: {request_modal.ROLE_CHOICE: role},
        request_modal.DURATION: {request_modal.DURATION_INPUT: {"type": "x", "value": "8h"}},
        request_modal.REASON: {request_modal.REASON_INPUT: {"type": "x", "value": "a sweep"}},
    }
    view = {
        "id": f"V{next(_NUMBERS)}",
        "type": "modal",
        "callback_id": request_modal.CALLBACK_ID,
        "private_metadata": request_modal.TEAM_KIND,
        "state": {"values": values},
    }
    return _common("view_submission", user) | {"view": view, "response_urls": []}


def search(user: str, typed: str) -> dict[str, Any]:
    """Slack asks for the teams that fit what was typed."""
    return _common("block_suggestion", user) | {
        "action_id": request_modal.TEAM_SEARCH,
        "block_id": request_modal.TEAM,
        "value": typed,
        "container": {"type": "view", "view_id": "V1"},
        "view": {"id": "V1", "type": "modal", "private_metadata": request_modal.TEAM_KIND},
    }


_HEADERS = {"content-type": ["application/x-www-form-urlencoded"]}


def request_of(payload: Mapping[str, Any]) -> BoltRequest:
    """As the HTTP server hands it to Bolt."""
    return BoltRequest(body=interaction(payload).decode(), headers=dict(_HEADERS))


def must_be_ok(response: BoltResponse) -> BoltResponse:
    """A benchmark of refusals would be fast, and worth nothing."""
    assert response.status == 200, response.body
    assert "errors" not in (response.body or ""), response.body
    return response
