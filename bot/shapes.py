"""Reads what Slack signed into what Bolt is given; Bolt itself raises where it cannot.

Apart from the guard because it costs more than all of that, and may be done in a thread.
"""

import json
from typing import Any
from urllib.parse import parse_qsl

MAX_DEPTH = 100  # a view of Slack nests about a dozen deep
MAX_FIELDS = 100  # a slash command has about fifteen

Payload = dict[str, Any]

_TEXTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "interactive_message": (("callback_id",),),
    "dialog_submission": (("callback_id",),),
    "dialog_cancellation": (("callback_id",),),
    "dialog_suggestion": (("callback_id",),),
    "view_submission": (("view", "callback_id"), ("view", "type")),
    "view_closed": (("view", "callback_id"), ("view", "type")),
    "block_suggestion": (("action_id",),),
    "shortcut": (("callback_id",),),
    "message_action": (("callback_id",),),
    "event_callback": (("event", "type"),),
}
"""Where Bolt takes a text for granted, by the type of what is sent."""


def read(kind: bytes, body: bytes) -> Payload | None:
    """A JSON object, the object in a form's `payload`, or the fields of a form with a command.

    None for everything else: it is malformed. `kind` is what the guard found (`bot.guard.SIGNED`).
    """
    try:
        text = body.decode("utf-8")
        if kind == b"json":
            return _sane_object(text)
        if text.startswith("{"):  # JSON, whatever the header says
            return None
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
        fields = dict(pairs)
        if len(fields) != len(pairs):  # two readers could each take another one
            return None
        if "payload" in fields:
            return _sane_object(fields["payload"])
        return fields if "command" in fields or "ssl_check" in fields else None
    except ValueError:  # UTF-8, JSON, a number with thousands of digits, too many fields
        return None


def _sane_object(text: str) -> Payload | None:
    try:
        value = json.loads(text)
    except RecursionError:
        return None
    if not isinstance(value, dict) or not _is_shallow(value):
        return None
    if "\\ud" in text.lower():  # half a surrogate pair is JSON, but not text that can be stored
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value if _has_a_kind(value) else None


def _has_a_kind(value: Payload) -> bool:
    """Whether it says what it is, and what Bolt then takes without a look is there, as text."""
    kind = value.get("type")
    if not isinstance(kind, str) or not isinstance(value.get("command", ""), str):
        return False
    if not isinstance(value.get("event", {}), dict):
        return False
    if kind in ("block_actions", "interactive_message") and not _has_actions(kind, value):
        return False
    return all(isinstance(_at(value, path), str) for path in _TEXTS.get(kind, ()))


def _has_actions(kind: str, value: Payload) -> bool:
    """Bolt takes the first of them; those of old messages have no `action_id`."""
    actions = value.get("actions")
    if not isinstance(actions, list) or not actions:
        return False
    texts = ("action_id",) if kind == "block_actions" else ()
    return all(
        isinstance(action, dict) and all(isinstance(action.get(text), str) for text in texts)
        for action in actions
    )


def _at(value: object, path: tuple[str, ...]) -> object:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return False
