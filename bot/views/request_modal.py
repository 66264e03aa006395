"""The form in which access is asked for, and the search behind its list of teams.

One form for both kinds: a role in a team, and a role in the organization, which has no team field.
"""

import hashlib
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bot.views import blocks
from bot.views.blocks import Block
from workflows.domain.checks import MAX_REASON

CALLBACK_ID = "request_modal"
TEAM, ROLE, DURATION, REASON = "team", "role", "duration", "reason"  # block ids
TEAM_CHOICE = "team_choice"  # action ids
TEAM_SEARCH = "team_search"  # of the searchable list: its `block_suggestion` names it
ROLE_CHOICE = "role_choice"
DURATION_INPUT = "duration_input"
REASON_INPUT = "reason_input"

Kind = Literal["team", "organization"]
TEAM_KIND: Kind = "team"
ORGANIZATION_KIND: Kind = "organization"

_OPTIONS = 100  # in one select menu
_OPTION = 75  # characters of an option's text and of its value
_DURATION = 60  # characters; the longest that is understood is `until wednesday`, or a date
_DIGEST = "#"  # begins the value of an option whose name is too long to be one


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the form offers, and what it is filled with already.

    `notes` are sentences to be read first, plain text. `default_duration` as typed (`8h`).
    """

    kind: Kind
    teams: Sequence[str] = ()
    roles: Sequence[str]
    team: str = ""
    role: str = ""
    duration: str = ""
    reason: str = ""
    default_duration: str
    permanent: bool = False
    reason_required: bool = True
    notes: Sequence[str] = ()


def draw(form: Form) -> Block:
    """The modal; one that only says why, and what to do, when there is nothing to ask for."""
    form = replace(form, teams=_offered(form.teams), roles=_offered(form.roles)[:_OPTIONS])
    empty = _nothing_to_ask_for(form)
    view: Block = {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "private_metadata": form.kind,
        "title": blocks.plain("Request access", 24),
        "close": blocks.plain("Close" if empty else "Cancel", 24),
        "blocks": [blocks.section(note) for note in map(blocks.escape, form.notes) if note.strip()],
    }
    if empty:
        view["blocks"].append(blocks.section(empty))
        return view
    view["submit"] = blocks.plain("Send request", 24)
    if len(form.reason) > MAX_REASON:
        view["blocks"].append(
            blocks.section(f"Your reason was cut: it may have at most {MAX_REASON:,} characters.")
        )
    if form.kind == TEAM_KIND:
        view["blocks"].append(_team(form))
    else:
        view["blocks"].append(blocks.section("A role in the whole W&amp;B organization."))
    view["blocks"] += [_role(form), _duration(form), _reason(form)]
    return view


def options(teams: Iterable[str], typed: str) -> list[Block]:
    """The teams that fit what was typed so far, best first: for a `block_suggestion`."""
    wanted = typed.strip().casefold()

    def fit(found: tuple[str, str]) -> tuple[int, str]:
        folded, _ = found
        if folded == wanted:
            return 0, folded
        return (1 if folded.startswith(wanted) else 2), folded

    named = ((team.casefold(), team) for team in _offered(teams))
    found = [one for one in named if wanted in one[0]]
    return [_option(team) for _, team in sorted(found, key=fit)[:_OPTIONS]]


def value_of(name: str) -> str:
    """What an option carries: the name itself, or a digest of one that is too long."""
    if len(name) <= _OPTION and not name.startswith(_DIGEST):
        return name
    return _DIGEST + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]


def name_of(value: str, names: Iterable[str]) -> str:
    """The name that an option's value stands for; the value itself when it stands for none.

    Slack's clients have been seen to escape `&` in the value that comes back.
    """
    every = list(names)
    for candidate in (value, html.unescape(value)):
        if candidate in every:
            return candidate
        for name in every:
            if value_of(name) == candidate:
                return name
    return value


def _nothing_to_ask_for(form: Form) -> str:
    if form.kind == TEAM_KIND and not form.teams:
        return (
            "There is no W&amp;B team that you can ask for here. If you expected one, ask a "
            "W&amp;B organization admin: the team may be new, or closed to requests by the policy."
        )
    if not form.roles:
        return (
            "There is no role that you can ask for here. If you expected one, ask a W&amp;B "
            "organization admin: the policy may leave it out."
        )
    return ""


def _team(form: Form) -> Block:
    chosen = _chosen(form.team, form.teams)
    menu: Block = {"placeholder": blocks.plain("Pick a team", 150)}
    if len(form.teams) <= _OPTIONS:
        menu |= {
            "type": "static_select",
            "action_id": TEAM_CHOICE,
            "options": [_option(team) for team in form.teams],
        }
    else:
        menu |= {"type": "external_select", "action_id": TEAM_SEARCH, "min_query_length": 0}
        menu["placeholder"] = blocks.plain("Type a part of the team's name", 150)
    if chosen:
        menu["initial_option"] = _option(chosen)
    return _input(TEAM, "Team", menu)


def _role(form: Form) -> Block:
    menu: Block = {
        "type": "static_select",
        "action_id": ROLE_CHOICE,
        "placeholder": blocks.plain("Pick a role", 150),
        "options": [_option(role) for role in form.roles],
    }
    if chosen := _chosen(form.role, form.roles):
        menu["initial_option"] = _option(chosen)
    return _input(ROLE, "Role", menu)


def _duration(form: Form) -> Block:
    field: Block = {
        "type": "plain_text_input",
        "action_id": DURATION_INPUT,
        "max_length": _DURATION,
    }
    if initial := blocks.clean(form.duration or form.default_duration)[:_DURATION]:
        field["initial_value"] = initial
    hint = "For example 45m, 8h, 3d, 2w, until friday or until 2026-12-24"
    hint += ", or permanent." if form.permanent else "."
    hint += " It starts when it is approved."
    return _input(DURATION, "Duration", field, hint=hint)


def _reason(form: Form) -> Block:
    field: Block = {
        "type": "plain_text_input",
        "action_id": REASON_INPUT,
        "multiline": True,
        "max_length": MAX_REASON,
    }
    if initial := blocks.clean(form.reason)[:MAX_REASON]:
        field["initial_value"] = initial
    drawn = _input(
        REASON, "Reason", field, hint="What for, and why now? The people who decide read this."
    )
    return drawn if form.reason_required else {**drawn, "optional": True}


def _input(block_id: str, label: str, element: Block, *, hint: str = "") -> Block:
    drawn: Block = {
        "type": "input",
        "block_id": block_id,
        "label": blocks.plain(label, 100),
        "element": element,
    }
    if hint:
        drawn["hint"] = blocks.plain(hint, 200)
    return drawn


def _offered(names: Iterable[str]) -> list[str]:
    """Each name once; a blank one cannot be an option."""
    return [name for name in dict.fromkeys(names) if name.strip()]


def _option(name: str) -> Block:
    shown = {"type": "plain_text", "text": blocks.plain_name(name, _OPTION), "emoji": False}
    return {"text": shown, "value": value_of(name)}


def _chosen(typed: str, offered: Sequence[str]) -> str:
    """What is offered of this name: exactly, or the only one that differs in nothing but case."""
    if typed in offered:
        return typed
    alike = [name for name in offered if name.casefold() == typed.casefold()]
    return alike[0] if len(alike) == 1 else ""
