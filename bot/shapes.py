"""Whether what Slack signed has a shape that Bolt can read: Bolt itself raises where it has none.

Apart from the guard because it costs more than all of that, and may be done in a thread.
"""

import json
from typing import Any
from urllib.parse import parse_qsl

MAX_DEPTH = 100  # a view of Slack nests about a dozen deep
MAX_FIELDS = 100  # a slash command has about fifteen


def is_well_formed(kind: bytes, body: bytes) -> bool:
    """Whether Bolt can read it: a JSON object, or a form with a command or such a `payload`.

    `kind` is what the guard found (`bot.guard.SIGNED`). Never raises.
    """
    try:
        text = body.decode("utf-8")
        if kind == b"json":
            return _is_sane_object(text)
        if text.startswith("{"):  # Bolt takes it for JSON, whatever the header says
            return False
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
        fields = dict(pairs)
        if len(fields) != len(pairs):  # two readers could each take another one
            return False
        if "payload" in fields:
            return _is_sane_object(fields["payload"])
        return "command" in fields or "ssl_check" in fields
    except (
        ValueError
    ):  # of UTF-8, of JSON, of a number with thousands of digits, of too many fields
        return False


def _is_sane_object(text: str) -> bool:
    try:
        value = json.loads(text)
    except RecursionError:
        return False
    if not isinstance(value, dict) or not _is_shallow(value):
        return False
    if "\\ud" in text.lower():  # half a surrogate pair is JSON, but not text that can be stored
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return _has_a_kind(value)


def _has_a_kind(value: dict[str, Any]) -> bool:
    """Whether it says what it is; of a click Bolt takes the first action without a look."""
    kind, actions = value.get("type"), value.get("actions")
    if not isinstance(kind, str):
        return False
    if kind not in ("block_actions", "interactive_message"):
        return True
    return isinstance(actions, list) and bool(actions) and all(isinstance(a, dict) for a in actions)


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
