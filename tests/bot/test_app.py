"""The composition root: what is connected, and that it starts and stops cleanly."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot import running
from bot.app import AlreadyRunning, build
from bot.running import Bot
from sandbox.slack_server import SlackServer
from sandbox.slack_world import SlackWorld
from tests.bot.assembled import Assembled, our_threads, settings_of, until
from workflows.chores import CHORES, Chore
from workflows.services.deps import Deps
from workflows.storage.database import Database, hold_alone
from workflows.storage.schema import SchemaIsNewer


@pytest.fixture
def assembled(tmp_path: Path, sqlite: Database) -> Assembled:
    """On a migrated SQLite file."""
    return Assembled(tmp_path, sqlite)


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
        bot.socket.close()
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


class Socket:
    """Stands for a Socket Mode connection: each `connect` raises the next of `troubles`, if any."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.connected, self.closing = threading.Event(), threading.Event()
        self.may_close = threading.Event()

    def connect(self) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.connected.set()

    def close(self) -> None:
        self.closing.set()
        self.may_close.wait(60)


def test_a_slack_that_hangs_while_its_connection_is_closed_holds_up_no_stop(
    assembled: Assembled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "STOP_SOCKET", 0.05)
    socket, stopped = Socket(), threading.Event()
    assembled.bot.socket = socket
    assembled.bot.__enter__()

    def stop() -> None:
        assembled.bot.__exit__(None, None, None)
        stopped.set()

    stopping = threading.Thread(target=stop)
    stopping.start()
    try:
        assert socket.closing.wait(20)
        assert stopped.wait(20), "it waits for Slack"
        assert list(our_threads()) == []
        assert assembled.closed == ["closed"]
    finally:
        socket.may_close.set()
        stopping.join(20)


def test_each_new_reason_for_which_there_is_no_connection_is_logged_with_what_to_do(
    assembled: Assembled, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(running, "RECONNECT", 0.01)
    assembled.slack.refuses("invalid_auth")
    refused, away = assembled.slack.says, OSError("wss://canary")
    assert refused is not None
    socket = Socket(refused, refused, away, away, refused)
    socket.may_close.set()
    assembled.slack.says, assembled.bot.socket = None, socket
    with assembled.bot:
        assert socket.connected.wait(20)

    logged = [one for one in caplog.records if one.message == "no Socket Mode connection yet"]
    whys = [vars(one)["why"] for one in logged]
    assert whys[0].startswith("Slack refuses SLACK_APP_TOKEN (invalid_auth): make an App-Level")
    assert whys == [whys[0], "Slack did not answer: OSError", whys[0]]


# -- what is done every so often -----------------------------------------------------------------


def events(bot: Bot) -> list[str]:
    """The names of all facts, oldest first."""
    with bot.deps.look() as work:
        return [entry.event for entry in work.audit.all()]


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
