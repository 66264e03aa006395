"""What Slack sends to an app: the fields of each delivery, as they are on the wire.

Sources: docs.slack.dev/interactivity/implementing-slash-commands, docs.slack.dev/reference/
interaction-payloads, docs.slack.dev/reference/events, and the recorded samples in
github.com/slackapi/java-slack-sdk (json-logs/samples/app-backend).
"""

import re
from typing import Any

from sandbox.slack_chat import message_payload
from sandbox.slack_delivery import Delivery
from sandbox.slack_methods import view_payload
from sandbox.slack_state import Json, Message, View, Workspace

TOKEN = "sandbox-verification-token"  # the deprecated shared word; Slack still sends it


def state_of(space: Workspace, surface: str) -> Json:
    """Return what stands in the fields of a view or message, by block and action id."""
    values: Json = {}
    for (block_id, action_id), value in space.inputs.get(surface, {}).items():
        values.setdefault(block_id, {})[action_id] = value
    return values


def _user(space: Workspace, user: str) -> Json:
    name = space.users[user].name
    return {"id": user, "username": name, "name": name, "team_id": space.users[user].team_id}


def _common(space: Workspace, kind: str, user: str) -> Json:
    return {
        "type": kind,
        "team": {"id": space.team_id, "domain": "sandbox"},
        "user": _user(space, user),
        "api_app_id": space.app_id,
        "token": TOKEN,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def escaped(space: Workspace, text: str) -> str:
    """Escape what was typed, as a command with should_escape gets it.

    The three characters first, then @name and #channel become <@U…|name> and <#C…|channel>.
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    people = {user.name: user.id for user in space.users.values()}
    rooms = {one.name: one.id for one in space.channels.values() if one.kind != "im"}

    def reference(found: re.Match[str]) -> str:
        sign, name = found[1], found[2]
        known = (people if sign == "@" else rooms).get(name)
        return f"<{sign}{known}|{name}>" if known else found[0]

    return re.sub(r"(?<!\S)([@#])([\w.-]+)", reference, text)


def command(
    space: Workspace, user: str, name: str, text: str, channel: str, url: str, trigger: str
) -> Delivery:
    """A slash command. Every value is a string, is_enterprise_install too."""
    channel_name = space.channels[channel].name
    payload = {
        "token": TOKEN,
        "team_id": space.team_id,
        "team_domain": "sandbox",
        "channel_id": channel,
        "channel_name": channel_name,
        "user_id": user,
        "user_name": space.users[user].name,
        "command": name,
        "text": text,
        "api_app_id": space.app_id,
        "is_enterprise_install": "false",
        "response_url": url,
        "trigger_id": trigger,
    }
    return Delivery("slash_commands", payload, user)


def shortcut(space: Workspace, user: str, callback_id: str, trigger: str) -> Delivery:
    """A global shortcut."""
    more = {"callback_id": callback_id, "trigger_id": trigger, "action_ts": space.new_ts()}
    return Delivery("interactive", _common(space, "shortcut", user) | more, user)


def message_action(
    space: Workspace, user: str, message: Message, action: Json, url: str, trigger: str
) -> Delivery:
    """A click in a message; an ephemeral one comes without its content."""
    hidden = message.shown_only_to is not None
    container = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": hidden,
    }
    room = {"id": message.channel, "name": space.channels[message.channel].name}
    payload = _common(space, "block_actions", user) | {
        "container": container,
        "trigger_id": trigger,
        "channel": room,
        "state": {"values": state_of(space, message.ts)},
        "response_url": url,
        "actions": [action | {"action_ts": space.new_ts()}],
    }
    if not hidden:
        payload["message"] = message_payload(space, message)
    return Delivery("interactive", payload, user)


def view_action(space: Workspace, user: str, view: View, action: Json, trigger: str) -> Delivery:
    """A click in a modal or on the Home tab; there is no response URL."""
    payload = _common(space, "block_actions", user) | {
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": trigger,
        "view": view_payload(space, view, state_of(space, view.id)),
        "actions": [action | {"action_ts": space.new_ts()}],
    }
    return Delivery("interactive", payload, user)


def suggestion(space: Workspace, user: str, view: View, field: Json, typed: str) -> Delivery:
    """Slack asks for the options of an external select; `field` has block_id and action_id."""
    payload = _common(space, "block_suggestion", user) | {
        "container": {"type": "view", "view_id": view.id},
        "view": view_payload(space, view, state_of(space, view.id)),
        "value": typed,
        **field,
    }
    return Delivery("interactive", payload, user)


def submission(space: Workspace, user: str, view: View, trigger: str) -> Delivery:
    """A form was sent."""
    payload = _common(space, "view_submission", user) | {
        "trigger_id": trigger,
        "view": view_payload(space, view, state_of(space, view.id)),
        "response_urls": [],
    }
    return Delivery("interactive", payload, user)


def closed(space: Workspace, user: str, view: View) -> Delivery:
    """A form with notify_on_close was closed without sending it."""
    payload = _common(space, "view_closed", user) | {
        "view": view_payload(space, view, state_of(space, view.id)),
        "is_cleared": False,
    }
    return Delivery("interactive", payload, user)


def event(space: Workspace, user: str, inner: Json) -> Delivery:
    """An event of the Events API in its outer shape."""
    at = int(space.clock().timestamp())
    authorization: dict[str, Any] = {
        "enterprise_id": None,
        "team_id": space.team_id,
        "user_id": space.bot_user,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    payload = {
        "token": TOKEN,
        "team_id": space.team_id,
        "api_app_id": space.app_id,
        "event": inner,
        "type": "event_callback",
        "event_id": space.new_id("Ev"),
        "event_time": at,
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
        "event_context": "4-sandbox",
    }
    return Delivery("events_api", payload, user)


def home_opened(space: Workspace, user: str) -> Delivery:
    """app_home_opened; the view is there when one was published before."""
    inner: Json = {
        "type": "app_home_opened",
        "user": user,
        "channel": space.dm_of(user).id,
        "tab": "home",
        "event_ts": space.new_ts(),
    }
    home = space.views.get(space.homes.get(user, ""))
    if home is not None:
        inner["view"] = view_payload(space, home)
    return event(space, user, inner)


def url_verification(space: Workspace, challenge: str) -> Delivery:
    """What Slack sends once when a request URL is saved; the challenge has to come back."""
    payload = {"token": TOKEN, "challenge": challenge, "type": "url_verification"}
    return Delivery("events_api", payload, space.bot_user)
