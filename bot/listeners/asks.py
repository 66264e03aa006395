"""From the fields of a form, or the words of a command, to an `Ask`."""

import difflib
from collections.abc import Iterable

from bot.payloads import Fields
from bot.people import Member
from bot.views import request_modal
from bot.views.request_modal import ORGANIZATION_KIND, Kind
from workflows.domain import durations
from workflows.domain.entitlements import Organization, Place, Role, Team
from workflows.domain.requests import Ask
from workflows.domain.roster import Roster
from workflows.errors import PolicyRefused
from workflows.services.deps import Deps


def ask_of(deps: Deps, member: Member, kind: Kind, fields: Fields, origin: str) -> Ask:
    """The ask, in domain values. Raises `PolicyRefused` with everything that cannot be read.

    A team or role that the stored roster does not know is looked for in a newer one first.
    """
    try:
        return _ask(deps, deps.rosters.recent(), member, kind, fields, origin)
    except PolicyRefused as refused:
        if not {"team", "role"} & refused.complaints.keys():
            raise
    return _ask(deps, deps.rosters.newer(), member, kind, fields, origin)


def _ask(
    deps: Deps, roster: Roster, member: Member, kind: Kind, fields: Fields, origin: str
) -> Ask:
    complaints: dict[str, str] = {}
    place = _place(roster, kind, fields.team, complaints)
    role = _role(roster, kind, fields.role, complaints)
    duration: durations.Duration = durations.Permanent()
    try:
        duration = durations.parse(fields.duration, tz=member.tz, now=deps.clock())
    except PolicyRefused as refused:
        complaints |= refused.complaints
    if complaints or role is None:
        raise PolicyRefused(complaints)
    return Ask(member.email, place, role, duration, fields.reason.strip(), origin)


def _place(roster: Roster, kind: Kind, team: str, complaints: dict[str, str]) -> Place:
    if kind == ORGANIZATION_KIND:
        return Organization()
    name = request_modal.name_of(team, roster.teams)
    if not name:
        complaints["team"] = "Say which team. Pick one from the list."
    elif name not in roster.teams:
        complaints["team"] = (
            f"There is no team “{_short(name)}” in W&B. {_hint(name, roster.teams)}"
        )
    return Team(name)


def _hint(name: str, teams: Iterable[str]) -> str:
    """The team that was probably meant; else what to do about a name."""
    folded = {team.casefold(): team for team in teams}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.75)
    longer = [team for key, team in folded.items() if key.startswith(name.casefold() + " ")]
    meant = folded[close[0]] if close else (longer[0] if len(longer) == 1 else "")
    if meant:
        return f"Did you mean “{_short(meant)}”? In a command, put names with spaces in quotes."
    return "Pick one from the list; in a command, put names with spaces in quotes."


def _role(roster: Roster, kind: Kind, typed: str, complaints: dict[str, str]) -> Role | None:
    known: tuple[str, ...] = ("member", "admin")
    if kind != ORGANIZATION_KIND:
        known = ("viewer", *known, *sorted(roster.custom_roles))
    name = request_modal.name_of(typed, known)
    role = roster.find_role(name)
    if role is None:
        what = f"There is no role “{_short(name)}”." if name else "Say which role."
        complaints["role"] = f"{what} The roles are: {_short(', '.join(known), 300)}."
    return role


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
