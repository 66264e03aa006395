"""What a person reads: the visible text of a message or view, top to bottom.

mrkdwn is drawn as the client does (docs.slack.dev/messaging/formatting-message-text): a live
mention, link or broadcast becomes "@name", its label or "@channel", an escaped one stays the
characters that were written. So a test sees the difference. plain_text is not touched.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sandbox.slack_limits import options_of
from sandbox.slack_state import Json, Message, View

_TAG = re.compile(r"<([^<>]+)>")
_DATE_TOKEN = re.compile(r"\{(\w+)\}")


def text_of(
    shown: Message | View,
    *,
    tz: str = "UTC",
    now: datetime,
    names: Mapping[str, str] | None = None,
) -> str:
    """Return all visible text, a line for each block.

    `tz` is the reader's, for `<!date^…>`; `names` turns ids of people and channels into names.
    When a message has blocks its top-level text is not seen, so it is not here either.
    """
    reader = _Reader(ZoneInfo(tz), now, names or {})
    if isinstance(shown, Message):
        if not shown.blocks:
            return reader.mrkdwn(shown.text)
        return "\n".join(_lines(shown.blocks, reader))
    lines = list(_lines(shown.blocks, reader))
    if shown.kind == "modal":
        lines.insert(0, reader.words(shown.content["title"]))
        ends = [shown.content.get("close"), shown.content.get("submit")]
        lines.append(" ".join(f"[{reader.words(end)}]" for end in ends if end))
    return "\n".join(line for line in lines if line)


class _Reader:
    def __init__(self, zone: ZoneInfo, now: datetime, names: Mapping[str, str]) -> None:
        self._zone = zone
        self._now = now.astimezone(zone)
        self._names = names

    def words(self, text: Json | None) -> str:
        """Draw a text object."""
        if not text:
            return ""
        written = str(text["text"])
        return self.mrkdwn(written) if text["type"] == "mrkdwn" else written

    def mrkdwn(self, written: str) -> str:
        """Draw mrkdwn: references and dates are replaced, then the three escapes undone."""
        drawn = _TAG.sub(lambda tag: self._reference(tag[1]), written)
        return drawn.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

    def _reference(self, tag: str) -> str:
        what, _, label = tag.partition("|")
        if what.startswith("!date^"):
            return self._date(what.split("^"), label)
        if what[:1] in ("@", "#"):
            return what[0] + self._names.get(what[1:], label or what[1:])
        if what.startswith("!"):
            return "@" + (label or what[1:].split("^")[0]).removeprefix("@")
        return label or what

    def _date(self, parts: list[str], fallback: str) -> str:
        try:
            at = datetime.fromtimestamp(int(parts[1]), self._zone)
        except (IndexError, ValueError, OverflowError):
            return fallback
        return _DATE_TOKEN.sub(lambda token: self._token(token[1], at) or token[0], parts[2])

    def _token(self, name: str, at: datetime) -> str | None:
        if name.endswith("_pretty"):
            days = (at.date() - self._now.date()).days
            near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days)
            return near or self._token(name.removesuffix("_pretty"), at)
        hour = f"{at.hour % 12 or 12}:{at:%M}"
        half = "AM" if at.hour < 12 else "PM"
        drawn = {
            "date_num": f"{at:%Y-%m-%d}",
            "date": f"{at:%B} {_ordinal(at)}, {at.year}",
            "date_long": f"{at:%A}, {at:%B} {_ordinal(at)}, {at.year}",
            "date_short": f"{at:%b} {at.day}, {at.year}",
            "time": f"{hour} {half}",
            "time_secs": f"{hour}:{at:%S} {half}",
            "ago": _ago(at - self._now),
        }
        return drawn.get(name)


def _ordinal(at: date) -> str:
    teen = 11 <= at.day <= 13
    return f"{at.day}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(at.day % 10, 'th')}"


def _ago(ahead: timedelta) -> str:
    seconds = abs(ahead.total_seconds())
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            span = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"in {span}" if ahead > timedelta() else f"{span} ago"
    return "just now"


def _lines(blocks: list[Json], reader: _Reader) -> Iterator[str]:
    for block in blocks:
        yield " ".join(part for part in _parts(block, reader) if part)


def _parts(block: Json, reader: _Reader) -> Iterator[str]:
    match block["type"]:
        case "section":
            yield reader.words(block.get("text"))
            for one in block.get("fields", ()):
                yield "\n" + reader.words(one)
            if "accessory" in block:
                yield _element(block["accessory"], reader)
        case "header":
            yield reader.words(block["text"])
        case "context" | "actions":
            for one in block["elements"]:
                yield _element(one, reader)
        case "input":
            yield f"{reader.words(block['label'])}:"
            yield _element(block["element"], reader)
            yield reader.words(block.get("hint"))
        case "divider":
            yield "---"
        case "image":
            yield reader.words(block.get("title")) or str(block["alt_text"])
        case "markdown":
            yield str(block["text"])
        case "alert":
            yield reader.words(block["text"])
        case "rich_text" | "table":
            yield from _bare_texts(block)
        case _:
            pass  # nothing to read


def _bare_texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        else:
            for inner in value.values():
                yield from _bare_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _bare_texts(inner)


def _element(element: Json, reader: _Reader) -> str:
    match element["type"]:
        case "plain_text" | "mrkdwn":
            return reader.words(element)
        case "button":
            return f"[{reader.words(element['text'])}]"
        case "image":
            return str(element["alt_text"])
        case "overflow" | "radio_buttons" | "checkboxes":
            chosen = [element.get("initial_option"), *element.get("initial_options", ())]
            return " ".join(
                f"({'x' if option in chosen else ' '}) {_option(option, reader)}"
                for option in options_of(element)
            )
        case _:
            pass  # a field: what it starts with, below
    for field in ("initial_value", "initial_date", "initial_time", "initial_date_time"):
        if field in element:
            return str(element[field])
    if "initial_option" in element:
        return _option(element["initial_option"], reader)
    return f"({reader.words(element.get('placeholder'))})" if "placeholder" in element else ""


def _option(option: Json, reader: _Reader) -> str:
    description = reader.words(option.get("description"))
    return reader.words(option["text"]) + (f" - {description}" if description else "")
