"""The chat.* and conversations.* methods of the Web API.

Source: docs.slack.dev/reference/methods/chat.postMessage and its sisters. What Slack would take but
a person would suffer from (blocks without a top-level `text`, text that is cut) is noted in
`warnings` of the workspace.
"""

import json
from dataclasses import replace
from typing import Any

from sandbox.slack_blocks import are_blocks_too_long, check_message_blocks
from sandbox.slack_limits import POST_TEXT, UPDATE_TEXT
from sandbox.slack_state import Channel, Json, Message, ResponseUrl, SlackError, Workspace

METADATA_BYTES = 8_000


def need(arguments: Json, name: str) -> Any:
    """Return a required argument or refuse as Slack does."""
    value = arguments.get(name)
    if value is None or value == "":
        raise SlackError("invalid_arguments", [f"[ERROR] missing required field: {name}"])
    return value


def parsed(value: Any, error: str) -> Any:
    """Return a JSON argument that may have come as a string of a form."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise SlackError(error) from None


def is_true(value: Any) -> bool:
    """Read a boolean of JSON or of a form."""
    return value in (True, "true", "True", "1", 1)


def refuse_problems(error: str, problems: list[str]) -> None:
    """Raise the complaints, if any, in the shape of Slack's answer."""
    if problems:
        raise SlackError(error, [f"[ERROR] {one}" for one in problems], errors=problems)


def message_payload(space: Workspace, message: Message, *, with_metadata: bool = False) -> Json:
    """Return a message as Slack sends it."""
    payload: Json = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": space.team_id,
    }
    if message.user == space.bot_user:
        payload |= {"bot_id": space.bot_id, "app_id": space.app_id}
    if message.blocks:
        payload["blocks"] = message.blocks
    if message.thread_ts:
        payload["thread_ts"] = message.thread_ts
    if message.history:
        payload["edited"] = {"user": message.user, "ts": f"{message.ts.split('.')[0]}.000000"}
    if with_metadata and message.metadata:
        payload["metadata"] = message.metadata
    return payload


def _channel_to_post(space: Workspace, name: str) -> Channel:
    """Find the channel of an id, a person's id (their DM) or a #name; refuse where we may not."""
    if name in space.users:
        user = space.users[name]
        if user.deleted or user.is_bot:
            raise SlackError("channel_not_found" if user.deleted else "cannot_dm_bot")
        return space.dm_of(name)
    wanted = name.removeprefix("#")
    for channel in space.channels.values():
        if name == channel.id or (channel.kind != "im" and wanted == channel.name):
            return _reachable(space, channel)
    raise SlackError("channel_not_found")


def _reachable(space: Workspace, channel: Channel) -> Channel:
    if space.bot_user not in channel.members:
        # A private channel is not even admitted to exist.
        raise SlackError("channel_not_found" if channel.kind == "group" else "not_in_channel")
    if channel.is_archived:
        raise SlackError("is_archived")
    return channel


def channel_of(space: Workspace, channel_id: str) -> Channel:
    """Find a channel by its id alone: most methods do not take names."""
    channel = space.channels.get(channel_id)
    if channel is None:
        raise SlackError("channel_not_found")
    return _reachable(space, channel)


def checked_blocks(space: Workspace, method: str, arguments: Json) -> list[Json] | None:
    """Return the blocks if they may be shown, None when none were given."""
    if arguments.get("blocks") is None:
        return None
    blocks = parsed(arguments["blocks"], "invalid_blocks_format")
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    refuse_problems("invalid_blocks", check_message_blocks(blocks))
    if are_blocks_too_long(blocks):
        raise SlackError("msg_blocks_too_long")
    if blocks and not str(arguments.get("text") or "").strip():
        # It is the notification, the screen reader's text and what search finds.
        space.warnings.append(f"{method}: blocks without a top-level text")
    return blocks


def _metadata(arguments: Json) -> Json | None:
    if arguments.get("metadata") is None:
        return None
    metadata = parsed(arguments["metadata"], "invalid_metadata_format")
    if metadata == {}:
        return {}
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not metadata["event_type"]:
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(metadata)) > METADATA_BYTES:
        raise SlackError("metadata_too_large")
    return metadata


def _text(space: Workspace, method: str, arguments: Json, blocks: list[Json] | None) -> str:
    text = str(arguments.get("text") or "")
    if not text and not blocks:
        raise SlackError("no_text")
    if len(text) > POST_TEXT:
        space.warnings.append(f"{method}: text was cut at {POST_TEXT} characters")
    return text[:POST_TEXT]


def post_message(space: Workspace, arguments: Json) -> Json:
    """chat.postMessage."""
    channel = _channel_to_post(space, str(need(arguments, "channel")))
    blocks = checked_blocks(space, "chat.postMessage", arguments)
    message = space.post(
        Message(
            channel=channel.id,
            ts=space.new_ts(),
            user=space.bot_user,
            text=_text(space, "chat.postMessage", arguments, blocks),
            blocks=blocks or [],
            metadata=_metadata(arguments) or None,
            thread_ts=arguments.get("thread_ts"),
        )
    )
    payload = message_payload(space, message, with_metadata=True)
    return {"channel": channel.id, "ts": message.ts, "message": payload}


