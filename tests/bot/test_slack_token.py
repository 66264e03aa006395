"""`bot.slack_token` against the Slack stand-in: what is said about the bot's token, and when."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from slack_sdk.errors import SlackApiError

from bot.slack_api import new_client
from bot.slack_token import (
    EVERY,
    FIRST_ANSWER,
    FIRST_WAIT,
    LONGEST_WAIT,
    SCOPES,
    UNCHECKED,
    SlackToken,
    why_unconnected,
)
from sandbox.slack_faults import Effect, ErrorCode, HttpStatus, Lost, RateLimited, SlackFault
from sandbox.slack_server import SlackServer
from sandbox.slack_world import SlackWorld


@dataclass
class Rig:
    """A workspace, and what is known about the token there. Time stands still unless set."""

    server: SlackServer
    now: float = 0.0

    def __post_init__(self) -> None:
        self.token = self.made()

    def made(self, token: str = "") -> SlackToken:
        client = new_client(token or self.world.bot_token, self.server.url, timeout=2)
        return SlackToken(client.auth_test, clock=lambda: self.now)

    @property
    def world(self) -> SlackWorld:
        return self.server.world

    def meet(self, *effects: Effect) -> None:
        """Look once for each, which goes wrong in this way."""
        for effect in effects:
            self.world.faults.add(SlackFault("auth.test", effect))
            self.token.look()


def of_scopes(*scopes: str) -> SlackWorld:
    return SlackWorld(manifest={"oauth_config": {"scopes": {"bot": list(scopes)}}})


@pytest.fixture(scope="module")
def server() -> Iterator[SlackServer]:
    """A workspace in which the app has what it asks for."""
    with SlackServer(of_scopes(*SCOPES)) as running:
        yield running


@pytest.fixture
def rig(server: SlackServer) -> Rig:
    server.world.faults.clear()
    server.world.app = of_scopes(*SCOPES).app
    return Rig(server)


class Log(logging.Handler):
    """What the module says in the log, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(one.levelname, one.getMessage()) for one in self.records]

    @property
    def last(self) -> dict[str, object]:
        return vars(self.records[-1])


@pytest.fixture
def log() -> Iterator[Log]:
    logger, handler = logging.getLogger("bot.slack_token"), Log()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


# -- what is said ---------------------------------------------------------------------------------


def test_a_token_that_slack_takes_is_ok_and_asked_about_again_in_ten_minutes(
    rig: Rig, log: Log
) -> None:
    rig.token.look()
    rig.token.look()

    assert (rig.token.text, rig.token.is_refused, rig.token.wait) == ("ok", False, EVERY)
    assert log.said == [("INFO", "Slack takes the bot token")]
    assert log.last["workspace"] == rig.world.team_id


def test_a_wrong_token_is_refused_with_what_to_do_and_without_the_token(rig: Rig, log: Log) -> None:
    token = rig.made("xoxb-canary")
    token.look()

    assert token.is_refused
    assert token.text == (
        "Slack refuses SLACK_BOT_TOKEN (invalid_auth): copy the Bot User OAuth Token of the app"
        " again, set it, and restart the bot"
    )
    assert log.said == [("ERROR", "Slack refuses the bot token")]
    assert log.last["why"] == token.text
    assert "canary" not in f"{[vars(one) for one in log.records]}"


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("not_authed", "copy the Bot User OAuth Token"),
        ("not_allowed_token_type", "copy the Bot User OAuth Token"),
        ("token_revoked", "install the app again"),
        ("account_inactive", "install the app again"),
        ("token_expired", "switch token rotation off"),
        ("two_factor_setup_required", "copy the Bot User OAuth Token"),
    ],
)
def test_whatever_slack_says_no_with_is_named_with_what_to_do(
    code: str, advice: str, rig: Rig
) -> None:
    rig.meet(ErrorCode(code))

    assert rig.token.is_refused
    assert rig.token.text.startswith(f"Slack refuses SLACK_BOT_TOKEN ({code}): {advice}")


def test_scopes_that_the_app_lacks_are_named_and_are_no_refusal(rig: Rig, log: Log) -> None:
    lacking = [scope for scope in SCOPES if scope not in ("im:history", "users:read.email")]
    rig.world.app = of_scopes(*lacking, "files:read").app
    rig.token.look()
    rig.token.look()

    assert not rig.token.is_refused
    assert rig.token.text.startswith("the Slack app lacks scopes (im:history, users:read.email): ")
    assert log.said == [("WARNING", "the Slack app lacks scopes")]
    assert log.last["scopes"] == ["im:history", "users:read.email"]


def test_where_slack_does_not_say_which_scopes_there_are_none_is_called_missing(rig: Rig) -> None:
    rig.meet(HttpStatus(200, '{"ok": true, "team_id": "T1"}'))

    assert rig.token.text == "ok"


