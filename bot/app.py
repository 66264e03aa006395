"""The composition root: builds every part once and connects them. The only clock and id maker.

settings ─► database, policy ─► W&B, Slack ─► Deps ─► Bolt app · worker · scheduler · HTTP
"""

import logging
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import uuid4

from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from starlette.applications import Starlette
from starlette.types import ASGIApp

from bot import listeners, wandb
from bot.listeners.parts import Parts
from bot.notifier import SlackNotifier
from bot.people import People
from bot.running import Bot
from bot.rush import Turns
from bot.server import BOLT_THREADS, build_server_app
from bot.settings import Settings
from bot.slack_api import new_client
from bot.slack_token import SlackToken
from bot.socket_mode import SocketMode
from workflows import policy_file
from workflows.domain.gate import process_name
from workflows.domain.policy import Policy
from workflows.ports import Clock, Directory
from workflows.scheduler import Scheduler
from workflows.services import audit_chain, audit_heads, reconcile, start
from workflows.services.deps import Deps
from workflows.services.roster import RosterKeeper
from workflows.services.start import FirstLook
from workflows.storage.clocks import DatabaseClock, SteadyClock
from workflows.storage.database import Database, hold_alone, sqlite_file
from workflows.storage.leadership import Leader
from workflows.storage.schema import migrate
from workflows.storage.unit_of_work import Work
from workflows.worker import Worker

LISTENER_TIMEOUT = 2  # seconds; Slack waits three for our answer
WORKER_TIMEOUT = 10

log = logging.getLogger(__name__)


class SeveralNames(Exception):
    """A SQLite file that has another name too: what is written by the one is lost by the other.

    SQLite keeps what is newest beside the name that it was opened by
    (sqlite.org/howtocorrupt.html, section 2.5).
    """

    def __init__(self, file: Path, names: int) -> None:
        super().__init__(
            f"{file.name} has {names} names (hard links). SQLite damages a file that is opened by "
            "two of them, so one name is to stay: `find DIR -samefile FILE` shows them all."
        )


class AlreadyRunning(Exception):
    """Another process works on this SQLite file; several need PostgreSQL."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"Another wandb-access is running on {file.name}. "
            "One process works on a SQLite file; for several use PostgreSQL (DATABASE_URL)."
        )


def build(settings: Settings) -> Bot:
    """Make the real parts.

    Raises `PolicyFileError`, `SchemaUnfit`, `AlreadyRunning` and `SeveralNames`.
    """
    policy = policy_file.load(settings.policy_file)
    with ExitStack() as close:  # what was opened is closed again when a later part cannot be made
        bot = _build(settings, policy, close)
        bot.close = close.pop_all()
    log.info(
        "starting",
        extra={
            "database": "SQLite" if bot.database.is_sqlite else "PostgreSQL",
            "policy": str(settings.policy_file or "built in"),
            "rules": len(policy.rules),
            "slack": "HTTP" if bot.socket is None else "Socket Mode",
        },
    )
    return bot


def _build(settings: Settings, policy: Policy, close: ExitStack) -> Bot:
    database = _database(settings.database_url.get_secret_value(), close)
    clock = SteadyClock(_now) if database.is_sqlite else DatabaseClock(database)
    work = Work(database, settings.audit_keys)
    if database.is_sqlite:
        with work.begin() as begun:
            begun.outbox.free_all()
    token = settings.slack_bot_token.get_secret_value()
    quick = new_client(token, settings.slack_api_url, timeout=LISTENER_TIMEOUT)
    patient = new_client(token, settings.slack_api_url, timeout=WORKER_TIMEOUT)
    bot = assemble(
        settings,
        quick,
        patient,
        work,
        policy=policy,
        directory=wandb.connect(settings, work.begin, work.look, clock, close),
        clock=clock,
        close=close,
    )
    bot.jump = clock.jump
    seqs = audit_heads.seqs_at_start(bot.deps)
    audit_chain.begin(bot.deps)
    start.take_stock(bot.deps, seqs)
    return bot


def _database(url: str, close: ExitStack) -> Database:
    """The database, migrated; on SQLite for this process alone."""
    hold(url, close)
    database = Database(url)
    close.callback(database.close)
    migrate(database)
    return database


def hold(url: str, close: ExitStack) -> None:
    """Keep others off a SQLite file until `close`.

    Raises `AlreadyRunning` when it is kept, and `SeveralNames` when that could be gone around.
    """
    file = sqlite_file(url)
    if file is None:
        return
    names = file.stat().st_nlink if file.exists() else 1
    if names > 1:
        raise SeveralNames(file, names)
    lock = hold_alone(file)
    if lock is None:
        raise AlreadyRunning(file)
    close.callback(lock.close)


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
    leader, first = Leader(work.database), FirstLook(work.look)
    process = process_name(settings.wandb_api_key.get_secret_value(), _new_id()[:8])
    keeper = RosterKeeper(
        begin=work.begin,
        look=work.look,
        directory=directory,
        groups=people,
        policy=policy,
        clock=clock,
        process=process,
        leads=lambda: leader.leads,
        on_read=lambda: first.take(deps, lambda deps: reconcile.reconcile(deps, dry_run=False)),
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
        publish_to=settings.audit_publish,
        process=process,
        held_up=first.why_waiting,
    )
    slack = bolt_app(settings, quick, Parts(deps, people, quick, _new_reference))
    token = SlackToken(quick.auth_test, clock=time.monotonic)
    return _runnable(
        settings, deps, slack, work, keeper=keeper, leader=leader, token=token, close=close
    )


def _runnable(
    settings: Settings,
    deps: Deps,
    slack: App,
    work: Work,
    *,
    keeper: RosterKeeper,
    leader: Leader,
    token: SlackToken,
    close: ExitStack,
) -> Bot:
    """What runs of its own accord, around what only answers."""
    turns, socket = Turns(BOLT_THREADS), _socket(settings, slack)
    worker = Worker(deps, random=Random(), is_rush=lambda: _is_rush(turns, socket))
    work.on_owed(worker.wake)
    bot = Bot(
        deps=deps,
        slack=slack,
        http=Starlette(),
        worker=worker,
        keeper=keeper,
        scheduler=Scheduler(_now),
        database=work.database,
        leader=leader,
        close=close,
        token=token,
        socket=socket,
    )
    bot.http = _http(settings, bot, turns)
    return bot


def _http(settings: Settings, bot: Bot, turns: Turns) -> ASGIApp:
    return build_server_app(
        bot.slack.dispatch,
        bot.health,
        signing_secret=settings.slack_signing_secret,
        clock=time.time,
        new_reference=_new_reference,
        turns=turns,
    )


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


def _socket(settings: Settings, app: App) -> SocketMode | None:
    if settings.slack_app_token is None:
        return None
    return SocketMode(app, settings.slack_app_token.get_secret_value())


def _is_rush(turns: Turns, socket: SocketMode | None) -> bool:
    return turns.waiting > 0 or (socket is not None and socket.is_rush())


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid4().hex


def _new_reference() -> str:
    return uuid4().hex[:8]
