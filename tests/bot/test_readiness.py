"""How the bot says it is: ready or not, and why, in words that tell what to do."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from bot import running, slack_token
from bot.app import build
from bot.server import Health
from bot.slack_token import FIRST_ANSWER, SCOPES, UNCHECKED, SlackToken
from sandbox.slack_server import SlackServer
from sandbox.slack_world import SlackWorld
from tests.bot.assembled import Assembled, StandIn, settings_of, until
from workflows.errors import DirectoryClosed, DirectoryUnavailable
from workflows.storage.database import Database

WELL = {
    "database": "ok",
    "worker": "ok",
    "slack": "ok",
    "wandb": "ok",
    "sweep": "ok",
    "leader": "this process",
}


@pytest.fixture
def assembled(tmp_path: Path, sqlite: Database) -> Assembled:
    """On a migrated SQLite file."""
    return Assembled(tmp_path, sqlite)


def test_before_it_was_started_and_w_and_b_was_read_it_is_not_ready(assembled: Assembled) -> None:
    checks = WELL | {"worker": "stopped", "wandb": "not read yet"}
    assert assembled.bot.health() == Health(ready=False, degraded=True, checks=checks)


def test_before_w_and_b_was_read_it_says_why_that_is(assembled: Assembled) -> None:
    assembled.directory.fail_next(DirectoryUnavailable("W&B did not answer (x)."), on="roster")
    with pytest.raises(DirectoryUnavailable):
        assembled.bot.keeper.refresh()

    health = assembled.bot.health()

    assert health.checks["wandb"] == "not read yet (W&B did not answer (x))"
    assert not health.ready


def test_once_w_and_b_was_read_it_is_ready(assembled: Assembled) -> None:
    with assembled.bot as bot:
        assembled.read()
        assert bot.health() == Health(ready=True, degraded=False, checks=WELL)


def test_a_database_that_takes_nothing_new_makes_it_unready_until_it_does(
    assembled: Assembled,
) -> None:
    """Nobody else need write anything for it to be noticed that it does."""
    with assembled.bot as bot:
        assembled.read()
        with refusing(bot.database):
            until(lambda: not bot.health().ready)  # whatever is stored next
            refused = bot.health()
        taken = bot.health()

    assert refused.checks["database"] == "takes nothing new: is its disk full?"
    assert (taken.ready, taken.checks["database"]) == (True, "ok")


@contextmanager
def refusing(database: Database) -> Iterator[None]:
    """Every connection may only read, as on a disk that is full."""

    def read_only(connection: sqlite3.Connection, _entry: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    event.listen(database.engine, "connect", read_only)
    database.close()
    try:
        yield
    finally:
        event.remove(database.engine, "connect", read_only)
        database.close()


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


def test_a_token_that_slack_refuses_makes_it_unready_and_says_what_to_do(
    assembled: Assembled,
) -> None:
    assembled.slack.refuses("invalid_auth")
    assembled.bot.token.look()
    with assembled.bot as bot:
        assembled.read()
        health = bot.health()

    assert (health.ready, health.broken) == (False, True)
    assert health.checks["slack"].startswith("Slack refuses SLACK_BOT_TOKEN (invalid_auth): copy")
    assert health.checks["wandb"] == "ok"


def test_a_wrong_token_in_the_settings_is_found_out_after_the_start(tmp_path: Path) -> None:
    with SlackServer(SlackWorld()) as slack:
        wrong = settings_of(tmp_path, SLACK_API_URL=slack.url, SLACK_BOT_TOKEN="xoxb-canary")
        with build(wrong) as bot:
            until(lambda: bot.health().broken)
            checks = bot.health().checks
        asked = slack.world.called("auth.test")

    assert checks["slack"].startswith("Slack refuses SLACK_BOT_TOKEN (invalid_auth): ")
    assert "canary" not in str(checks)
    assert len(asked) == 1


def test_a_slack_that_is_down_leaves_it_ready_and_says_so(assembled: Assembled) -> None:
    assembled.slack.says = OSError("down")
    assembled.bot.token.look()
    with assembled.bot as bot:
        assembled.read()
        health = bot.health()

    assert (health.ready, health.degraded, health.broken) == (True, True, False)
    assert health.checks["slack"] == (
        "not known (Slack did not answer: OSError); Slack is asked again"
    )


def test_scopes_that_the_app_lacks_leave_it_ready_and_are_named(assembled: Assembled) -> None:
    assembled.slack.headers = {"x-oauth-scopes": ",".join(SCOPES[1:])}
    assembled.bot.token.look()
    with assembled.bot as bot:
        assembled.read()
        health = bot.health()

    assert (health.ready, health.degraded) == (True, True)
    assert health.checks["slack"].startswith("the Slack app lacks scopes (commands): ")


def test_until_slack_has_answered_for_the_first_time_it_is_not_ready_for_a_few_seconds(
    assembled: Assembled,
) -> None:
    asking, answer, slack = threading.Event(), threading.Event(), assembled.slack

    def hanging() -> StandIn:
        asking.set()
        answer.wait(20)
        return slack

    assembled.bot.token = SlackToken(hanging, clock=lambda: slack.now)
    with assembled.bot as bot:
        assembled.read()
        assert asking.wait(20)
        first = bot.health()
        slack.now = FIRST_ANSWER
        later = bot.health()
        answer.set()
        until(lambda: bot.health().checks["slack"] == "ok")

    assert (first.ready, first.broken, first.checks["slack"]) == (False, False, UNCHECKED)
    assert (later.ready, later.degraded, later.checks["slack"]) == (True, True, UNCHECKED)


def test_slack_is_asked_at_the_start_and_again_when_that_is_due(
    assembled: Assembled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_token, "EVERY", 0.01)
    with assembled.bot:
        for _ in range(4):
            assert assembled.slack.asked.acquire(timeout=20)


def test_a_bug_in_the_asking_does_not_end_it(
    assembled: Assembled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_token, "EVERY", 0.01)
    assembled.bot.token.look()
    assembled.slack.says = ZeroDivisionError()  # type: ignore[assignment]  # a bug
    with assembled.bot:
        for _ in range(4):
            assert assembled.slack.asked.acquire(timeout=20)


def test_after_a_restart_what_is_stored_serves_but_is_not_called_a_reading_of_this_process(
    assembled: Assembled, tmp_path: Path, sqlite: Database
) -> None:
    Assembled(tmp_path, sqlite).bot.keeper.refresh()  # by the one before
    for _ in range(6):  # the one at the start, and to spare
        assembled.directory.fail_next(DirectoryUnavailable("down"), on="roster")
    with assembled.bot as bot:
        health = bot.health()

    assert (health.ready, health.degraded) == (True, True)
    assert health.checks["wandb"] == "not read yet by this process"


@pytest.mark.parametrize("stored", [False, True], ids=["nothing stored", "a fresh reading stored"])
def test_a_key_that_w_and_b_refuses_is_named_however_fresh_the_stored_reading_is(
    assembled: Assembled, stored: bool
) -> None:
    bot, refusal = assembled.bot, "W&B refuses our key (401); check WANDB_API_KEY."
    if stored:
        bot.keeper.refresh()
    assembled.directory.fail_next(DirectoryClosed(refusal), on="roster")
    with pytest.raises(DirectoryClosed):
        bot.keeper.refresh()

    assert bot.health().checks["wandb"] == refusal
    assert bot.health().degraded


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
