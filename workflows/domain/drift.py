"""What somebody else changed: noted once for each finding, and what a person decides about it.

Nothing is adopted or undone silently. Either a person says so (the buttons under the alert), or the
policy does (`drift: enforce`), or a later approval goes over it; each leaves a fact.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from workflows.domain.entitlements import Role, role_from_text, role_to_text
from workflows.domain.events import (
    BOT,
    Change,
    DriftAdopted,
    DriftAsked,
    DriftFound,
    DriftGone,
    DriftPutBack,
    LeftoverFound,
    OtherRolesChanged,
    PriorNoted,
    PutBackRefused,
)
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.planning import Hand, Plan
from workflows.domain.standings import Standing, is_unsettled, ours, wanted

# A standing's `drift` is what was found (`nothing`, `viewer`), as long as it is a person's turn;
# with one of these before it that it is ours; or this one word.
_FIGHTING, _REFUSED = "fighting ", "refused "
LEFTOVER = "leftover"  # something of ours is there that cannot be removed
RESOLVED = "resolved"  # a person has settled it by hand: it is looked at, and no alarm is raised
NOTHING = "nothing"


def found_text(held: Role | None) -> str:
    """How what was found is stored."""
    return role_to_text(held) or NOTHING


def found_role(text: str) -> Role | None:
    """The other way round of `found_text`."""
    return None if text == NOTHING else role_from_text(text)


def token(row: int, subject: str, found: str) -> str:
    """Names a finding in a button: another database's row of that number is another finding."""
    digest = hashlib.sha256(f"{subject}\n{found}".encode()).hexdigest()
    return f"{row}-{digest[:32]}"


def row_of(text: str) -> int | None:
    """The audit row that a token names; nothing is known of the rest of it yet."""
    named = re.fullmatch("([0-9]{1,18})-[0-9a-f]{32}", text)
    return int(named[1]) if named else None


def note(standing: Standing, held: Role | None, plan: Plan, *, now: datetime) -> Change[Standing]:
    """Somebody else changed it. The same finding again is no news, whatever is done about it."""
    assert plan.hand is not None, "there is a hand to tell of"
    found = found_text(held)
    state = (_FIGHTING if plan.hand is Hand.PUT_BACK else "") + found
    if standing.drift in (state, _REFUSED + found):
        return Change(standing)
    drift = DriftFound(
        subject=standing.key,
        at=now,
        actor=BOT,
        expected=tuple(sorted(found_text(role) for role in ours(standing))),
        found=found,
        wanted=found_text(plan.wanted),
        done=plan.hand.value,
    )
    return Change(replace(standing, drift=state), (drift,))


def go_over(
    standing: Standing, grants: Sequence[Grant], held: Role | None, *, now: datetime
) -> Change[Standing]:
    """A later approval is carried out over what a hand set: from here that is what was before.

    The end puts it back, be it more or less than `prior`, and what the hand took does not return.
    More than `prior` soon after a write of ours may be an old reading of what another grant gave;
    then it is not theirs to keep.
    """
    given = {grant.role for grant in grants if grant.status is not GrantStatus.ISSUED}
    is_more = held is not None and (standing.prior is None or not standing.prior.covers(held))
    is_given = is_more and held in given and is_unsettled(standing, held, now=now)
    prior = standing.prior if is_given else held
    noted = PriorNoted(subject=standing.key, at=now, actor=BOT, held=role_to_text(prior))
    over = replace(standing, prior=prior, prior_at=now, last_seen=held, overruled_at=now, drift="")
    return Change(over, (noted,))


def done(standing: Standing, plan: Plan) -> Standing:
    """It is as planned: a fight more where policy put it back; what was refused before is over."""
    if plan.hand is Hand.PUT_BACK:
        standing = replace(standing, fights=standing.fights + 1)
    return replace(standing, drift="") if standing.drift.startswith(_REFUSED) else standing


def is_known(standing: Standing, held: Role | None) -> bool:
    """Whether this was found before, and told."""
    return standing.drift in (found_text(held), _REFUSED + found_text(held))


def is_open(standing: Standing, found: str) -> bool:
    """Whether this finding still waits for a person's word."""
    return standing.drift == found


