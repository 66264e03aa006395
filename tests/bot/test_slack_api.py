"""`bot.slack_api` against the Slack stand-in: an answer, a no, or “try again later”."""

from collections.abc import Iterator

import pytest
from slack_sdk import WebClient

from bot.slack_api import (
    SlackRefusesApp,
    SlackSaidNo,
    ask,
    call,
    call_webhook,
    header_of,
    new_client,
)
from sandbox.slack_faults import Effect, ErrorCode, HttpStatus, Lost, RateLimited, SlackFault
from sandbox.slack_server import SlackServer
from sandbox.slack_world import SlackWorld
from workflows.errors import NotifierUnavailable

# What asking again, or mending the installation, makes good (docs.slack.dev/reference/methods).
LATER = (
    "ratelimited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "org_login_required",
    "ekm_access_denied",
)
TO_MEND = (
    "invalid_auth",
    "not_authed",
    "token_revoked",
    "token_expired",
    "account_inactive",
    "missing_scope",
)
NEVER = ("user_not_found", "channel_not_found", "is_archived", "invalid_blocks", "msg_too_long")


@pytest.fixture
def server() -> Iterator[SlackServer]:
    """A workspace with eve in it, on loopback."""
    world = SlackWorld()
    world.add_user("eve", "eve@corp.example")
    with SlackServer(world) as running:
        yield running


@pytest.fixture
def client(server: SlackServer) -> WebClient:
    """What listeners have: one try, two seconds."""
    return new_client(server.world.bot_token, server.url, timeout=2)


def ask_for_eve(client: WebClient, server: SlackServer, *faults: Effect) -> dict[str, object]:
    """Ask for eve, with these things going wrong first."""
    server.world.faults.add(*(SlackFault("users.info", fault) for fault in faults))
    eve = next(user.id for user in server.world.users.values() if user.name == "eve")
    return call(client.users_info, user=eve)


def test_an_answer_is_what_slack_sent(client: WebClient, server: SlackServer) -> None:
    answer = ask_for_eve(client, server)
    assert answer["ok"] is True
    assert isinstance(answer["user"], dict)
    assert answer["user"]["profile"]["email"] == "eve@corp.example"


@pytest.mark.parametrize("code", NEVER)
def test_what_slack_refuses_is_a_no_with_its_own_word(
    code: str, client: WebClient, server: SlackServer
) -> None:
    with pytest.raises(SlackSaidNo) as no:
        ask_for_eve(client, server, ErrorCode(code))
    assert no.value.code == code


@pytest.mark.parametrize("code", [*LATER, *TO_MEND])
def test_what_may_become_good_is_tried_again_later(
    code: str, client: WebClient, server: SlackServer
) -> None:
    with pytest.raises(NotifierUnavailable, match=code) as later:
        ask_for_eve(client, server, ErrorCode(code))
    assert later.value.retry_after is None


@pytest.mark.parametrize("code", TO_MEND)
def test_what_somebody_has_to_mend_says_so_with_slacks_own_word(
    code: str, client: WebClient, server: SlackServer
) -> None:
    with pytest.raises(SlackRefusesApp) as refused:
        ask_for_eve(client, server, ErrorCode(code))
    assert refused.value.code == code


def test_the_headers_of_an_answer_are_there_for_who_needs_them(
    client: WebClient, server: SlackServer
) -> None:
    answer = ask(client.auth_test)
    granted = header_of(answer, "x-oauth-scopes")
    assert granted is not None
    assert set(granted.split(",")) == server.world.app.scopes
    assert header_of(answer, "x-not-there") is None


@pytest.mark.parametrize("after", ["soon", ""])
def test_a_rate_limit_that_says_nothing_sensible_says_nothing(
    after: str, client: WebClient, server: SlackServer
) -> None:
    with pytest.raises(NotifierUnavailable) as later:
        ask_for_eve(client, server, RateLimited(retry_after=after))  # type: ignore[arg-type]  # what a proxy may send
    assert later.value.retry_after is None


def test_a_rate_limit_says_how_long_to_wait(client: WebClient, server: SlackServer) -> None:
    with pytest.raises(NotifierUnavailable, match="ratelimited") as later:
        ask_for_eve(client, server, RateLimited(retry_after=7))
    assert later.value.retry_after == 7.0


@pytest.mark.parametrize(
    "effect",
    [
        HttpStatus(503),
        HttpStatus(502, "<html>Bad Gateway</html>"),
        HttpStatus(500, ""),
        HttpStatus(200, "<html>Please log in to the hotel's network</html>"),
        HttpStatus(404, "not here"),
        Lost(),
    ],
)
def test_what_is_no_answer_of_slack_is_tried_again_later(
    effect: Effect, client: WebClient, server: SlackServer
) -> None:
    with pytest.raises(NotifierUnavailable) as later:
        ask_for_eve(client, server, effect)
    assert server.world.bot_token not in str(later.value)


def test_a_hanging_slack_is_given_up_after_the_clients_own_time(server: SlackServer) -> None:
    hurried = new_client(server.world.bot_token, server.url, timeout=1)
    with pytest.raises(NotifierUnavailable, match="did not answer"):
        ask_for_eve(hurried, server, Lost(seconds=30))


def test_nobody_there_at_all_is_tried_again_later() -> None:
    nobody = new_client("xoxb-1", "http://127.0.0.1:9/api/", timeout=1)
    with pytest.raises(NotifierUnavailable, match="did not answer"):
        call(nobody.auth_test)


def test_a_client_tries_once(client: WebClient, server: SlackServer) -> None:
    with pytest.raises(NotifierUnavailable):
        ask_for_eve(client, server, Lost(), Lost())
    assert len(server.world.called("users.info")) == 1


def test_a_response_url_shows_a_line_to_one_person(server: SlackServer) -> None:
    world = server.world
    eve = next(user.id for user in world.users.values() if user.name == "eve")
    url = f"{world.hooks_url}/{world.new_response_url(eve, world.dm_of(eve).id, None)}"
    call_webhook(url, text="not for you", response_type="ephemeral", replace_original=False)
    (shown,) = world.messages.values()
    assert (shown.text, shown.shown_only_to) == ("not for you", eve)


@pytest.mark.parametrize("effect", [Lost(), HttpStatus(500), RateLimited(1)])
def test_a_response_url_that_does_not_take_it_is_unavailable(
    effect: Effect, server: SlackServer
) -> None:
    world = server.world
    eve = next(user.id for user in world.users.values() if user.name == "eve")
    url = f"{world.hooks_url}/{world.new_response_url(eve, world.dm_of(eve).id, None)}"
    world.faults.add(SlackFault("response_url", effect))
    with pytest.raises(NotifierUnavailable):
        call_webhook(url, text="hello")


def test_a_response_url_that_is_used_up_is_unavailable(server: SlackServer) -> None:
    with pytest.raises(NotifierUnavailable, match="404"):
        call_webhook(f"{server.world.hooks_url}/used-up", text="hello")
