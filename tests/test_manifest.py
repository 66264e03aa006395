"""The Slack app manifest against what the code registers and calls: all of it, and no more."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from slack_sdk import WebClient

from bot import listeners, slack_token
from bot.listeners.parts import Parts
from bot.payloads import Help as HelpCommand
from bot.payloads import command_of
from bot.server import SLACK_PATH
from sandbox.slack_methods import METHODS

ROOT = Path(__file__).parent.parent
FILE = ROOT / "app_manifest.yaml"

# The bot scopes that a method asks for, from "Bot scopes" of docs.slack.dev/reference/methods/<it>.
# Where it names one for each kind of conversation, those are left out that the bot is never in
# (mpim:history), or that make channels (channels:manage, groups:write, mpim:write).
SCOPES = {
    "auth.test": set[str](),
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.open": {"im:write"},
    "conversations.history": {"im:history", "channels:history", "groups:history"},
    "usergroups.users.list": {"usergroups:read"},
    # The address among what it answers: docs.slack.dev/reference/scopes/users.read.email
    "users.info": {"users:read", "users:read.email"},
    "users.lookupByEmail": {"users:read.email"},
    "views.open": set[str](),
    "views.publish": set[str](),
}
# docs.slack.dev/reference/scopes/commands: "Add shortcuts and/or slash commands"
FOR_COMMANDS = {"commands"}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """The file, parsed."""
    return cast("dict[str, Any]", yaml.safe_load(FILE.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def registered() -> dict[str, list[str]]:
    """What the listeners hear, by kind: command, shortcut, event, action, options, view."""
    nothing = cast(Any, None)  # to say so uses none of the parts
    kinds: dict[str, list[str]] = defaultdict(list)
    for way, name in listeners.every_way_in(Parts(nothing, nothing, nothing, lambda: "")):
        kinds[way].append(name)
    return kinds


def called_methods() -> set[str]:
    """The Web API methods that `bot` names on a client: `….client.chat_update` is chat.update."""
    return {
        name.replace("_", ".")
        for file in sorted((ROOT / "bot").rglob("*.py"))
        for name in _methods_in(ast.parse(file.read_text(encoding="utf-8")))
    }


def _methods_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and callable(getattr(WebClient, node.attr, None)):
            of = node.value
            owner = of.id if isinstance(of, ast.Name) else getattr(of, "attr", "")
            if owner.lstrip("_") in ("client", "quick", "patient"):
                yield node.attr


def test_every_method_that_the_code_calls_is_in_the_table_and_nothing_else_is() -> None:
    assert called_methods() == set(SCOPES)


def test_it_asks_for_the_scopes_of_what_is_called_and_for_no_others(
    manifest: dict[str, Any],
) -> None:
    asked = manifest["oauth_config"]["scopes"]
    needed = FOR_COMMANDS.union(*SCOPES.values())
    assert set(asked) == {"bot"}, "nothing is done as a person"
    assert sorted(asked["bot"]) == sorted(needed)


def test_the_scopes_that_the_bot_looks_for_are_those_of_the_file(
    manifest: dict[str, Any],
) -> None:
    assert list(slack_token.SCOPES) == manifest["oauth_config"]["scopes"]["bot"]


def test_every_scope_says_in_the_file_why(manifest: dict[str, Any]) -> None:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    for scope in manifest["oauth_config"]["scopes"]["bot"]:
        said = [line for line in lines if line.strip().startswith(f"- {scope} #")]
        assert len(said) == 1, scope


def test_the_stand_in_demands_no_scope_that_the_table_does_not_know() -> None:
    for method, scopes in SCOPES.items():
        assert set(METHODS[method].scopes) <= scopes, method


def test_commands_shortcuts_and_events_are_those_that_are_listened_to(
    manifest: dict[str, Any], registered: dict[str, list[str]]
) -> None:
    features, settings = manifest["features"], manifest["settings"]
    assert [one["command"] for one in features["slash_commands"]] == registered["command"]
    assert [one["callback_id"] for one in features["shortcuts"]] == registered["shortcut"]
    assert settings["event_subscriptions"]["bot_events"] == registered["event"]
    assert {one["type"] for one in features["shortcuts"]} == {"global"}


def test_what_people_click_and_fill_in_is_switched_on(
    manifest: dict[str, Any], registered: dict[str, list[str]]
) -> None:
    assert set(registered) == {"command", "shortcut", "event", "action", "options", "view"}
    assert manifest["settings"]["interactivity"] == {"is_enabled": True}
    assert manifest["features"]["app_home"] == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": True,
    }


def test_the_command_brings_people_as_ids_and_hints_at_words_that_are_understood(
    manifest: dict[str, Any],
) -> None:
    (command,) = manifest["features"]["slash_commands"]
    assert command["should_escape"] is True
    for word in command["usage_hint"].strip("[]").split(" | "):
        understood = command_of(word)
        assert word == "help" or not isinstance(understood, HelpCommand), word


def test_socket_mode_is_on_and_what_is_for_many_workspaces_is_off(
    manifest: dict[str, Any],
) -> None:
    settings = manifest["settings"]
    assert settings["socket_mode_enabled"] is True
    assert settings["org_deploy_enabled"] is False
    assert settings["token_rotation_enabled"] is False


def test_with_the_comments_taken_off_it_is_a_manifest_for_http() -> None:
    text = FILE.read_text(encoding="utf-8")
    lines = [
        line.replace("# ", "", 1) if "YOUR-HOST" in line and "://" in line else line
        for line in text.replace("socket_mode_enabled: true", "socket_mode_enabled: false")
        .split("display_information:", 1)[1]
        .splitlines()
    ]
    manifest = yaml.safe_load("display_information:" + "\n".join(lines))
    url = f"https://YOUR-HOST{SLACK_PATH}"
    assert manifest["features"]["slash_commands"][0]["url"] == url
    assert manifest["settings"]["event_subscriptions"]["request_url"] == url
    assert manifest["settings"]["interactivity"] == {
        "is_enabled": True,
        "request_url": url,
        "message_menu_options_url": url,
    }
    assert manifest["settings"]["socket_mode_enabled"] is False
    assert "four lines with YOUR-HOST" in text
    assert sum("://YOUR-HOST" in line for line in lines) == 4


def test_it_keeps_to_slacks_limits(manifest: dict[str, Any]) -> None:
    # docs.slack.dev/reference/app-manifest, and schemas/manifest.schema.2.0.0.json of
    # github.com/slackapi/manifest-schema
    about, features = manifest["display_information"], manifest["features"]
    (command,), (shortcut,) = features["slash_commands"], features["shortcuts"]
    assert set(manifest) == {"display_information", "features", "oauth_config", "settings"}
    assert 1 <= len(about["name"]) <= 35
    assert 1 <= len(about["description"]) <= 140
    assert 175 <= len(about["long_description"]) <= 4000
    assert about["background_color"][0] == "#"
    assert len(about["background_color"]) in (4, 7)
    assert int(about["background_color"][1:], 16) >= 0
    assert 1 <= len(features["bot_user"]["display_name"]) <= 80
    assert 2 <= len(command["command"]) <= 32
    assert " " not in command["command"]
    assert 1 <= len(command["description"]) <= 2000
    assert 1 <= len(command["usage_hint"]) <= 1000
    assert 1 <= len(shortcut["name"]) <= 24
    assert 1 <= len(shortcut["description"]) <= 150
    assert len(shortcut["callback_id"]) <= 255


def test_a_name_with_slack_in_it_is_refused_by_slack_so_it_has_none(
    manifest: dict[str, Any],
) -> None:
    names = (manifest["display_information"]["name"], manifest["features"]["bot_user"])
    assert "slack" not in str(names).casefold()
