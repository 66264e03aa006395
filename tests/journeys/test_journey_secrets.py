"""A secret in every setting, all that can go wrong, the finest log: nothing of them shows."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from bot.app import build
from bot.settings import SECRETS, load_settings
from sandbox.bot_process import ROOT, BotProcess
from sandbox.slack_faults import ErrorCode, HttpStatus, Lost, SlackFault
from sandbox.wandb_faults import Fault
from tests.journeys.conftest import Journeys
from tests.journeys.rig import CANARY, Journey
from tests.postgres import Postgres

PASSWORD = "CANARY-database-password"  # the server of the tests believes any
MORE = {
    "AUDIT_KEY": "CANARY-audit-key-0123456789abcdef0123",
    "AUDIT_KEYS_OLD": "CANARY-older-key-0123456789abcdef0123,CANARY-oldest-key-0123456789abcdef012",
}
ECHO = f'{{"error": "your key {CANARY}-wandb-key-of-forty-characters-000 is refused"}}'.encode()


def environ_of(journey: Journey) -> dict[str, str]:
    """Everything set, and the finest log."""
    environ = journey.environ | MORE | {"LOG_LEVEL": "DEBUG"}
    given = {name for name in SECRETS if name in environ} - {"DATABASE_URL"}
    assert all(CANARY in environ[name] for name in given)
    return environ


def with_password(url: str) -> str:
    """The address as somebody writes it who has a password to keep."""
    known = make_url(url).set(password=PASSWORD)
    return known.render_as_string(hide_password=False)


def plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def without_table(url: str, name: str) -> Iterator[None]:
    """The database breaks in the middle of something: a traceback, with statements in it."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute(f"ALTER TABLE {name} RENAME TO gone".encode())
        yield
        connection.execute(f"ALTER TABLE gone RENAME TO {name}".encode())


def dumped(url: str) -> str:
    """Every row of every table, as text."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        rows = [
            str(row)
            for (name,) in names
            for row in connection.execute(f'SELECT * FROM "{name}"'.encode()).fetchall()
        ]
    assert rows
    return "\n".join(rows)


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket mode"])
def test_no_secret_shows_anywhere_whatever_goes_wrong(
    journeys: Journeys, postgres: Postgres, socket_mode: bool
) -> None:
    with postgres.fresh(migrated=False) as fresh:
        url = with_password(fresh)
        journey = journeys(database=url, socket_mode=socket_mode)
        with BotProcess(environ_of(journey), journey.folder) as process:
            journey.slack.bot_url = process.events_url
            process.wait_until_ready()
            _everything_goes_wrong(journey, url, process)
            process.terminate()
        said, rows = process.output, dumped(url)

    assert (
        said.count("Traceback") + said.count('"exception"') > 0
    )  # it was a crash worth looking at
    for secret in (CANARY, "ticket=", "Bearer ", "Basic ", "wss://"):
        assert secret not in said, secret
    assert CANARY not in rows


def _everything_goes_wrong(journey: Journey, url: str, process: BotProcess) -> None:
    slack, wandb = journey.slack.faults, journey.api.faults
    eve, ada = journey.eve, journey.ada
    if journey.slack.socket_mode:
        journey.slack.wait_for(lambda: journey.slack.courier.links, 10)
        slack.add(SlackFault("apps.connections.open", ErrorCode("internal_error")))
        for link in list(journey.slack.courier.links):
            link.close()
        journey.until(lambda: len(journey.slack.called("apps.connections.open")) >= 3)
        journey.slack.wait_for(lambda: journey.slack.courier.links, 30)
    slack.add(SlackFault("chat.postMessage", ErrorCode("internal_error")))
    slack.add(SlackFault("chat.update", HttpStatus(502)), SlackFault("chat.update", Lost()))
    elsewhere = {"Location": "http://127.0.0.1:1/elsewhere"}
    wandb.add(Fault(method="PATCH", status=401, answer=ECHO))
    wandb.add(Fault(method="GET", status=403, answer=ECHO))
    wandb.add(Fault(method="GET", status=307, headers=elsewhere, answer=b""))
    journey.ask(eve, "vision member 2s Release check")
    ada.click(ada.wait_for_message("[Approve]"), "Approve")
    eve.wait_for_message("*ended*")
    with without_table(url, "access_request"):
        broken = eve.command("/wandb", "my-access")
        assert "Something went wrong on my side" in broken.text
    if not journey.slack.socket_mode:
        for headers in ({}, {"x-slack-signature": "v0=" + "0" * 64}):
            httpx.post(process.events_url, data={"command": "/wandb"}, headers=headers)


def test_no_secret_is_in_what_the_parts_look_like(journeys: Journeys) -> None:
    journey = journeys(socket_mode=True)
    settings = load_settings(environ_of(journey), env_file=None)
    bot = build(settings)
    try:
        shown = [repr(settings), str(settings), repr(bot), repr(bot.deps), repr(bot.database)]
        shown += [repr(vars(bot.deps)), repr(bot.database.engine), repr(bot.http)]
    finally:
        if bot.socket is not None:
            bot.socket.close()
        bot.close.close()

    assert [one for one in shown if CANARY in one] == []


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["migrate"], ["audit", "export", "--json"], ["run", "--help"], ["--help"]],
)
def test_no_command_that_fails_shows_a_secret(
    journeys: Journeys, tmp_path: Path, arguments: list[str]
) -> None:
    journey = journeys()
    nowhere = f"postgresql://bot:{PASSWORD}@127.0.0.1:1/{CANARY}?connect_timeout=1"
    environ = environ_of(journey) | {"DATABASE_URL": nowhere, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=tmp_path,
        env={"PATH": ""} | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == (0 if "--help" in arguments else 1), done.stderr
    assert CANARY not in done.stdout + done.stderr
