"""What a Slack workspace holds: people, channels, messages, views, trigger ids, response URLs.

Nothing here knows of HTTP or of the Web API's arguments. Every change is made while `changed` is
held and announced on it, so others can wait for one without polling. Objects are frozen: what a
person saw stays what it was when the app changes it, as on a screen that was not yet redrawn.
"""

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sandbox.slack_limits import ANSWER_SECONDS, RESPONSE_URL_SECONDS, RESPONSE_URL_USES

Json = dict[str, Any]

DEFAULT_SCOPES = frozenset(
    {
        "commands",
        "chat:write",
        "im:write",
        "im:history",
        "channels:history",
        "groups:history",
        "users:read",
        "users:read.email",
        "usergroups:read",
    }
)


class SlackError(Exception):
    """A refusal of the Web API: its error code, and the other fields of the answer."""

    def __init__(self, code: str, messages: Iterable[str] = (), **fields: Any) -> None:
        super().__init__(code)
        self.code = code
        self.messages = tuple(messages)
        self.fields = fields


@dataclass(frozen=True, slots=True)
class SlackApp:
    """What the manifest says of the app; a command or shortcut not in it does not exist.

    `commands` maps a command to its `should_escape`. None means: whatever is asked for is there.
    """

    scopes: frozenset[str] = DEFAULT_SCOPES
    commands: Mapping[str, bool] | None = None
    shortcuts: frozenset[str] | None = None
    events: frozenset[str] | None = None

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> "SlackApp":
        """Read a manifest (the parsed YAML of "create an app from a manifest")."""
        features = manifest.get("features", {})
        settings = manifest.get("settings", {})
        return cls(
            scopes=frozenset(manifest.get("oauth_config", {}).get("scopes", {}).get("bot", ())),
            commands={
                each["command"]: bool(each.get("should_escape"))
                for each in features.get("slash_commands", ())
            },
            shortcuts=frozenset(each["callback_id"] for each in features.get("shortcuts", ())),
            events=frozenset(settings.get("event_subscriptions", {}).get("bot_events", ())),
        )


