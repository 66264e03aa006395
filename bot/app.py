"""The composition root: builds every part once and connects them. The only clock and id maker.

settings ─► database, policy ─► W&B, Slack ─► Deps ─► Bolt app · worker · scheduler · HTTP
"""

import logging
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from types import TracebackType
from uuid import uuid4

import httpx
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from starlette.applications import Starlette

from bot import listeners
from bot.listeners.parts import Parts
from bot.notifier import SlackNotifier
from bot.people import People
from bot.server import Health, build_server_app
from bot.settings import Settings
from bot.slack_api import new_client
from workflows import policy_file
from workflows.directories.dialect import Dialect
from workflows.directories.late import LateDirectory
from workflows.domain.policy import Policy
from workflows.errors import DirectoryUnavailable
from workflows.ports import Clock, Directory
from workflows.scheduler import Scheduler
from workflows.services import expiry
from workflows.services.deps import Deps
from workflows.services.roster import RosterKeeper
from workflows.storage.database import Database, DatabaseClock, hold_alone, sqlite_file
from workflows.storage.schema import migrate
from workflows.storage.unit_of_work import Work
from workflows.worker import Worker

AT_LEAST = 0.2  # seconds between two sweeps, whatever the clocks say
SWEEP = 2.0  # seconds between looks for ends and lapsed requests; the next known end wakes as well
LISTENER_TIMEOUT = 2  # seconds; Slack waits three for our answer
WORKER_TIMEOUT = 10
WANDB_TIMEOUT = httpx.Timeout(15.0, connect=5.0)  # seconds
WANDB_CALLS = 8  # at once, at the most
DIALECT = "dialect"  # where in `meta` it is remembered how this W&B speaks

log = logging.getLogger(__name__)


class AlreadyRunning(Exception):
    """Another process works on this SQLite file; several need PostgreSQL."""


@dataclass
class Bot:
    """Everything that runs, connected. `with` starts it, and stops it in the right order."""

    deps: Deps
    slack: App
    http: Starlette
    worker: Worker
    keeper: RosterKeeper
    scheduler: Scheduler
    database: Database
    close: ExitStack
    socket: SocketModeHandler | None = None
    _reader: threading.Thread | None = None

    def __enter__(self) -> "Bot":
        self._reader = threading.Thread(target=self.keeper.run, name="roster", daemon=True)
        self._reader.start()
        self.worker.start()
        self.scheduler.every(SWEEP, self._sweep, name="sweep")
        self.scheduler.at(_now(), self._sweep, name="first sweep")
        self.scheduler.start()
        if self.socket is not None:
            self._connect(self.socket)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wind_down()
        if self.socket is not None:
            self.socket.close()  # type: ignore[no-untyped-call]  # slack_bolt's is untyped
        self.scheduler.stop()
        self.worker.stop()
        if self._reader is not None:
            self._reader.join(1.0)
        self.close.close()

    def wind_down(self) -> None:
        """Begin to stop: nothing new is started. Only signals: the event loop may call it."""
        self.keeper.stop()
        self.worker.wind_down()

    def _sweep(self) -> None:
        """Look for what is due, and come back when the next end is."""
        expiry.expire_due_grants(self.deps)
        expiry.lapse_overdue_requests(self.deps)
        next_end = expiry.next_end(self.deps)
        if next_end is not None:
            # By the scheduler's own clock, which need not be the database's.
            wait = max(timedelta(seconds=AT_LEAST), next_end - self.deps.clock())
            self.scheduler.at(_now() + wait, self._sweep, name="next end")

    def _connect(self, socket: SocketModeHandler) -> None:
        """Open the Socket Mode connection; while Slack is down, try again every few seconds."""
        try:
            socket.connect()  # type: ignore[no-untyped-call]  # slack_bolt's is untyped
        except Exception as error:  # slack_sdk raises many kinds; the next tick tries again
            log.warning("no Socket Mode connection yet", extra={"error": type(error).__name__})
            later = _now() + timedelta(seconds=5)
            self.scheduler.at(later, lambda: self._connect(socket), name="socket mode")

    def health(self) -> Health:
        """Ready once W&B has been read; degraded while it, or the worker, is not well."""
        try:
            roster = self.deps.rosters.current()
        except DirectoryUnavailable:
            roster = None
        is_fresh = roster is not None and roster.is_fresh(self.deps.clock())
        working = self.worker.is_running
        checks = {
            "database": "ok",
            "worker": "ok" if working else "stopped",
            "wandb": "ok" if is_fresh else ("stale" if roster else "not read yet"),
        }
        ready = working and roster is not None
        return Health(ready=ready, degraded=not is_fresh, checks=checks)


