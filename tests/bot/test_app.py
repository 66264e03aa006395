"""The composition root: what is connected, how it is, and that it starts and stops cleanly."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from bot import running
from bot.app import AlreadyRunning, assemble, build
from bot.running import Bot
from bot.server import Health
from bot.settings import Settings, load_settings
from bot.slack_api import new_client
from sandbox.slack_server import SlackServer
from sandbox.slack_world import SlackWorld
from tests.services.rig import FakeClock, a_directory
from workflows.chores import CHORES, Chore
from workflows.domain.policy import Policy
from workflows.errors import DirectoryUnavailable
from workflows.services.deps import Deps
from workflows.storage.database import Database, hold_alone
from workflows.storage.schema import SchemaIsNewer
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


class Assembled:
    """A bot on a directory in memory, with a clock that is advanced; it is not started."""

    def __init__(self, folder: Path, database: Database) -> None:
        settings = settings_of(folder)
        self.clock = FakeClock()
        self.directory = a_directory(self.clock)
        client = new_client("xoxb-1", settings.slack_api_url, timeout=1)
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

    def read(self) -> None:
        """Have W&B read, and wait for it."""
        self.bot.deps.rosters.newer()


@pytest.fixture
def assembled(tmp_path: Path, sqlite: Database) -> Assembled:
    """On a migrated SQLite file."""
    return Assembled(tmp_path, sqlite)


def our_threads() -> Iterator[str]:
    """The names of the bot's own threads that live."""
    return (one.name for one in threading.enumerate() if one.name.startswith(OURS))


WELL = {
    "database": "ok",
    "worker": "ok",
    "wandb": "ok",
    "sweep": "ok",
    "leader": "this process",
}

# -- how it is -----------------------------------------------------------------------------------


def test_before_it_was_started_and_w_and_b_was_read_it_is_not_ready(assembled: Assembled) -> None:
    checks = WELL | {"worker": "stopped", "wandb": "not read yet"}
    assert assembled.bot.health() == Health(ready=False, degraded=True, checks=checks)


def test_once_w_and_b_was_read_it_is_ready(assembled: Assembled) -> None:
    with assembled.bot as bot:
        assembled.read()
        assert bot.health() == Health(ready=True, degraded=False, checks=WELL)


def test_a_w_and_b_that_stays_away_makes_it_degraded_but_not_unready(
    assembled: Assembled,
) -> None:
    with assembled.bot as bot:
        assembled.read()
        assembled.directory.fail_next(DirectoryUnavailable("down"), on="roster")
        assembled.clock.advance(timedelta(minutes=2))
        checks = WELL | {"wandb": "stale"}
        assert bot.health() == Health(ready=True, degraded=True, checks=checks)
        for _ in range(20):  # the first one fails; a busy machine may need some more
            assembled.read()
            if not bot.health().degraded:
                break
        assert bot.health() == Health(ready=True, degraded=False, checks=WELL)


def test_a_worker_that_stands_still_makes_it_unready(assembled: Assembled) -> None:
    with assembled.bot as bot:
        assembled.read()
        bot.worker.stop()
        health = bot.health()
        assert not health.ready
        assert health.checks["worker"] == "stopped"


def test_a_first_reading_that_fails_leaves_it_unready(assembled: Assembled) -> None:
    for _ in range(6):  # the one at the start, the one that we ask for, and to spare
        assembled.directory.fail_next(DirectoryUnavailable("down"), on="roster")
    with assembled.bot as bot:
        with pytest.raises(DirectoryUnavailable):
            assembled.read()
        assert not bot.health().ready


# -- starting and stopping -----------------------------------------------------------------------


def test_when_it_stops_its_threads_end_and_everything_is_closed(assembled: Assembled) -> None:
    with assembled.bot:
        assert set(our_threads()) >= {"roster", "access-0", "messages-0", "worker-leases"}
        assert assembled.closed == []
    assert list(our_threads()) == []
    assert assembled.closed == ["closed"]


def test_it_stops_cleanly_when_the_server_fails(assembled: Assembled) -> None:
    with pytest.raises(OSError, match="port"), assembled.bot:
        raise OSError("port in use")
    assert list(our_threads()) == []
    assert assembled.closed == ["closed"]