@dataclass(frozen=True, slots=True)
class User:
    """A member of the workspace, or somebody of another one (`is_stranger`, Slack Connect)."""

    id: str
    name: str
    real_name: str
    email: str | None
    tz: str
    team_id: str
    is_bot: bool = False
    deleted: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel (`kind` channel or group, which is a private one) or a direct message (im)."""

    id: str
    name: str
    kind: str
    members: frozenset[str]
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands; `history` holds what it was before each edit, oldest first.

    `shown_only_to` is the one person who sees an ephemeral message.
    """

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json]
    metadata: Json | None = None
    thread_ts: str | None = None
    shown_only_to: str | None = None
    history: tuple["Message", ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """A modal or Home tab as it stands; `content` is what the app sent, with all ids filled in."""

    id: str
    user: str
    content: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    is_open: bool = True

    @property
    def blocks(self) -> list[Json]:
        """The blocks, from the top."""
        blocks: list[Json] = self.content["blocks"]
        return blocks

    @property
    def kind(self) -> str:
        """Return modal or home."""
        return str(self.content["type"])

    @property
    def callback_id(self) -> str:
        """What the app calls this view; empty when it gave no name."""
        return str(self.content.get("callback_id", ""))


@dataclass(slots=True)
class _Trigger:
    user: str
    at: datetime
    used: bool = False
    view_id: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseUrl:
    """Where an app may answer one interaction: 5 times within 30 minutes."""

    user: str
    channel: str
    at: datetime
    message: Message | None = None
    uses: int = 0


@dataclass(slots=True)
class Workspace:
    """The state of one workspace with one app in it. Thread-safe by `changed`."""

    clock: Callable[[], datetime]
    app: SlackApp = field(default_factory=SlackApp)
    team_id: str = "T0SANDBOX1"
    app_id: str = "A0SANDBOX1"
    bot_id: str = "B0SANDBOX1"
    bot_user: str = "U0SANDBOX1"
    changed: threading.Condition = field(
        default_factory=lambda: threading.Condition(threading.RLock())
    )
    version: int = 0
    patience: float = ANSWER_SECONDS  # may be more where machines are slow
    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    usergroups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)  # in order of posting
    views: dict[str, View] = field(default_factory=dict)
    inputs: dict[str, dict[tuple[str, str], Json]] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)  # user -> view id
    warnings: list[str] = field(default_factory=list)
    _triggers: dict[str, _Trigger] = field(default_factory=dict)
    _response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    _last_ts: int = 0
    _count: int = 0

    def announce(self) -> None:
        """Wake everybody who waits for a change."""
        with self.changed:
            self.version += 1
            self.changed.notify_all()

    def new_id(self, prefix: str) -> str:
        """Return an id that was not used before, in Slack's look."""
        with self.changed:
            self._count += 1
            return f"{prefix}0{self._count:08X}"

    def new_ts(self) -> str:
        """Return a message's time stamp: its id within the channel, unique and increasing."""
        with self.changed:
            self._last_ts = max(int(self.clock().timestamp() * 1_000_000), self._last_ts + 1)
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def post(self, message: Message) -> Message:
        """Keep a new message."""
        with self.changed:
            filled = replace(message, blocks=self.with_ids(message.blocks))
            self.messages[message.channel, message.ts] = filled
            self.announce()
            return filled

    def edit(self, old: Message, new: Message) -> Message:
        """Replace a message by its new self and remember the old one."""
        past = (*old.history, replace(old, history=()))
        return self.post(replace(new, history=past))

    def delete(self, message: Message) -> None:
        """Take a message away for everybody."""
        with self.changed:
            self.messages.pop((message.channel, message.ts), None)
            self.announce()

    def with_ids(self, blocks: list[Json]) -> list[Json]:
        """Copy blocks and make up the block and action ids that the app left out, as Slack does."""
        return [self._with_ids(block) for block in blocks]

    def _with_ids(self, block: Json) -> Json:
        filled = {**block, "block_id": block.get("block_id") or secrets.token_urlsafe(4)}
        for part in ("accessory", "element"):
            if isinstance(filled.get(part), dict):
                filled[part] = self._with_action_id(filled[part])
        if block["type"] == "actions":
            filled["elements"] = [self._with_action_id(one) for one in block["elements"]]
        return filled

    @staticmethod
    def _with_action_id(element: Json) -> Json:
        if element["type"] == "image":
            return element
        return {**element, "action_id": element.get("action_id") or secrets.token_urlsafe(4)}

    def dm_of(self, user: str) -> Channel:
        """Return the direct message of this person with the app, opened when needed."""
        with self.changed:
            for channel in self.channels.values():
                if channel.kind == "im" and user in channel.members:
                    return channel
            channel = Channel(
                self.new_id("D"), "directmessage", "im", frozenset({user, self.bot_user})
            )
            self.channels[channel.id] = channel
            return channel

    def new_trigger(self, user: str) -> str:
        """Issue the trigger id of an interaction."""
        with self.changed:
            trigger = f"{self.new_id('')}.{secrets.randbelow(10**10)}.{secrets.token_hex(16)}"
            self._triggers[trigger] = _Trigger(user, self.clock())
            return trigger

    def take_trigger(self, trigger: str) -> str:
        """Spend a trigger id and return whose it is; once, within `patience`."""
        found = self._triggers.get(trigger)
        if found is None:
            raise SlackError("invalid_trigger_id")
        if found.used:
            raise SlackError("exchanged_trigger_id")
        if (self.clock() - found.at).total_seconds() > self.patience:
            raise SlackError("expired_trigger_id")
        found.used = True
        return found.user

    def opened_with(self, trigger: str) -> View | None:
        """Return the view that a trigger id opened, as it stands now."""
        found = self._triggers.get(trigger)
        return self.views.get(found.view_id) if found and found.view_id else None

    def show(self, view: View, trigger: str | None = None) -> View:
        """Keep a new or changed view."""
        with self.changed:
            filled = {**view.content, "blocks": self.with_ids(view.blocks)}
            shown = replace(view, content=filled, hash=f"{self.new_ts()}.{secrets.token_hex(4)}")
            self.views[view.id] = shown
            if trigger is not None:
                self._triggers[trigger].view_id = view.id
            self.announce()
            return shown

    def close_view(self, view: View, *, whole_stack: bool = False) -> None:
        """Close a modal; the one below it, if any, is seen again."""
        with self.changed:
            for other in list(self.views.values()):
                if other.id == view.id or (whole_stack and other.root_id == view.root_id):
                    self.views[other.id] = replace(other, is_open=False)
            self.announce()

    def stack_of(self, user: str) -> list[View]:
        """Return the open modals of a person, the one on top last."""
        with self.changed:
            return [
                view
                for view in self.views.values()
                if view.user == user and view.is_open and view.kind == "modal"
            ]

    def new_response_url(self, user: str, channel: str, message: Message | None = None) -> str:
        """Issue the token of a response URL."""
        with self.changed:
            token = secrets.token_hex(12)
            self._response_urls[token] = ResponseUrl(user, channel, self.clock(), message)
            return token

    def use_response_url(self, token: str) -> ResponseUrl:
        """Count one use, or refuse: unknown, used up, or over its 30 minutes."""
        found = self._response_urls.get(token)
        if found is None:
            raise SlackError("invalid_url")
        if found.uses >= RESPONSE_URL_USES:
            raise SlackError("used_url")
        if (self.clock() - found.at).total_seconds() > RESPONSE_URL_SECONDS:
            raise SlackError("expired_url")
        self._response_urls[token] = replace(found, uses=found.uses + 1)
        return found