def build(settings: Settings) -> Bot:
    """Make the real parts. Raises `PolicyFileError`, `SchemaIsNewer` and `AlreadyRunning`."""
    policy = policy_file.load(settings.policy_file)
    with ExitStack() as close:  # what was opened is closed again when a later part cannot be made
        bot = _build(settings, policy, close)
        bot.close = close.pop_all()
    return bot


def _build(settings: Settings, policy: Policy, close: ExitStack) -> Bot:
    url = settings.database_url.get_secret_value()
    file = sqlite_file(url)
    if file is not None:
        lock = hold_alone(file)
        if lock is None:
            raise AlreadyRunning(
                f"Another wandb-access is running on {file.name}. "
                "One process works on a SQLite file; for several use PostgreSQL (DATABASE_URL)."
            )
        close.callback(lock.close)
    database = Database(url)
    close.callback(database.close)
    migrate(database)
    clock: Clock = _now if database.is_sqlite else DatabaseClock(database, _now)
    work = Work(database)
    if database.is_sqlite:
        with work.begin() as begun:
            begun.outbox.free_all()
    http = httpx.Client(
        base_url=settings.wandb_base_url,
        timeout=WANDB_TIMEOUT,
        limits=httpx.Limits(max_connections=WANDB_CALLS),
        follow_redirects=False,
        trust_env=not _is_loopback(settings.wandb_base_url),  # a proxy has no business with those
    )
    close.callback(http.close)
    directory = LateDirectory(
        http,
        settings.wandb_api_key.get_secret_value(),
        settings.wandb_username,
        recall=lambda: _recall(work),
        remember=lambda dialect: _remember(work, dialect),
        clock=clock,
    )
    token = settings.slack_bot_token.get_secret_value()
    quick = new_client(token, settings.slack_api_url, timeout=LISTENER_TIMEOUT)
    patient = new_client(token, settings.slack_api_url, timeout=WORKER_TIMEOUT)
    return assemble(
        settings, quick, patient, work, policy=policy, directory=directory, clock=clock, close=close
    )


def assemble(
    settings: Settings,
    quick: WebClient,
    patient: WebClient,
    work: Work,
    *,
    policy: Policy,
    directory: Directory,
    clock: Clock,
    close: ExitStack,
) -> Bot:
    """Connect finished parts. `quick` is for listeners, `patient` for the worker."""
    people = People(quick, clock=time.monotonic)
    keeper = RosterKeeper(
        begin=work.begin,
        look=work.look,
        directory=directory,
        groups=people,
        policy=policy,
        clock=clock,
    )
    deps = Deps(
        begin=work.begin,
        look=work.look,
        policy=policy,
        directory=directory,
        groups=people,
        notifier=SlackNotifier(patient, people, clock),
        rosters=keeper,
        clock=clock,
        new_id=_new_id,
    )
    worker = Worker(deps, random=Random())
    work.on_owed(worker.wake)
    slack = bolt_app(settings, quick, Parts(deps, people, quick, _new_reference))
    bot = Bot(
        deps=deps,
        slack=slack,
        http=Starlette(),
        worker=worker,
        keeper=keeper,
        scheduler=Scheduler(),
        database=work.database,
        close=close,
        socket=_socket(settings, slack),
    )
    bot.http = build_server_app(
        slack.dispatch,
        bot.health,
        signing_secret=settings.slack_signing_secret,
        clock=time.time,
        new_reference=_new_reference,
    )
    return bot


def bolt_app(settings: Settings, client: WebClient, parts: Parts) -> App:
    """The Bolt app: answers when the listener is done, and calls Slack neither at start nor before.

    The guard in front has checked the signature; in Socket Mode there is none.
    """
    token = settings.slack_bot_token.get_secret_value()
    authorized = AuthorizeResult(enterprise_id=None, team_id=None, bot_token=token)
    app = App(
        process_before_response=True,
        signing_secret=settings.slack_signing_secret.get_secret_value(),
        token_verification_enabled=False,
        request_verification_enabled=False,
        authorize=lambda: authorized,
        client=client,
        # Without one, Bolt gives its loggers the root's level, and at DEBUG writes bodies down.
        logger=logging.getLogger("slack_bolt.App"),
    )
    listeners.register(app, parts)
    return app


def _socket(settings: Settings, app: App) -> SocketModeHandler | None:
    if settings.slack_app_token is None:
        return None
    return SocketModeHandler(app, settings.slack_app_token.get_secret_value())


def _is_loopback(url: str) -> bool:
    host = httpx.URL(url).host
    return host in ("localhost", "127.0.0.1", "::1")


def _recall(work: Work) -> Dialect | None:
    with work.look() as looked:
        text = looked.meta.get(DIALECT)
    return Dialect.from_json(text) if text else None


def _remember(work: Work, dialect: Dialect) -> None:
    with work.begin() as begun:
        begun.meta.put(DIALECT, dialect.to_json())


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid4().hex


def _new_reference() -> str:
    return uuid4().hex[:8]
