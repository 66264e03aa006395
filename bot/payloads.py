"""Slack's payloads, read once: behind this there are no dictionaries.

Nothing here trusts a shape. A field that is missing or of another type reads as empty; what cannot
be taken at all is a `FormErrors`, or a value that the listeners answer with help.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.views import denial_modal, request_modal
from bot.views.request_modal import ORGANIZATION_KIND, TEAM_KIND, Kind
from workflows.domain.checks import MAX_REASON

_NAME = 500  # characters; no name in W&B is as long
_ID = 255  # characters; Slack's longest id, and longer than ours
_STUCK_ID = 2_000  # characters; an address and the name of a team, and what a button can carry


class FormErrors(Exception):
    """What is wrong with a form, by block id, in words for the person."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class RequestAccess:
    """`request-access TEAM ROLE DURATION REASON…`; what was left out is empty."""

    team: str = ""
    role: str = ""
    duration: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RequestRole:
    """`request-role ROLE DURATION REASON…`; what was left out is empty."""

    role: str = ""
    duration: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MyAccess:
    """`my-access`."""


@dataclass(frozen=True, slots=True)
class Approvals:
    """`approvals`."""


@dataclass(frozen=True, slots=True)
class Help:
    """`help`, nothing at all, or a word that no command begins with."""

    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A command that cannot be taken apart; the sentence says why."""

    sentence: str


Command = RequestAccess | RequestRole | MyAccess | Approvals | Help | Malformed


@dataclass(frozen=True, slots=True)
class Fields:
    """A submitted form. `team` and `role` as `request_modal.name_of` reads them."""

    team: str
    role: str
    duration: str
    reason: str


@dataclass(frozen=True, slots=True)
class Denial:
    """Which request is denied, and why; `on_home`: the Home tab is what the person looks at."""

    request_id: str
    reason: str
    on_home: bool = False


def command_of(text: object) -> Command:
    """What was typed after `/wandb`.

    Slack escapes `&`, `<` and `>` there (docs.slack.dev/interactivity/implementing-slash-commands).
    """
    words = _Words(_clean(_unescape(text)))
    word = words.word()
    try:
        match word.lower():
            case "" | "help":
                return Help()
            case "request-access":
                return RequestAccess(words.name(), words.name(), words.duration(), words.rest())
            case "request-role":
                return RequestRole(words.name(), words.duration(), words.rest())
            case "my-access":
                return MyAccess()
            case "approvals":
                return Approvals()
            case _:
                return Help(unknown=word)
    except _UnclosedQuote as unclosed:
        return Malformed(
            f"The quote that begins at {unclosed} has no end. "
            "Put names with spaces in quotes on both sides."
        )


def form_of(view: object) -> Fields:
    """The submitted `request_modal`. Raises `FormErrors` for a name that can be none."""
    fields = Fields(
        team=_value(view, request_modal.TEAM),
        role=_value(view, request_modal.ROLE),
        duration=_value(view, request_modal.DURATION),
        reason=_value(view, request_modal.REASON),
    )
    names = {request_modal.TEAM: fields.team, request_modal.ROLE: fields.role}
    absurd = {
        block: "There is nothing of that name in W&B. Pick one from the list."
        for block, name in names.items()
        if len(name) > _NAME
    }
    if absurd:
        raise FormErrors(absurd)
    return fields


def kind_of(view: object) -> Kind:
    """Which of the two forms was drawn."""
    metadata = _at(view, "private_metadata")
    return ORGANIZATION_KIND if metadata == ORGANIZATION_KIND else TEAM_KIND


def errors_for(kind: Kind, complaints: Mapping[str, str]) -> dict[str, str]:
    """The policy's complaints by the block ids of the form that was drawn.

    Slack refuses an error for a block that is not there: the organization's form has no team, so
    that goes to the role; as does what belongs to no field. Errors are plain text, so no backticks.
    """
    there = {request_modal.ROLE, request_modal.DURATION, request_modal.REASON}
    if kind == TEAM_KIND:
        there.add(request_modal.TEAM)
    errors: dict[str, str] = {}
    for field, sentence in complaints.items():
        block = field if field in there else request_modal.ROLE
        shown = sentence.replace("`", "")
        errors[block] = f"{errors[block]} {shown}" if block in errors else shown
    return errors


def denial_of(view: object) -> Denial:
    """The submitted `denial_modal`. Raises `FormErrors` for a reason missing or too long."""
    reason = _value(view, denial_modal.REASON).strip()
    if not reason:
        raise FormErrors({denial_modal.REASON: "Say why: the person who asked is told the reason."})
    if len(reason) > MAX_REASON:
        raise FormErrors(
            {
                denial_modal.REASON: f"That is {len(reason):,} characters; "
                f"say it in at most {MAX_REASON:,}."
            }
        )
    metadata = _id(_at(view, "private_metadata"))
    id = metadata.removesuffix(denial_modal.ON_HOME)
    return Denial(id, reason, on_home=id != metadata)


def request_id_of(action: object) -> str:
    """The request (or finding) that a button belongs to; empty when the button carries none."""
    return _id(_at(action, "value"))


def stuck_id_of(action: object) -> str:
    """What is stuck and a button is to have tried: a grant's id or a standing's key."""
    text = _text(_at(action, "value"))
    return text if len(text) <= _STUCK_ID else ""


def clicker_of(body: object) -> str:
    """The Slack user id of whoever did it, as Slack says and nobody else; empty when it does not.

    Interactions and suggestions have `user.id`, commands `user_id`, events `event.user`.
    """
    candidates = (_at(body, "user", "id"), _at(body, "user_id"), _at(body, "event", "user"))
    return next((id for id in map(_id, candidates) if id), "")


def origin_of(body: object) -> str:
    """The same for the same submission said twice: the form's id, or a command's trigger.

    With the person in it, so that no payload can answer one person with another's request.
    """
    who = clicker_of(body)
    is_form = _at(body, "type") == "view_submission"
    id = _id(_at(body, "view", "id")) if is_form else _id(_at(body, "trigger_id"))
    if not id:  # never seen of Slack; without one, two different wishes would be the same
        whole = json.dumps(body, sort_keys=True, default=str)
        id = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()
    return f"view:{who}:{id}" if is_form else f"trigger:{who}:{id}"


def typed_of(body: object) -> str:
    """What was typed so far into the searchable list of teams (`block_suggestion`)."""
    return _text(_at(body, "value"))


# The quotes that Slack's clients make of plain ones, by language; any of a family ends another.
_DOUBLE = '"\u201c\u201d\u201e'
_SINGLE = "'\u2018\u2019\u201a"
_TIME = re.compile(r"[0-9]{1,2}:[0-9]{2}", re.ASCII)


class _UnclosedQuote(Exception):
    """Says where the quote begins."""


class _Words:
    """The words of a command, taken from the front."""

    def __init__(self, text: str) -> None:
        self._left = text.strip()

    def name(self) -> str:
        """The next word, or all between quotes; empty when nothing is left.

        A quote ends before a space or the end, so that an apostrophe may stand inside.
        """
        family = next((each for each in (_DOUBLE, _SINGLE) if self._left[:1] in each), "")
        if not self._left or not family:
            return self.word()
        end = re.search(rf"[{family}](?=\s|$)", self._left[1:])
        if end is None:
            start = self._left[:20] + ("…" if len(self._left) > 20 else "")
            raise _UnclosedQuote(start)
        name = self._left[1 : 1 + end.start()]
        self._left = self._left[1 + end.end() :].lstrip()
        return name.strip()

    def duration(self) -> str:
        """One word, or two or three when the first is `until`.

        A time of day behind a day always belongs to it: as part of the reason it would be lost.
        """
        first = self.name()
        if first.lower() != "until":
            return first
        words = [first, self.word()]
        if _TIME.fullmatch(self._left.partition(" ")[0]):
            words.append(self.word())
        return " ".join(words).strip()

    def rest(self) -> str:
        """All that is left, as it was written."""
        return self._left

    def word(self) -> str:
        """What comes before the next space."""
        word = self._left.split(maxsplit=1)[:1]
        if not word:
            return ""
        self._left = self._left[len(word[0]) :].lstrip()
        return word[0]


def _unescape(text: object) -> str:
    """Once: what somebody typed as `&lt;` comes as `&amp;lt;` and is `&lt;` again."""
    if not isinstance(text, str):
        return ""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _clean(text: str) -> str:
    """Text that can be stored: PostgreSQL takes no NUL, and UTF-8 no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _text(value: object) -> str:
    return _clean(value) if isinstance(value, str) else ""


def _id(value: object) -> str:
    text = _text(value)
    return text if len(text) <= _ID else ""


def _at(value: object, *keys: str) -> Any:
    """What stands under these keys, one within the other; None when something else does."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _value(view: object, block: str) -> str:
    """The value of the one field in a block, whatever its kind."""
    inputs = _at(view, "state", "values", block)
    if not isinstance(inputs, dict):
        return ""
    for field in inputs.values():
        chosen = _at(field, "selected_option", "value")
        if isinstance(chosen, str):
            return _text(chosen)
        written = _at(field, "value")
        if isinstance(written, str):
            return _text(written)
    return ""