def waits(standing: Standing) -> bool:
    """Whether there is a finding that waits for a person's word."""
    ours = standing.drift in ("", LEFTOVER, RESOLVED)
    return not ours and not standing.drift.startswith((_FIGHTING, _REFUSED))


def gone(standing: Standing, *, now: datetime) -> Change[Standing]:
    """W&B is as it should be: nothing is left to decide, and the next finding is news again."""
    if not waits(standing):
        return Change(standing)
    right = DriftGone(subject=standing.key, at=now, actor=BOT)
    return Change(replace(standing, drift=""), (right,))


def adopt(standing: Standing, *, finding: int, by: str, now: datetime) -> Change[Standing]:
    """What was found is right: it is what was there before, and no end removes it.

    Live grants stay and end as they would, but what the hand took of them does not come back.
    """
    found = found_role(standing.drift)
    adopted = DriftAdopted(
        subject=standing.key,
        at=now,
        actor=by,
        finding=finding,
        before=found_text(standing.prior),
        after=standing.drift,
    )
    base = replace(standing, prior=found, prior_at=now, last_seen=found, overruled_at=now, drift="")
    return Change(base, (adopted,))


def put_back(
    standing: Standing, grants: Sequence[Grant], *, finding: int, by: str, now: datetime
) -> Change[Standing]:
    """What was found is to be undone: it counts as ours from here, and `ensure` does the rest."""
    found = found_role(standing.drift)
    event = DriftPutBack(
        subject=standing.key,
        at=now,
        actor=by,
        finding=finding,
        before=standing.drift,
        after=found_text(wanted(standing, grants)),
    )
    # Where nothing is open, only what may still land is looked at.
    unanswered = standing.unanswered if standing.noted else (*standing.unanswered, found)
    mine = replace(standing, last_seen=found, unanswered=unanswered, drift="")
    return Change(mine, (event,))


def ask(
    standing: Standing, grants: Sequence[Grant], *, finding: int, by: str, now: datetime
) -> Change[Standing]:
    """Let the person say what the change was for; nothing is decided by that."""
    asked = DriftAsked(
        subject=standing.key,
        at=now,
        actor=by,
        finding=finding,
        found=standing.drift,
        wanted=found_text(wanted(standing, grants)),
    )
    return Change(standing, (asked,))


def note_refused(standing: Standing, *, reason: str, now: datetime) -> Change[Standing]:
    """What is to be put back cannot be yet. Told once; tried as long as it is wanted."""
    if standing.drift.startswith(_REFUSED):
        return Change(standing)
    found = standing.drift.removeprefix(_FIGHTING) or found_text(standing.last_seen)
    refused = PutBackRefused(subject=standing.key, at=now, actor=BOT, reason=reason)
    return Change(replace(standing, drift=_REFUSED + found), (refused,))


def note_leftover(standing: Standing, *, reason: str, now: datetime) -> Change[Standing]:
    """What landed late cannot be taken back. Told once; tried for ever."""
    if standing.drift in (LEFTOVER, RESOLVED):
        return Change(standing)
    found = LeftoverFound(subject=standing.key, at=now, actor=BOT, reason=reason)
    return Change(replace(standing, drift=LEFTOVER), (found,))


def lost_others(
    before: Mapping[str, str] | None, after: Mapping[str, str] | None
) -> Mapping[str, str]:
    """The roles in other teams that are no longer what they were: team → role name."""
    if before is None or after is None:
        return {}
    return {team: role for team, role in before.items() if after.get(team) != role}


def note_others(
    standing: Standing,
    before: Mapping[str, str],
    after: Mapping[str, str] | None,
    *,
    put_back: bool,
    now: datetime,
) -> Change[Standing]:
    """Roles elsewhere changed while we wrote: an alarm."""
    changed = OtherRolesChanged(
        subject=standing.key,
        at=now,
        actor=BOT,
        before=_pairs(before),
        after=_pairs(after or {}),
        put_back=put_back,
    )
    return Change(replace(standing, others=None), (changed,))


def _pairs(roles: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{team}: {role}" for team, role in sorted(roles.items()))
