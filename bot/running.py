"""The bot as it runs: its threads, what they do when, how it is, and how it stops in time."""

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol

from slack_bolt import App
from starlette.types import ASGIApp

from bot.metrics import Running
from bot.server import Health
from bot.slack_token import SlackToken, why_unconnected
from workflows.chores import CHORES, Chore, sweep
from workflows.domain.roster import Roster
from workflows.errors import DirectoryUnavailable
from workflows.scheduler import Scheduler
from workflows.services import audit_heads, start
from workflows.services.deps import Deps
from workflows.services.roster import NOT_READ, RosterKeeper
from workflows.storage.clocks import counted
from workflows.storage.database import Database
from workflows.storage.leadership import Leader
from workflows.worker import Worker

AT_LEAST = 0.2  # seconds between two runs of a chore, whatever the clocks say
SOON = 60.0  # seconds after the start by which each chore was done once
CLOCK = 5.0  # seconds between looks whether the clock was set
RECONNECT = 5.0  # seconds between tries to open a Socket Mode connection
SWEPT_WITHIN = 30.0  # seconds; when ends were looked for longer ago, something is wrong
STOP_CHORES = 1.0  # seconds that a chore has to end; it may be cut off anywhere
STOP_SOCKET = 1.0  # seconds for Slack to say goodbye
STOP_AUDIT = 1.5  # seconds to seal and publish; what is not sealed is sealed at the next start

log = logging.getLogger(__name__)


def no_jump() -> timedelta:
    """A clock that nobody sets."""
    return timedelta(0)


class Connection(Protocol):
    """Slack's deliveries over a connection of our own."""

    def connect(self) -> None:
        """Open it; raises whatever slack_sdk does."""

    def close(self) -> None:
        """Close it for good; may wait for Slack."""


@dataclass
class Bot:
    """Everything that runs, connected. `with` starts it, and stops it in the right order."""

    deps: Deps
    slack: App
    http: ASGIApp
    worker: Worker
    keeper: RosterKeeper
    scheduler: Scheduler
    database: Database
    leader: Leader
    close: ExitStack
    token: SlackToken
    socket: Connection | None = None
    jump: Callable[[], timedelta] = no_jump
    _unconnected: str = ""  # why there is no connection, as it was last said
    _reader: threading.Thread | None = None
    _swept: float = field(default_factory=counted)

    def __enter__(self) -> "Bot":
        self.leader.start()
        self._reader = threading.Thread(target=self.keeper.run, name="roster", daemon=True)
        self._reader.start()
        self.worker.start()
        for chore in CHORES:
            self._schedule(chore)
        self.scheduler.every(CLOCK, self._watch_clock, name="clock")
        self.scheduler.after(0.0, self._look_at_token, name="slack token")
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
            # slack_sdk waits for Slack, which may hang: leases are handed back all the same.
            closing = threading.Thread(target=self.socket.close, name="socket", daemon=True)
            closing.start()
            closing.join(STOP_SOCKET)
        self.scheduler.stop(STOP_CHORES)
        self.leader.stop()
        self.worker.stop()
        if self._reader is not None:
            self._reader.join(1.0)
        sealing = threading.Thread(target=self._close_audit, name="audit", daemon=True)
        sealing.start()
        sealing.join(STOP_AUDIT)
        self.close.close()

    def wind_down(self) -> None:
        """Begin to stop: nothing new is started. Only signals; the event loop may call it."""
        self.keeper.stop()
        self.leader.resign()
        self.worker.wind_down()

    # ── what is done every so often ──────────────────────────────────────────────────────────

    def _schedule(self, chore: Chore) -> None:
        def do() -> None:
            self._do(chore)

        self.scheduler.every(chore.every, do, name=chore.name)
        first = 0.0 if chore.every <= SOON else SOON  # what reads everything need not do so twice
        self.scheduler.after(first, do, name=f"first {chore.name}")

    def _do(self, chore: Chore) -> None:
        """Run it, if it is ours to do, and once more at the moment that it names."""
        if not chore.everywhere and not self.leader.leads:
            return
        moment = chore.run(self.deps)
        if chore.run is sweep:
            self._swept = counted()
        if isinstance(moment, datetime):
            # By the scheduler's own clock, which need not be the database's.
            wait = max(AT_LEAST, (moment - self.deps.clock()).total_seconds())
            self.scheduler.after(wait, lambda: self._do(chore), name=f"next {chore.name}")

    def _watch_clock(self) -> None:
        """Tell the admins when the clock that ends are told by was set by more than a minute."""
        by = self.jump()
        if by:
            log.warning("the clock was set", extra={"seconds": round(by.total_seconds())})
            start.clock_was_set(self.deps, by)

    def _look_at_token(self) -> None:
        """Ask Slack whether it takes the token, and once more when that is due."""
        try:
            self.token.look()
        finally:
            self.scheduler.after(self.token.wait, self._look_at_token, name="slack token")

    def _connect(self, socket: Connection) -> None:
        """Open the Socket Mode connection; while Slack is down, try again every few seconds."""
        try:
            socket.connect()
        except Exception as error:  # slack_sdk raises many kinds; the next tick tries again
            why = why_unconnected(error)
            if why != self._unconnected:
                log.warning("no Socket Mode connection yet", extra={"why": why})
            self._unconnected = why
            self.scheduler.after(RECONNECT, lambda: self._connect(socket), name="socket mode")

    def _close_audit(self) -> None:
        try:
            audit_heads.close(self.deps)
        except Exception:  # the database; the stop goes on
            log.exception("the audit log could not be sealed at the stop")

    # ── how it is ────────────────────────────────────────────────────────────────────────────

    def sweep_age(self) -> float:
        """Seconds since this process last looked for ends."""
        return counted() - self._swept

    def measured(self) -> Running:
        """What the page of metrics asks of it."""
        return Running(
            deps=self.deps,
            leads=lambda: self.leader.leads,
            sweep_age=self.sweep_age,
            threads_alive=lambda: self.worker.threads_alive,
        )

    def health(self) -> Health:
        """Ready once W&B has been read, unless Slack refuses the token, or the database what is
        to be stored: then nothing works.

        Degraded while one of them, the sweep or the lead is not well. A Slack that is down leaves
        it ready: what Slack delivers all the same is better answered than turned away.
        """
        try:
            roster = self.deps.rosters.current()
        except DirectoryUnavailable:
            roster = None
        working = self.worker.is_running
        storing = self.database.takes_writes()
        sweeping = self.sweep_age() < SWEPT_WITHIN
        checks = {
            "database": "ok" if storing else "takes nothing new: is its disk full?",
            "worker": "ok" if working else "stopped",
            "slack": self.token.text,
            "wandb": self._reading(roster),
            "sweep": "ok" if sweeping else "late",
            "leader": self.leader.state,
        }
        refused = self.token.is_refused
        ready = (
            working and storing and roster is not None and not (refused or self.token.is_awaited)
        )
        well = all(checks[name] == "ok" for name in ("slack", "wandb", "sweep"))
        degraded = not well or bool(self.leader.trouble)
        return Health(ready=ready, degraded=degraded, broken=refused, checks=checks)

    def _reading(self, roster: Roster | None) -> str:
        """How this process fares with W&B; a stored reading may be another's, by another key."""
        if self.keeper.refusal:
            return self.keeper.refusal
        if roster is None:
            why = self.keeper.trouble
            return why if why == NOT_READ else f"{NOT_READ} ({why.rstrip('.')})"
        if not self.keeper.has_read:
            return "not read yet by this process"
        return "ok" if roster.is_fresh(self.deps.clock()) else "stale"
