"""The words in which Slack's limits are written: one small checker for each kind of value.

A checker looks at one JSON value and adds what Slack would complain about, each complaint with the
JSON pointer of the value ("no more than 25 items allowed [json-pointer:/blocks/1/elements]").
Which block has which field stands in `slack_blocks`. Numbers are those of Slack's Block Kit
reference (docs.slack.dev/reference/block-kit); where its pages differ, the smaller one.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
VIEW_BYTES = 250_000
VIEW_STACK = 3
ID = 255
PRIVATE_METADATA = 3_000
POST_TEXT = 40_000  # longer is cut, silently
UPDATE_TEXT = 4_000  # longer is refused: chat.update answers msg_too_long
# Undocumented, measured by others (github.com/slackapi/bolt-js/issues/2509).
ALL_BLOCK_TEXT = 13_200
RESPONSE_URL_USES = 5
RESPONSE_URL_SECONDS = 30 * 60
ANSWER_SECONDS = 3.0  # that a delivery waits for its answer, and a trigger id lives
SUGGESTIONS = 100

Problems = list[str]
Check = Callable[[Any, str, Problems], None]


def complain(problems: Problems, text: str, pointer: str) -> None:
    """Add one complaint in the words of Slack's `response_metadata.messages`."""
    problems.append(f"{text} [json-pointer:{pointer}]")


def anything(value: Any, at: str, problems: Problems) -> None:
    """Accept what this stand-in does not know in detail, but never null: Slack refuses that."""
    if value is None:
        complain(problems, "must not be null", at)


def string(most: int, least: int = 1) -> Check:
    """A string of `least` to `most` characters."""

    def check(value: Any, at: str, problems: Problems) -> None:
        if not isinstance(value, str):
            complain(problems, "must provide a string", at)
        elif len(value) < least:
            complain(problems, f"must be more than {least - 1} characters", at)
        elif len(value) > most:
            complain(problems, f"must be less than {most + 1} characters", at)

    return check


def boolean(value: Any, at: str, problems: Problems) -> None:
    """True or false, and no string that says so."""
    if not isinstance(value, bool):
        complain(problems, "must provide a boolean", at)


def integer(least: int, most: int) -> Check:
    """A whole number within bounds, both allowed."""

    def check(value: Any, at: str, problems: Problems) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            complain(problems, "must provide a number", at)
        elif not least <= value <= most:
            complain(problems, f"must be between {least} and {most}", at)

    return check


def one_of(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: Any, at: str, problems: Problems) -> None:
        if value not in allowed:
            complain(problems, f"must be one of: {', '.join(allowed)}", at)

    return check


def url(value: Any, at: str, problems: Problems) -> None:
    """An address of at most 3,000 characters that a client can open."""
    string(3_000)(value, at, problems)
    if isinstance(value, str) and not re.match(r"(https?|slack|mailto):", value):
        complain(problems, "must be a valid url", at)


def day(value: Any, at: str, problems: Problems) -> None:
    """A real day as YYYY-MM-DD."""
    try:
        valid = isinstance(value, str) and len(value) == 10 and bool(date.fromisoformat(value))
    except ValueError:
        valid = False
    if not valid:
        complain(problems, "must be a valid date in the format YYYY-MM-DD", at)


def clock_time(value: Any, at: str, problems: Problems) -> None:
    """A time of day as HH:mm, 24 hours."""
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        complain(problems, "must be a valid time in the format HH:mm", at)


def items(check_one: Check, least: int, most: int) -> Check:
    """A list of `least` to `most` values, each of which passes `check_one`."""

    def check(value: Any, at: str, problems: Problems) -> None:
        if not isinstance(value, list):
            complain(problems, "must provide an array", at)
            return
        if len(value) < least:
            complain(problems, f"no fewer than {least} items allowed", at)
        if len(value) > most:
            complain(problems, f"no more than {most} items allowed", at)
        for position, one in enumerate(value):
            check_one(one, f"{at}/{position}", problems)

    return check


def shape(
    required: Mapping[str, Check],
    optional: Mapping[str, Check] | None = None,
    *extra: Check,
) -> Check:
    """An object with these fields and no others; `extra` are rules about more than one field."""
    known = {**(optional or {}), **required}

    def check(value: Any, at: str, problems: Problems) -> None:
        if not isinstance(value, dict):
            complain(problems, "must provide an object", at)
            return
        for field in required.keys() - value.keys():
            complain(problems, f"missing required field: {field}", at)
        for field, inner in value.items():
            if field not in known:
                complain(problems, f"invalid additional property: {field}", at)
            else:
                known[field](inner, f"{at}/{field}", problems)
        for rule in extra:
            rule(value, at, problems)

    return check


def tagged(shapes: Mapping[str, Check]) -> Check:
    """An object whose `type` says which of `shapes` it has."""

    def check(value: Any, at: str, problems: Problems) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind is None:
            complain(problems, "missing required field: type", at)
        elif kind not in shapes:
            complain(problems, f"unsupported type: {kind}", f"{at}/type")
        else:
            shapes[kind](value, at, problems)

    return check


def plain(most: int) -> Check:
    """A plain_text object."""
    return shape({"type": one_of("plain_text"), "text": string(most)}, {"emoji": boolean})


def text(most: int) -> Check:
    """A plain_text or mrkdwn object."""
    return tagged(
        {
            "plain_text": plain(most),
            "mrkdwn": shape(
                {"type": one_of("mrkdwn"), "text": string(most)}, {"verbatim": boolean}
            ),
        }
    )


OPTION_FIELDS: Mapping[str, Check] = {"text": text(75), "value": string(75)}
PLAIN_OPTION = shape(
    {"text": plain(75), "value": string(75)}, {"description": plain(75), "url": url}
)
OPTION = shape(OPTION_FIELDS, {"description": text(75)})
OPTION_GROUP = shape({"label": plain(75), "options": items(PLAIN_OPTION, 1, 100)})
CONFIRM = shape(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)


def options_of(element: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All options an element draws, those in groups included, in reading order."""
    found = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        found += group.get("options") or []
    return [option for option in found if isinstance(option, dict)]


def initial_is_an_option(element: Any, at: str, problems: Problems) -> None:
    """What is chosen at first has to equal one of the options exactly, text and description too."""
    options = options_of(element)
    chosen = [("initial_option", element.get("initial_option"))]
    chosen += [("initial_options", one) for one in element.get("initial_options") or []]
    for field, initial in chosen:
        if initial is not None and initial not in options:
            complain(problems, "must match an option exactly", f"{at}/{field}")


def options_or_groups(element: Any, at: str, problems: Problems) -> None:
    """A static menu has options or option groups, one of them."""
    if ("options" in element) == ("option_groups" in element):
        complain(problems, "exactly one of options and option_groups is required", at)


def different_values(element: Any, at: str, problems: Problems) -> None:
    """Two options of one menu with one value could not be told apart when they come back.

    Stricter than what Slack documents.
    """
    seen: set[Any] = set()
    for option in options_of(element):
        value = str(option.get("value"))
        if value in seen:
            complain(problems, f"duplicate option value: {value}", at)
        seen.add(value)


def find_doubles(values: Iterable[tuple[str, str]], what: str, problems: Problems) -> None:
    """Complain of each (pointer, id) whose id came before."""
    seen: set[str] = set()
    for at, value in values:
        if value in seen:
            complain(problems, f"{what} {value} already exists", at)
        seen.add(value)