def post_ephemeral(space: Workspace, arguments: Json) -> Json:
    """chat.postEphemeral: only for somebody who is in the channel."""
    user = str(need(arguments, "user"))
    channel = _channel_to_post(space, str(need(arguments, "channel")))
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    blocks = checked_blocks(space, "chat.postEphemeral", arguments)
    message = space.post(
        Message(
            channel=channel.id,
            ts=space.new_ts(),
            user=space.bot_user,
            text=_text(space, "chat.postEphemeral", arguments, blocks),
            blocks=blocks or [],
            shown_only_to=user,
        )
    )
    return {"message_ts": message.ts}


def _own_message(space: Workspace, arguments: Json, refusal: str) -> Message:
    channel = channel_of(space, str(need(arguments, "channel")))
    message = space.messages.get((channel.id, str(need(arguments, "ts"))))
    if message is None or message.shown_only_to:  # an ephemeral message cannot be found again
        raise SlackError("message_not_found")
    if message.user != space.bot_user:
        raise SlackError(refusal)
    return message


def update_message(space: Workspace, arguments: Json) -> Json:
    """chat.update. Blocks and metadata that are not mentioned stay as they were."""
    if len(str(arguments.get("text") or "")) > UPDATE_TEXT:
        raise SlackError("msg_too_long")
    old = _own_message(space, arguments, "cant_update_message")
    blocks = checked_blocks(space, "chat.update", arguments)
    metadata = _metadata(arguments)
    shown = old.blocks if blocks is None else blocks
    new = replace(
        old,
        text=_text(space, "chat.update", arguments, shown),
        blocks=shown,
        metadata=old.metadata if metadata is None else metadata or None,
    )
    message = space.edit(old, new)
    payload = message_payload(space, message, with_metadata=True)
    return {"channel": old.channel, "ts": old.ts, "text": message.text, "message": payload}


def delete_message(space: Workspace, arguments: Json) -> Json:
    """chat.delete."""
    message = _own_message(space, arguments, "cant_delete_message")
    space.delete(message)
    return {"channel": message.channel, "ts": message.ts}


_HISTORY_SCOPE = {"im": "im:history", "channel": "channels:history", "group": "groups:history"}


def history(space: Workspace, arguments: Json) -> Json:
    """conversations.history: newest first, `oldest` and `latest` left out unless `inclusive`."""
    channel = channel_of(space, str(need(arguments, "channel")))
    scope = _HISTORY_SCOPE[channel.kind]
    if scope not in space.app.scopes:
        provided = ",".join(sorted(space.app.scopes))
        raise SlackError("missing_scope", needed=scope, provided=provided)
    oldest = str(arguments.get("oldest") or "0")
    latest = str(arguments.get("cursor") or arguments.get("latest") or "9")
    inclusive = is_true(arguments.get("inclusive")) and not arguments.get("cursor")
    limit = int(arguments.get("limit") or 100)
    if not 1 <= limit <= 999:
        raise SlackError("invalid_limit")
    found = [
        message
        for message in reversed(space.messages.values())
        if message.channel == channel.id
        and not message.shown_only_to
        and message.thread_ts in (None, message.ts)
        and (oldest < message.ts < latest or (inclusive and message.ts in (oldest, latest)))
    ]
    page = found[:limit]
    more = len(found) > limit
    with_metadata = is_true(arguments.get("include_all_metadata"))
    return {
        "messages": [message_payload(space, one, with_metadata=with_metadata) for one in page],
        "has_more": more,
        "pin_count": 0,
        "response_metadata": {"next_cursor": page[-1].ts if more else ""},
    }


def open_conversation(space: Workspace, arguments: Json) -> Json:
    """conversations.open for one person; groups of people are not part of this stand-in."""
    users = arguments.get("users") or []
    names = users.split(",") if isinstance(users, str) else list(users)
    if len(names) != 1:
        raise SlackError("not_enough_users" if not names else "too_many_users")
    user = space.users.get(names[0])
    if user is None:
        raise SlackError("user_not_found")
    if user.is_bot or user.deleted:
        raise SlackError("cannot_dm_bot" if user.is_bot else "user_disabled")
    known = len(space.channels)
    channel = space.dm_of(user.id)
    was_open = len(space.channels) == known
    return {"channel": {"id": channel.id}, "no_op": was_open, "already_open": was_open}


def take_answer(space: Workspace, where: ResponseUrl, body: Json) -> None:
    """Show what an app answers to an interaction: to the person alone, unless it says more.

    The same for a response URL and for the body of a slash command's acknowledgement.
    """
    original = where.message
    if original is not None:
        original = space.messages.get((original.channel, original.ts), original)
    if is_true(body.get("delete_original")) and original is not None:
        space.delete(original)
        return
    blocks = checked_blocks(space, "response", body) or []
    text = _text(space, "response", body, blocks)
    if is_true(body.get("replace_original")) and original is not None:
        space.edit(original, replace(original, text=text, blocks=blocks))
        return
    to = None if body.get("response_type") == "in_channel" else where.user
    ts = space.new_ts()
    space.post(Message(where.channel, ts, space.bot_user, text, blocks, shown_only_to=to))
