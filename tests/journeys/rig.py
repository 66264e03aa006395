"""A workspace, a W&B organization and the real bot between them, driven from outside.

`Journey` has both stand-ins on loopback and the bot in this process; `check` asserts at the end
what holds whatever was told: nobody waited longer than `PATIENCE`, nothing was refused by Slack's
rules, no secret was seen anywhere, nobody lost their last admin.
"""

import io
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import yaml
from sqlalchemy import select, update

from bot import logs
from sandbox.bot_process import ROOT, BotProcess
from sandbox.bot_thread import BotThread
from sandbox.processes import warm
from sandbox.slack_people import Person
from sandbox.slack_server import SlackServer
from sandbox.slack_state import Message
from sandbox.slack_world import LOOK_SECONDS, SlackWorld
from sandbox.wandb_api import WandbApi
from sandbox.wandb_profile import PROFILES
from sandbox.wandb_server import WandbServer
from sandbox.wandb_wire import Recorded
from sandbox.wandb_world import WandbWorld
from workflows.storage.bookkeeping import RosterRow, table_of

T = TypeVar("T")

MANIFEST = ROOT / "app_manifest.yaml"  # scopes, commands and events are those of a real app

BOT_TOKEN = "xoxb-CANARY-bot-token"
APP_TOKEN = "xapp-CANARY-app-token"
SIGNING_SECRET = "CANARY-signing-secret"
WANDB_KEY = "CANARY-wandb-key-of-forty-characters-000"
CANARY = "CANARY"

# slack_sdk's own records of a call that failed; what comes of it is the bot's to say.
SLACK_SDK = ("Failed to send a request to Slack", "Failed to decode Slack API response")

SHORT = "version: 1\ndefaults:\n  min_duration: 1s\n"
"""The built-in policy, but that a journey need not wait a quarter of an hour for an end."""

PATIENCE = 15.0  # seconds; how fast a machine is proves nothing about the bot. Slack has three

_ODD = logging.makeLogRecord({})


