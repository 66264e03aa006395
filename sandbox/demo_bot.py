"""The stage of the demo: the real bot in this process, between a Slack and a W&B on loopback."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot import logs
from bot.running import Bot
from sandbox.bot_thread import BotThread
from sandbox.slack_people import Person
from sandbox.slack_server import SlackServer
from sandbox.slack_world import SlackWorld
from sandbox.wandb_api import WandbApi
from sandbox.wandb_server import WandbServer
from sandbox.wandb_world import WandbWorld

MANIFEST = Path(__file__).parent.parent / "app_manifest.yaml"
POLICY = (
    "version: 1\ndefaults:\n  min_duration: 1s\n"  # a demo cannot wait for a quarter of an hour
)
START_SECONDS = 20.0

_KEY = "k" * 40

Prepare = Callable[[WandbApi], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that the story acts on. `log` is the bot's own log file."""

    slack: SlackWorld
    wandb: WandbWorld
    api: WandbApi
    database_url: str
    log: Path

    def person(self, name: str) -> Person:
        """The member of the workspace with this name."""
        found = (user.id for user in self.slack.users.values() if user.name == name)
        return Person(self.slack, next(found))


def open_wandb() -> WandbApi:
    """The organization before the story: three teams, five people, the bot's service account."""
    world = WandbWorld()
    for name in ("ada", "eve", "grace", "noor", "ravi"):
        world.add_person(name, f"{name}@corp.example")
    world.add_person("olga", "olga@corp.example", org_role="admin")
    world.add_team("vision", {"ada": "admin"})
    world.add_team("speech", {"grace": "admin", "noor": "viewer"})
    world.add_team("forecasting", {"olga": "admin"})
    world.add_service_account("wandb-access", org=True)
    world.add_key(_KEY, "wandb-access")
    return WandbApi(world)


def open_slack() -> SlackWorld:
    """The workspace: the app as the manifest of this project describes it, and the people."""
    world = SlackWorld(manifest=yaml.safe_load(MANIFEST.read_text(encoding="utf-8")))
    for name in ("ada", "eve", "grace", "noor", "olga", "ravi"):
        world.add_user(name, f"{name}@corp.example")
    return world


@contextlib.contextmanager
def stage(folder: Path, prepare: Prepare) -> Iterator[Stage]:
    """Both stand-ins and the bot, running. `prepare` may make this W&B a worse one."""
    slack, api = open_slack(), open_wandb()
    prepare(api)
    database_url = f"sqlite:///{folder / 'wandb-access.db'}"
    policy, log = folder / "policy.yaml", folder / "bot.log"
    policy.write_text(POLICY, encoding="utf-8")
    with (
        _logging_to(log),
        WandbServer(api) as wandb_server,
        SlackServer(slack) as slack_server,
    ):
        environ = {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "SLACK_API_URL": slack_server.url,
            "WANDB_BASE_URL": wandb_server.url,
            "WANDB_API_KEY": _KEY,
            "DATABASE_URL": database_url,
            "POLICY_FILE": str(policy),
        }
        with BotThread(environ) as running:
            slack.bot_url = running.events_url
            _wait_until_ready(running.bot)
            yield Stage(slack, api.world, api, database_url, log)


@contextlib.contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """The bot's records go to standard error, which is a file while it is told where that is."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    with path.open("w", encoding="utf-8") as file:
        with contextlib.redirect_stderr(file):
            logs.configure(logging.INFO)
        try:
            yield
        finally:
            root.handlers[:] = before
            root.setLevel(level)


def _wait_until_ready(bot: Bot) -> None:
    until = time.monotonic() + START_SECONDS
    while not bot.health().ready:
        if time.monotonic() > until:
            raise TimeoutError(f"the bot is not ready after {START_SECONDS} s")
        time.sleep(0.05)