@pytest.mark.parametrize(
    ("effect", "why"),
    [
        (Lost(), "Slack did not answer: the connection was cut"),
        (HttpStatus(503), "Slack did not take it: 503"),
        (ErrorCode("internal_error"), "Slack did not take it: internal_error"),
        (ErrorCode("team_added_to_org"), "Slack did not take it: team_added_to_org"),
        (ErrorCode("org_login_required"), "Slack did not take it: org_login_required"),
    ],
)
def test_a_slack_that_does_not_answer_refuses_nothing_and_is_said_to_be_asked_again(
    effect: Effect, why: str, rig: Rig, log: Log
) -> None:
    rig.meet(effect, effect)

    assert not rig.token.is_refused
    assert rig.token.text == f"not known ({why}); Slack is asked again"
    assert log.said == [("WARNING", "Slack could not be asked about the bot token")]
    assert log.last["error"] == why


# -- what follows what ----------------------------------------------------------------------------


def test_a_token_that_was_refused_stays_refused_while_slack_does_not_answer(
    rig: Rig, log: Log
) -> None:
    rig.meet(ErrorCode("invalid_auth"), Lost())

    assert rig.token.is_refused
    assert "invalid_auth" in rig.token.text
    assert log.said == [("ERROR", "Slack refuses the bot token")]


def test_a_token_that_slack_takes_again_is_ok_again(rig: Rig, log: Log) -> None:
    rig.meet(ErrorCode("account_inactive"))
    rig.token.look()

    assert (rig.token.text, rig.token.is_refused) == ("ok", False)
    assert log.said == [
        ("ERROR", "Slack refuses the bot token"),
        ("INFO", "Slack takes the bot token"),
    ]


def test_a_token_that_is_revoked_while_the_bot_runs_is_noticed(rig: Rig) -> None:
    rig.token.look()
    rig.meet(ErrorCode("token_revoked"))

    assert rig.token.is_refused


def test_each_new_refusal_is_logged_and_the_same_one_only_once(rig: Rig, log: Log) -> None:
    codes = ("invalid_auth", "invalid_auth", "token_revoked", "token_revoked")
    rig.meet(*(ErrorCode(code) for code in codes))

    whys = [vars(one)["why"].partition(":")[0] for one in log.records]
    assert whys == [
        "Slack refuses SLACK_BOT_TOKEN (invalid_auth)",
        "Slack refuses SLACK_BOT_TOKEN (token_revoked)",
    ]


# -- when it is asked -----------------------------------------------------------------------------


@pytest.mark.parametrize("effect", [HttpStatus(503), ErrorCode("invalid_auth")])
def test_the_wait_grows_to_five_minutes_and_is_short_again_after_an_answer(
    effect: Effect, rig: Rig
) -> None:
    waits = []
    for _ in range(8):
        rig.meet(effect)
        waits.append(rig.token.wait)

    assert waits == [FIRST_WAIT, 10, 20, 40, 80, 160, LONGEST_WAIT, LONGEST_WAIT]
    rig.token.look()
    assert rig.token.wait == EVERY
    rig.meet(effect)
    assert rig.token.wait == FIRST_WAIT


def test_a_rate_limit_is_kept_to_unless_it_is_absurd(rig: Rig) -> None:
    rig.meet(RateLimited(60))
    assert rig.token.wait == 60

    rig.meet(RateLimited(10**9))
    assert rig.token.wait == LONGEST_WAIT


def test_the_first_answer_is_awaited_but_not_for_long(rig: Rig) -> None:
    awaited = []

    def hanging() -> object:
        for rig.now in (100.0, 100.0 + FIRST_ANSWER - 1, 100.0 + FIRST_ANSWER):
            awaited.append(token.is_awaited)
        raise OSError("Slack")

    token = SlackToken(hanging, clock=lambda: rig.now)
    rig.now = 100.0  # it took so long until it could be asked
    assert (token.text, token.is_awaited) == (UNCHECKED, True)

    token.look()
    assert awaited == [True, True, False]
    rig.now = 100.0
    assert not token.is_awaited


# -- the token of Socket Mode ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("invalid_auth", "Slack refuses SLACK_APP_TOKEN (invalid_auth): make an App-Level Token"),
        ("missing_scope", "Slack refuses SLACK_APP_TOKEN (missing_scope): make an App-Level"),
        ("not_allowed_token_type", "Slack refuses SLACK_APP_TOKEN (not_allowed_token_type): make"),
        ("internal_error", "Slack did not take it: internal_error"),
    ],
)
def test_why_there_is_no_connection_is_said_with_what_to_do(
    code: str, why: str, server: SlackServer
) -> None:
    server.world.faults.clear()
    server.world.faults.add(SlackFault("apps.connections.open", ErrorCode(code)))
    client = new_client("xoxb-1", server.url, timeout=2)
    with pytest.raises(SlackApiError) as refused:
        client.apps_connections_open(app_token="xapp-canary")

    assert why_unconnected(refused.value).startswith(why)
    assert "canary" not in why_unconnected(refused.value)


def test_of_any_other_trouble_with_the_connection_only_the_kind_is_said() -> None:
    why = why_unconnected(OSError("wss://canary/?ticket=canary"))

    assert why == "Slack did not answer: OSError"
