"""What people can do in Slack and what they cannot; most of it against a real Bolt app."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest

from sandbox.slack_forms import REQUIRED, Forged
from sandbox.slack_people import Person
from sandbox.slack_server import SlackServer
from sandbox.slack_state import Message
from sandbox.slack_text import text_of
from sandbox.slack_world import SlackWorld
from tests.sandbox.slack_tiny_app import TinyApp


@pytest.fixture
def world() -> SlackWorld:
    return SlackWorld()


@pytest.fixture
def server(world: SlackWorld) -> Iterator[SlackServer]:
    with SlackServer(world) as server:
        yield server


@pytest.fixture
def app(world: SlackWorld, server: SlackServer) -> TinyApp:
    return TinyApp(world, server.url)


@pytest.fixture
def direct(world: SlackWorld, app: TinyApp) -> TinyApp:
    world.deliver = app.dispatch
    return app


@pytest.fixture
def eve(world: SlackWorld) -> Person:
    return Person(world, world.add_user("eve", "eve@example.com"))


def test_while_slack_is_down_nobody_can_do_anything_and_then_they_can(
    world: SlackWorld, direct: TinyApp, eve: Person
) -> None:
    world.down()
    with pytest.raises(ConnectionError):
        eve.command("/wandb", "x")
    with pytest.raises(ConnectionError):
        direct.bolt.client.chat_postMessage(channel=eve.id, text="x")

    world.up()

    assert eve.command("/wandb", "x").text == "You said x"


def test_the_manifest_says_which_commands_and_shortcuts_there_are() -> None:
    commands = [{"command": "/wandb", "should_escape": False}]
    shortcuts = [{"callback_id": "ask_access"}]
    world = SlackWorld(manifest={"features": {"slash_commands": commands, "shortcuts": shortcuts}})
    got: list[bytes] = []

    def deliver(body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        got.append(body)
        return 200, {}, b""

    world.deliver = deliver
    eve = Person(world, world.add_user("eve", None))

    eve.command("/wandb", "@eve")

    assert b"text=%40eve" in got[0]
    with pytest.raises(LookupError, match="not a valid command"):
        eve.command("/other")
    with pytest.raises(LookupError, match="no shortcut"):
        eve.shortcut("other")


def test_a_form_shows_what_is_missing_before_it_is_sent(direct: TinyApp, eve: Person) -> None:
    form = eve.shortcut("ask_access").view
    assert form is not None

    nothing = eve.fill(form, {})
    short = eve.fill(form, {"Team": "audio", "Reason": "x"})
    forged = eve.fill(form, {"Team": Forged("secret"), "Reason": Forged("x")})

    assert nothing.errors == {"Team": REQUIRED, "Reason": REQUIRED}
    assert short.errors == {"Reason": "Please enter between 3 and 100 characters."}
    assert forged.closed
    values = direct.seen[-1]["view"]["state"]["values"]
    assert values["team"]["value"]["selected_option"]["value"] == "secret"


def test_the_app_can_answer_a_form_with_errors_another_form_or_nonsense(
    direct: TinyApp, world: SlackWorld, eve: Person
) -> None:
    form = eve.shortcut("ask_access").view
    assert form is not None
    filled = {"Team": "vision", "Reason": "because"}
    other = {"type": "modal", "title": form.content["title"], "blocks": [{"type": "divider"}]}

    direct.answers = {"response_action": "errors", "errors": {"reason": "Too vague"}}
    vague = eve.fill(form, filled)
    direct.answers = {"response_action": "errors", "errors": {"nowhere": "x"}}
    nowhere = eve.submit(form)
    direct.answers = {"text": "thank you"}
    words = eve.submit(form)
    direct.answers = {"response_action": "update", "view": {"type": "modal"}}
    invalid = eve.submit(form)
    direct.answers = {"response_action": "push", "view": other}
    pushed = eve.submit(form)

    assert vague.errors == {"Reason": "Too vague"}
    assert "no input" in str(nowhere.error)
    assert "has to be empty or JSON" in str(words.error)
    assert "missing required field" in str(invalid.error)
    assert [failure.error for failure in world.failures] == [
        nowhere.error,
        words.error,
        invalid.error,
    ]
    assert pushed.view == eve.view
    assert eve.view is not None
    assert eve.view.previous_id == form.id


def test_a_form_may_change_under_the_person_and_keeps_what_was_filled_in() -> None:
    world = SlackWorld()
    eve = Person(world, world.add_user("eve", None))
    roles = [{"text": {"type": "plain_text", "text": "Admin"}, "value": "admin"}]
    why = {"type": "plain_text_input", "action_id": "value"}
    form = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Form"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [
            {
                "type": "input",
                "block_id": label,
                "dispatch_action": label == "Role",
                "label": {"type": "plain_text", "text": label},
                "element": element,
            }
            for label, element in {
                "Role": {"type": "static_select", "action_id": "value", "options": roles},
                "Reason": why,
            }.items()
        ],
    }
    got: list[dict[str, Any]] = []

    def deliver(body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        payload = json.loads(parse_qs(body.decode())["payload"][0])
        got.append(payload)
        if payload["type"] == "block_actions":
            note = {"type": "section", "text": {"type": "mrkdwn", "text": "Two people decide"}}
            changed = form | {"blocks": [*form["blocks"], note]}
            arguments = {"view_id": payload["view"]["id"], "view": changed}
            world.api("views.update", arguments, world.bot_token)
        return 200, {}, b""

    world.deliver = deliver
    trigger = world.new_trigger(eve.id)
    world.api("views.open", {"trigger_id": trigger, "view": form}, world.bot_token)
    opened = eve.view
    assert opened is not None

    sent = eve.fill(opened, {"Reason": "because", "Role": "Admin"})

    assert sent.closed
    assert got[0]["actions"][0]["selected_option"]["value"] == "admin"
    values = got[1]["view"]["state"]["values"]
    assert values["Reason"]["value"]["value"] == "because"
    assert values["Role"]["value"]["selected_option"]["value"] == "admin"
    assert got[1]["view"]["blocks"][-1]["text"]["text"] == "Two people decide"


def test_one_of_several_equal_buttons_is_found_by_the_words_beside_it() -> None:
    world = SlackWorld()
    got: list[str] = []

    def deliver(body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        payload = json.loads(parse_qs(body.decode())["payload"][0])
        got.append(payload["actions"][0]["value"])
        return 200, {}, b""

    world.deliver = deliver
    eve = Person(world, world.add_user("eve", None))
    text = {"type": "plain_text", "text": "Approve"}
    blocks = [
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": f"*{name}* asks"},
            "accessory": {"type": "button", "text": text, "value": name, "action_id": "approve"},
        }
        for name in ("ada", "bob")
    ]
    arguments = {"channel": eve.id, "text": "two", "blocks": blocks}
    world.api("chat.postMessage", arguments, world.bot_token)

    eve.click(eve.message("ada"), "Approve", near="bob")
    eve.click(eve.message("ada"), "approve", value="ada")

    assert got == ["bob", "ada"]
    with pytest.raises(LookupError, match="2 buttons"):
        eve.click(eve.message("ada"), "Approve")


def test_nobody_clicks_what_is_not_there(direct: TinyApp, world: SlackWorld, eve: Person) -> None:
    ada = Person(world, world.add_user("ada", None))
    form = eve.shortcut("ask_access").view
    assert form is not None
    eve.fill(form, {"Team": "vision", "Reason": "because", "Notify": ["Me"]})
    asked = eve.message("because")
    eve.click(asked, "Approve")

    late = eve.click(asked, "approve")  # a screen that still shows the old card

    assert late.text == "Too late"
    with pytest.raises(LookupError, match="0 buttons 'Approve'"):
        eve.click(eve.message("Approved"), "Approve")
    with pytest.raises(LookupError, match="does not see"):
        ada.click(asked, "Approve")
    with pytest.raises(LookupError, match="closed"):
        eve.fill(form, {})
    with pytest.raises(LookupError, match="does not offer 'Boss'"):
        eve.fill(eve.shortcut("ask_access").view or form, {"Role": "Boss"})


def test_the_same_delivery_can_come_again(direct: TinyApp, eve: Person) -> None:
    first = eve.command("/wandb", "hello")

    replayed = eve.retry(first)
    repeated = eve.retry(first, as_slack=True)

    assert first.answer
    assert replayed.answer
    assert repeated.answer
    assert replayed.answer.headers == first.answer.headers
    assert repeated.answer.headers["X-Slack-Retry-Num"] == "1"
    assert repeated.answer.delivery.body == first.answer.delivery.body
    assert len(direct.seen) == 3


def drawn(written: str, tz: str = "Europe/Berlin") -> str:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    names = {"U1": "eve", "C1": "approvals"}
    return text_of(Message("D1", "1.0", "U2", written, []), tz=tz, now=now, names=names)


READ: list[tuple[str, str]] = [
    ("<@U1> in <#C1>", "@eve in #approvals"),
    ("<!channel> and &lt;!channel&gt;", "@channel and <!channel>"),
    ("<https://wandb.ai|W&amp;B>", "W&B"),
    ("<!date^1798113600^{date_num} {time}|x>", "2026-12-24 1:00 PM"),
    ("<!date^1795348800^{date_short_pretty} at {time}|x>", "today at 1:00 PM"),
    ("<!date^1798113600^{date}|x>", "December 24th, 2026"),
    ("<!date^soon^{date}|fallback>", "fallback"),
    ("<|odd> <>", "odd <>"),
]


@pytest.mark.parametrize(("written", "read"), READ)
def test_mrkdwn_is_drawn_as_the_reader_sees_it(written: str, read: str) -> None:
    assert drawn(written) == read
