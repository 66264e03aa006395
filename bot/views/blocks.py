"""Block Kit in small pieces, each within Slack's limits. Knows no domain.

Every mrkdwn object is `verbatim`: Slack then makes no links or mentions of plain words, and only
what our own code writes (`<@U…>`, `<!date^…>`) is live. Sizes: docs.slack.dev/reference/block-kit;
the smaller number where its pages differ.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Block = dict[str, Any]

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
# All text of one message or page together. Slack refuses more than about 13,200 characters with
# `msg_blocks_too_long`; documented nowhere, measured in github.com/slackapi/bolt-js/issues/2509.
ALL_TEXT = 13_000
_SECTION, _FIELD, _CONTEXT, _HEADER, _BUTTON = 3_000, 2_000, 2_000, 150, 75
_TEXT = 3_000  # chat.update refuses a text of more than 4,000
_NAME = 128  # W&B's own names are shorter; what is longer is no name but an attempt
_QUOTED = 1_000  # five-fold by escaping: two of them still leave room for the rest of a card

# Slack's own three; the ampersand first, or it would escape the other two once more.
# docs.slack.dev/messaging/formatting-message-text, "Escaping text"
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")  # they make a text read as it is not written
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")  # a lone half of a pair cannot be sent as UTF-8
_FORMATTING = re.compile("[*_~`]")


@dataclass(frozen=True, slots=True)
class Message:
    """`text` says the content: it is the notification, and what a screen reader reads."""

    text: str
    blocks: list[Block]


def clean(text: str) -> str:
    """The text without characters that show nothing but change how the rest is shown."""
    if text.isascii() and text.isprintable():  # nearly every name there is
        return text
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", _BIDI.sub("", text)))


def escape(text: str) -> str:
    """People's text for a mrkdwn object: nothing in it mentions or links."""
    escaped = clean(text)
    for character, entity in _ESCAPES:
        escaped = escaped.replace(character, entity)
    return escaped


def cut(text: str, most: int) -> str:
    """At most so many characters of plain text, with `…` where something is left out."""
    return text if len(text) <= most else text[: most - 1] + "…"


def name(text: str) -> str:
    """A name that people chose, for a mrkdwn object: on one line, escaped."""
    return escape(plain_name(text, _NAME))


def plain_name(text: str, most: int) -> str:
    """A name that people chose, for a plain_text object, which needs no escaping."""
    return cut(" ".join(clean(text).split()) or "(no name)", most)


def strong(text: str) -> str:
    """A name in bold, unless its own characters would be taken for formatting."""
    shown = name(text)
    return shown if _FORMATTING.search(shown) else f"*{shown}*"


def when(moment: datetime) -> str:
    """A moment in the reader's own time zone; in UTC where Slack cannot (old clients, e-mail)."""
    fallback = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} at {{time}}|{fallback}>"


def message(text: str, blocks: Iterable[Block]) -> Message:
    """A message; `text` is mrkdwn, so what people wrote in it is escaped by the caller."""
    return Message(_cut_markup(text, _TEXT), list(blocks))


def section(text: str) -> Block:
    """A paragraph of mrkdwn."""
    return {"type": "section", "text": _mrkdwn(text, _SECTION)}


def section_with(text: str, accessory: Block) -> Block:
    """A paragraph with a button beside it."""
    return {**section(text), "accessory": accessory}


def fields(*pairs: tuple[str, str]) -> Block:
    """Labels in bold, each over its value, in two columns; at most ten."""
    texts = [_mrkdwn(f"*{label}*\n{value}", _FIELD) for label, value in pairs]
    return {"type": "section", "fields": texts}


def context(*texts: str) -> Block:
    """Small print; at most ten pieces."""
    return {"type": "context", "elements": [_mrkdwn(text, _CONTEXT) for text in texts]}


def header(text: str) -> Block:
    """A heading, in plain text, on one line."""
    return {"type": "header", "text": plain(plain_name(text, _HEADER), _HEADER)}


def divider() -> Block:
    """A line across."""
    return {"type": "divider"}


def quote(text: str, label: str = "") -> list[Block]:
    """What somebody wrote, marked as theirs line by line, whole, over as many sections as it takes.

    Nothing for a text that shows nothing. `label` stands above it, in bold, and is ours. Policy
    and forms stop people at 1,000 characters; of an answer of W&B that is longer the rest is left
    out.
    """
    lines = list(_quoted_lines(cut(clean(text).strip(), _QUOTED)))
    sections = [f"*{label}*"] if label and lines else []
    for line in lines:
        if sections and len(sections[-1]) + len(line) < _SECTION:
            sections[-1] += "\n" + line
        else:
            sections.append(line)
    return [section(each) for each in sections]


def button(
    text: str,
    *,
    action_id: str,
    value: str,
    style: str = "",
    label: str = "",
    ask_first: Block | None = None,
) -> Block:
    """A button. `label` is read aloud where `text` alone would not tell two buttons apart."""
    drawn: Block = {
        "type": "button",
        "text": plain(text, _BUTTON),
        "action_id": action_id,
        "value": value,
    }
    if style:
        drawn["style"] = style  # primary or danger; the plain one has no name
    if label:
        drawn["accessibility_label"] = plain_name(label, _BUTTON)
    if ask_first is not None:
        drawn["confirm"] = ask_first
    return drawn


def confirm(*, title: str, text: str, yes: str, no: str) -> Block:
    """The question that a button asks before it does anything."""
    return {
        "title": plain(title, 100),
        "text": plain(text, 300),
        "confirm": plain(yes, 30),
        "deny": plain(no, 30),
    }


def actions(*buttons: Block) -> Block:
    """A row of buttons."""
    return {"type": "actions", "elements": list(buttons)}


def plain(text: str, most: int) -> Block:
    """A plain_text object; what looks like an emoji's code stays text."""
    return {"type": "plain_text", "text": cut(clean(text), most), "emoji": False}


def length(blocks: Sequence[Block]) -> int:
    """All text of these blocks together, as Slack adds it up for its undocumented limit."""
    return sum(len(text) for text in _written(blocks))


def _written(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from _written(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _written(inner)


def _quoted_lines(text: str) -> Iterator[str]:
    entities = dict(_ESCAPES)
    for line in text.splitlines():
        part = ">"
        for character in line:
            escaped = entities.get(character, character)
            if len(part) + len(escaped) > _SECTION:
                yield part
                part = ">"
            part += escaped
        yield part


def _mrkdwn(text: str, most: int) -> Block:
    return {"type": "mrkdwn", "text": _cut_markup(text, most), "verbatim": True}


def _cut_markup(text: str, most: int) -> str:
    """Cut escaped text, but in no entity and in no `<…>`: half of one would be shown raw."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    for opening, closing in (("&", ";"), ("<", ">")):
        start = kept.rfind(opening)
        if start >= 0 and closing not in kept[start:]:
            kept = kept[:start]
    return kept + "…"
