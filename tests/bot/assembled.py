"""A bot that is put together on a directory in memory, and on a Slack that says what it is told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from types import SimpleNamespace

from slack_sdk.errors import SlackApiError

from bot.app import assemble
from bot.running import Bot
from bot.settings import Settings, load_settings
from bot.slack_api import new_client
from bot.slack_token import SCOPES, SlackToken
from tests.services.rig import FakeClock, a_directory
from workflows.domain.policy import Policy
from workflows.storage.database import Database
from workflows.storage.unit_of_work import Work

NOBODY = "http://127.0.0.1:9"  # nothing answers there
OURS = ("roster", "access-", "messages-", "worker-leases", "APScheduler")


def settings_of(folder: Path, **changes: str) -> Settings:
    """Settings with a database in this folder and nobody outside."""
    environ = {
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_SIGNING_SECRET": "secret",
        "WANDB_API_KEY": "key",
        "SLACK_API_URL": f"{NOBODY}/api/",
        "WANDB_BASE_URL": NOBODY,
        "DATABASE_URL": f"sqlite:///{folder / 'access.db'}",
        **changes,
    }
    return load_settings(environ, env_file=None)


class StandIn:
    """Stands for Slack's word about the token: yes, or what `says` raises."""

    def __init__(self) -> None:
        self.data = {"ok": True, "team_id": "T1"}
        self.headers = {"x-oauth-scopes": ",".join(SCOPES)}
        self.says: SlackApiError | OSError | None = None
        self.asked = threading.Semaphore(0)
        self.now = 0.0

    def refuses(self, code: str) -> None:
        """From now on."""
        response = SimpleNamespace(data={"ok": False, "error": code}, status_code=200, headers={})
        self.says = SlackApiError("no", response)  # type: ignore[arg-type]  # what of it is used

    def auth_test(self) -> "StandIn":
        self.asked.release()
        if self.says is not None:
            raise self.says
        return self


class Assembled:
    """A bot on a directory in memory, with a clock that is advanced; it is not started."""

    def __init__(self, folder: Path, database: Database) -> None:
        settings = settings_of(folder)
        self.clock = FakeClock()
        self.directory = a_directory(self.clock)
        client = new_client("xoxb-1", settings.slack_api_url, timeout=1)
        self.slack = StandIn()
        self.closed: list[str] = []
        close = ExitStack()
        close.callback(self.closed.append, "closed")
        self.bot: Bot = assemble(
            settings,
            client,
            client,
            Work(database),
            policy=Policy(),
            directory=self.directory,
            clock=self.clock,
            close=close,
        )
        self.bot.token = SlackToken(self.slack.auth_test, clock=lambda: self.slack.now)
        self.bot.token.look()

    def read(self) -> None:
        """Have W&B read, and wait for it."""
        self.bot.deps.rosters.newer()


def our_threads() -> Iterator[str]:
    """The names of the bot's own threads that live."""
    return (one.name for one in threading.enumerate() if one.name.startswith(OURS))


def until(holds: Callable[[], object]) -> None:
    """Wait for it."""
    end = monotonic() + 20
    while not holds():
        assert monotonic() < end
        threading.Event().wait(0.01)