def test_two_on_one_sqlite_file_are_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    first = build(settings_of(tmp_path))
    with pytest.raises(AlreadyRunning, match=r"running on access\.db.*PostgreSQL"):
        build(settings_of(tmp_path))
    first.close.close()
    build(settings_of(tmp_path)).close.close()


def test_what_cannot_be_built_leaves_nothing_open(
    sqlite: Database, sqlite_url: str, tmp_path: Path
) -> None:
    with sqlite.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'from-tomorrow'")
    with pytest.raises(SchemaIsNewer):
        build(settings_of(tmp_path, DATABASE_URL=sqlite_url))
    lock = hold_alone(tmp_path / "access.db")
    assert lock is not None, "the place beside the file is free again"
    lock.close()


def test_building_it_calls_nobody(tmp_path: Path) -> None:
    with SlackServer(SlackWorld()) as slack:
        bot = build(settings_of(tmp_path, SLACK_API_URL=slack.url, SLACK_APP_TOKEN="xapp-1"))
        assert bot.socket is not None
        bot.socket.close()  # type: ignore[no-untyped-call]  # slack_bolt's is untyped
        bot.close.close()
        assert slack.world.calls == []


def test_without_an_app_token_there_is_no_socket(tmp_path: Path) -> None:
    bot = build(settings_of(tmp_path))
    assert bot.socket is None
    bot.close.close()


def test_a_slack_that_is_down_at_the_start_is_connected_to_when_it_is_back(
    tmp_path: Path,
) -> None:
    world = SlackWorld()
    world.socket_mode = True
    with SlackServer(world) as slack:
        world.down()
        settings = settings_of(tmp_path, SLACK_API_URL=slack.url, SLACK_APP_TOKEN=world.app_token)
        with build(settings):
            assert world.called("apps.connections.open")
            world.up()
            world.wait_for(lambda: world.courier.links, 15)
    assert list(our_threads()) == []


# -- what is done every so often -----------------------------------------------------------------


def events(bot: Bot) -> list[str]:
    """The names of all facts, oldest first."""
    with bot.deps.look() as work:
        return [entry.event for entry in work.audit.all()]


def until(holds: Callable[[], object]) -> None:
    """Wait for it."""
    end = monotonic() + 20
    while not holds():
        assert monotonic() < end
        threading.Event().wait(0.01)


def test_a_clock_that_is_set_is_told_to_the_admins(
    assembled: Assembled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "CLOCK", 0.05)
    jumps = [timedelta(hours=-1)]
    assembled.bot.jump = lambda: jumps.pop() if jumps else timedelta(0)
    with assembled.bot as bot:
        assembled.read()
        until(lambda: "ClockJumped" in events(bot))
        until(lambda: not jumps)

    assert events(bot).count("ClockJumped") == 1


def test_chores_are_done_by_the_leader_and_the_sweep_by_everybody(
    assembled: Assembled, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept, beaten = Counter[str](), Counter[str]()
    sweeping = replace(CHORES[0], every=0.05, run=lambda deps: swept.update(["swept"]))
    beating = Chore("beat", 0.05, lambda deps: beaten.update(["beaten"]))
    monkeypatch.setattr(running, "CHORES", (sweeping, beating))
    assembled.bot.leader.resign()
    with assembled.bot:
        until(lambda: swept["swept"] > 3)

    assert beaten["beaten"] == 0


def test_a_chore_that_names_a_moment_is_done_then_as_well(
    assembled: Assembled, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Counter[str]()

    def do(deps: Deps) -> datetime | None:
        done.update(["done"])
        return deps.clock() if done["done"] == 1 else None

    monkeypatch.setattr(running, "CHORES", (Chore("rare", 60, do),))
    with assembled.bot:
        until(lambda: done["done"] >= 2)


def test_when_nobody_has_looked_for_ends_for_half_a_minute_it_is_degraded(
    assembled: Assembled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "CHORES", ())
    monkeypatch.setattr(running, "SWEPT_WITHIN", 0.0)
    with assembled.bot as bot:
        assembled.read()
        health = bot.health()

    assert (health.ready, health.degraded) == (True, True)
    assert health.checks["sweep"] == "late"