class Journey:
    """The cast: ada (admin of `vision`), bob (viewer there), eve (in the organization only), olga
    (organization admin). All are in Slack as well. More can be added before and after `start`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database: str = "",
        profile: str = "newest-st",
        policy: str = SHORT,
        socket_mode: bool = False,
    ) -> None:
        self.folder = folder
        self.database = database or f"sqlite:///{folder / 'journey.db'}"
        self.wandb = WandbWorld(PROFILES[profile])
        self.api = WandbApi(self.wandb)
        self.slack = SlackWorld(
            manifest=yaml.safe_load(MANIFEST.read_text()),
            bot_token=BOT_TOKEN,
            app_token=APP_TOKEN,
            signing_secret=SIGNING_SECRET,
        )
        self.slack.socket_mode = socket_mode
        self.slack.patience = PATIENCE
        self.policy = folder / "policy.yaml"
        self.policy.write_text(policy)
        self.people: dict[str, Person] = {}
        self.may_log: tuple[str, ...] = ()  # beginnings of error records that a journey expects
        self._log = _Log()
        self._wandb_server = WandbServer(self.api)
        self.slack_server = SlackServer(self.slack)
        self._thread: BotThread | None = None
        self._processes: list[BotProcess] = []
        self._cast()

    def _cast(self) -> None:
        self.add("ada")
        self.add("bob")
        self.add("eve")
        self.add("olga", org_role="admin")
        self.wandb.add_team("vision", {"ada": "admin", "bob": "viewer"})
        self._add_service_account()

    def _add_service_account(self) -> None:
        if self.wandb.profile.name == "st-0.79":  # these have Basic with a person's key only
            self.wandb.add_person("bot", "bot@corp.example", org_role="admin")
            self.wandb.add_key(WANDB_KEY, "bot")
            return
        self.wandb.add_service_account("bot", org=True)
        self.wandb.add_key(WANDB_KEY, "bot")

    def add(
        self,
        name: str,
        *,
        email: str = "",
        in_wandb: bool = True,
        in_slack: bool = True,
        **more: Any,
    ) -> Person:
        """Somebody new; `more` is for `WandbWorld.add_person`. Not in Slack: the id is made up."""
        email = email or f"{name}@corp.example"
        if in_wandb:
            self.wandb.add_person(name, email, **more)
        slack_id = self.slack.add_user(name, email) if in_slack else "U-NOBODY"
        self.people[name] = Person(self.slack, slack_id)
        return self.people[name]

    def __getattr__(self, name: str) -> Person:
        try:
            return self.__dict__["people"][name]  # type: ignore[no-any-return]  # people are Persons
        except KeyError:
            raise AttributeError(name) from None

    # -- running -----------------------------------------------------------------------------

    @property
    def environ(self) -> dict[str, str]:
        """What `wandb-access run` is given."""
        environ = {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "SLACK_API_URL": self.slack_server.url,
            "WANDB_BASE_URL": self._wandb_server.url,
            "WANDB_API_KEY": WANDB_KEY,
            "DATABASE_URL": self.database,
            "POLICY_FILE": str(self.policy),
        }
        if self.slack.socket_mode:
            environ["SLACK_APP_TOKEN"] = APP_TOKEN
        if self.wandb.profile.name == "st-0.79":
            environ["WANDB_USERNAME"] = "bot"
        return environ

    def open(self) -> None:
        """Have both stand-ins serve."""
        self._log.begin()
        self._wandb_server.start()
        self.slack_server.__enter__()

    def start(self) -> "Journey":
        """Start the bot in this process; it has read W&B when this returns."""
        self.start_without_waiting()
        self.until(lambda: self.running.bot.health().ready)
        if self.slack.socket_mode:
            self.slack.wait_for(lambda: self.slack.courier.links)
        return self

    def start_without_waiting(self) -> None:
        """Start the bot in this process, whatever it finds."""
        self._thread = BotThread(self.environ)
        self._thread.start()
        self.slack.bot_url = self._thread.events_url

    @property
    def running(self) -> BotThread:
        """The bot in this process."""
        assert self._thread is not None, "the bot was not started"
        return self._thread

    def stop(self) -> None:
        """Stop the bot in this process as SIGTERM would."""
        if self._thread is not None:
            self._thread.stop()

    def start_process(self, *, ready: bool = True) -> BotProcess:
        """Start the bot as a process of its own; the older ones should be over."""
        process = BotProcess(self.environ, self.folder, start=warm)
        self._processes.append(process)
        process.start()
        self.slack.bot_url = process.events_url
        if ready:
            process.wait_until_ready()
        return process

    def close(self) -> None:
        """End everything that runs."""
        self.stop()
        for process in self._processes:
            process.kill()
        self.slack_server.__exit__(None, None, None)
        self._wandb_server.stop()
        self._log.end()

    # -- looking -----------------------------------------------------------------------------

    def until(self, condition: Callable[[], T], seconds: float = LOOK_SECONDS) -> T:
        """Wait for something that Slack does not announce, such as a change in W&B."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} s; {self.story()}")
            threading.Event().wait(0.01)
        return found

    def role(self, who: str, team: str = "vision") -> str | None:
        """What W&B holds."""
        return self.wandb.team_role(who, team)

    def writes(self, method: str = "") -> list[Recorded]:
        """What W&B was asked to change."""
        return [one for one in self.api.writes() if method in ("", one.method)]

    @property
    def log(self) -> str:
        """All that was logged in this process so far."""
        return self._log.text

    def story(self) -> str:
        """What happened, for a failing test."""
        calls = [f"{one.method} {one.path} {one.status}" for one in self.api.calls[-15:]]
        slack = [f"{one.method} {one.error or 'ok'}" for one in self.slack.calls[-10:]]
        return f"W&B: {calls}; Slack: {slack}; log: {self._log.text[-3000:]}"

    def age_roster(self, by: timedelta) -> None:
        """Let the reading of W&B be older than it is, the stored one and the one in memory."""
        self.running.bot.keeper._last = None
        row = table_of(RosterRow)
        older = update(row).values(version=row.c.version + 1)
        with self.running.bot.database.write() as connection:
            read_at = connection.execute(select(row.c.read_at)).scalar_one()
            connection.execute(older.values(read_at=read_at - by))

    def audit(self) -> list[tuple[str, str]]:
        """(event, actor) of every audit row, oldest first; of the bot that runs."""
        with self.running.bot.deps.look() as work:
            return [(entry.event, entry.actor) for entry in work.audit.all()]

    # -- what people do ----------------------------------------------------------------------

    def ask(self, who: Person, words: str = "vision member 2s Release check") -> str:
        """Ask in one line and return what was said to it; it has to be accepted."""
        reply = who.command("/wandb", f"request-access {words}")
        assert reply.error is None, reply
        assert reply.text.startswith("Sent:"), reply.text
        return reply.text

    def card(
        self, approver: Person, contains: str = "[Approve]", channel: str | None = None
    ) -> Message:
        """Wait for a card that can be decided on."""
        return approver.wait_for_message(contains, channel)

    def approve(self, approver: Person, contains: str = "[Approve]") -> None:
        """Approve the newest card that waits."""
        reply = approver.click(self.card(approver, contains), "Approve")
        assert reply.error is None, reply
        assert not reply.text or reply.text.startswith("Your approval counts"), reply.text

    def forward(self, card: Message, to: Person, value: str | None = None) -> Message:
        """Show a card, with its buttons as they are, to somebody whom it was not meant for.

        `value` is put into its buttons; without one they keep what they carry.
        """
        blocks = json.loads(json.dumps(card.blocks))
        for block in blocks:
            for element in block.get("elements", ()):
                if value is not None and "value" in element:
                    element["value"] = value
        with self.slack.changed:
            ts = self.slack.new_ts()
            return self.slack.post(replace(card, channel=to.dm, ts=ts, blocks=blocks, history=()))

    # -- what has to hold in the end ---------------------------------------------------------

    def check(self) -> None:
        """Whatever was told, this holds at the end of it."""
        assert self.slack.warnings == []
        assert self.slack.failures == []
        assert self.slack.timeouts == []
        assert self.api.errors == []
        assert self.wandb.last_admin_removals == 0
        unexpected = [
            one for one in self._log.errors if not one.startswith(self.may_log + SLACK_SDK)
        ]
        assert unexpected == [], unexpected
        assert [where for where, text in self._outputs().items() if CANARY in text] == []

    def _outputs(self) -> Mapping[str, str]:
        """Everything that the bot has written anywhere, by what it is."""
        slack = self.slack
        calls = json.dumps([[one.method, one.params] for one in slack.calls], default=str)
        shown = repr([*slack.messages.values(), *slack.views.values()])
        answers = repr([one.body for one in (*slack.failures, *slack.timeouts)])
        outputs = {"log": self._log.text, "calls": calls, "shown": shown, "answers": answers}
        outputs |= {f"output {n}": one.output for n, one in enumerate(self._processes)}
        for file in self.folder.iterdir():
            if ".db" in file.name:
                outputs[file.name] = file.read_bytes().decode("latin-1")
        return outputs


class _Log:
    """Every record of the process with all its fields, and those that are errors apart."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self._handler = logging.StreamHandler(self._stream)
        self._handler.setFormatter(_Whole())
        self._handler.addFilter(self._note)
        self.errors: list[str] = []
        self._levels: dict[str, int] = {}

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def begin(self) -> None:
        root = logging.getLogger()
        self._levels = {name: logging.getLogger(name).level for name in ("root", *logs.QUIET)}
        root.addHandler(self._handler)
        root.setLevel(logging.DEBUG)
        for name, quiet in logs.QUIET.items():
            logging.getLogger(name).setLevel(quiet)

    def end(self) -> None:
        logging.getLogger().removeHandler(self._handler)
        for name, level in self._levels.items():
            logging.getLogger("" if name == "root" else name).setLevel(level)

    def _note(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            self.errors.append(self._handler.format(record))
        return True


class _Whole(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        more = {key: value for key, value in vars(record).items() if key not in vars(_ODD)}
        return f"{record.getMessage()} {record.levelname} {more} {super().format(record)}"
