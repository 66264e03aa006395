"""What somebody else changed: noted once for each finding, and what a person decides about it.

Nothing is adopted or undone silently. Either a person says so (the buttons under the alert), or the
policy does (`drift: enforce`), or a later approval goes over it; each leaves a fact.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

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
from workflows.domain.standings import Standing, is_overruled, is_unsettled, ours, wanted

NOTHING = "nothing"


class FindingState(StrEnum):
    """Where a finding stands; the table is `Finding`'s."""

    NONE = "none"
    WAITS = "waits"
    FIGHTING = "fighting"
    REFUSED = "refused"
    LEFTOVER = "leftover"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a standing's `drift` says. `found` is what W&B showed (`viewer`, `nothing`).

    state     stored as         it means                         whose turn    it ends when
    --------  ----------------  -------------------------------  ------------  -------------------
    none                        nothing that needs explaining    nobody's      something is found
    waits     `viewer`          somebody else set it: left       an org admin  decided, gone over
                                                                               or right again
    fighting  `fighting viewer` the same, put back by policy     the policy's  something else is
                                                                               found
    refused   `refused viewer`  to be put back, and W&B or a     the bot's     it is put back
                                fence does not allow it yet
    leftover  `leftover`        a write of ours landed after     the bot's, or nothing is left, or
                                its end and cannot be removed    a person's    settled by hand
    resolved  `resolved`        settled by hand: looked at, and  nobody's      something is given
                                no alarm is raised

    Whatever it is, it is over when the next grant is the first there again.
    """

    state: FindingState = FindingState.NONE
    found: str = ""

    @property
    def text(self) -> str:
        """How it is stored."""
        match self.state:
            case FindingState.NONE | FindingState.WAITS:
                return self.found
            case FindingState.FIGHTING | FindingState.REFUSED:
                return f"{self.state} {self.found}"
            case FindingState.LEFTOVER | FindingState.RESOLVED:
                return self.state.value
            case _:
                assert_never(self.state)

    def is_about(self, held: Role | None) -> bool:
        """Whether this is what was found."""
        return self.found == found_text(held)


def finding_of(standing: Standing) -> Finding:
    """The other way round of `text`; a role's name begins with a word that is no state."""
    word, _, found = standing.drift.partition(" ")
    match word:
        case "":
            return Finding()
        case FindingState.FIGHTING | FindingState.REFUSED:
            return Finding(FindingState(word), found)
        case FindingState.LEFTOVER | FindingState.RESOLVED:
            return Finding(FindingState(word))
        case _:
            return Finding(FindingState.WAITS, standing.drift)


def with_finding(standing: Standing, state: FindingState, found: str = "") -> Standing:
    """The standing, and what is known of it from here on."""
    return replace(standing, drift=Finding(state, found).text)


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
    state = FindingState.FIGHTING if plan.hand is Hand.PUT_BACK else FindingState.WAITS
    known = finding_of(standing)
    if known.state in (state, FindingState.REFUSED) and known.found == found:
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
    return Change(with_finding(standing, state, found), (drift,))


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
    over = replace(standing, prior=prior, prior_at=now, last_seen=held, overruled_at=now)
    return Change(with_finding(over, FindingState.NONE), (noted,))


def done(standing: Standing, plan: Plan) -> Standing:
    """It is as planned: a fight more where policy put it back; what was refused before is over."""
    if plan.hand is Hand.PUT_BACK:
        standing = replace(standing, fights=standing.fights + 1)
    if finding_of(standing).state is FindingState.REFUSED:
        return with_finding(standing, FindingState.NONE)
    return standing


def is_known(standing: Standing, held: Role | None) -> bool:
    """Whether this was found before, and told."""
    known = finding_of(standing)
    told = known.state in (FindingState.WAITS, FindingState.REFUSED)
    return told and known.is_about(held)


def is_open(standing: Standing, found: str) -> bool:
    """Whether this finding still waits for a person's word."""
    return finding_of(standing) == Finding(FindingState.WAITS, found)


def waits(standing: Standing) -> bool:
    """Whether there is a finding that waits for a person's word."""
    return finding_of(standing).state is FindingState.WAITS


class Word(StrEnum):
    """What people say to it that somebody changed what a live grant gave."""

    ASKED = "asked"  # the organization's admins, who have not decided yet
    LEFT = "left"  # adopted, or gone over by a later approval: it counts no more
    PUT_BACK = "put back"  # that is wanted, and not done yet


@dataclass(frozen=True, slots=True)
class Instead:
    """What W&B shows in place of what a live grant gave, by somebody else's hand."""

    held: Role | None
    word: Word


def instead_of(standing: Standing, grant: Grant, *, failing: bool = False) -> Instead | None:
    """What its messages say beside “active”; None: it is there, or will be in a moment.

    `failing`: what is to be done there does not work just now, so that moment is not near.

    A custom role that was deleted, and left what it inherits from, is nobody's word.
    """
    if grant.status is not GrantStatus.ACTIVE:
        return None
    known = finding_of(standing)
    word = _word_on(known.state, failing=failing)
    if word is not None:
        return None if known.is_about(grant.role) else Instead(found_role(known.found), word)
    held = standing.last_seen
    if held is not None and held.rank >= grant.role.rank:
        return None
    return Instead(held, Word.LEFT if is_overruled(standing, grant) else Word.PUT_BACK)


def _word_on(state: FindingState, *, failing: bool) -> Word | None:
    """What is said to a finding that still counts; None: what was last seen there counts."""
    if state is FindingState.WAITS:
        return Word.ASKED
    if state is FindingState.REFUSED or (state is FindingState.FIGHTING and failing):
        return Word.PUT_BACK
    return None


def gone(standing: Standing, *, now: datetime) -> Change[Standing]:
    """W&B is as it should be: nothing is left to decide, and the next finding is news again."""
    if not waits(standing):
        return Change(standing)
    right = DriftGone(subject=standing.key, at=now, actor=BOT)
    return Change(with_finding(standing, FindingState.NONE), (right,))


def adopt(standing: Standing, *, finding: int, by: str, now: datetime) -> Change[Standing]:
    """What was found is right: it is what was there before, and no end removes it.

    Live grants stay and end as they would, but what the hand took of them does not come back.
    """
    known = finding_of(standing)
    found = found_role(known.found)
    adopted = DriftAdopted(
        subject=standing.key,
        at=now,
        actor=by,
        finding=finding,
        before=found_text(standing.prior),
        after=known.found,
    )
    base = replace(standing, prior=found, prior_at=now, last_seen=found, overruled_at=now)
    return Change(with_finding(base, FindingState.NONE), (adopted,))


def put_back(
    standing: Standing, grants: Sequence[Grant], *, finding: int, by: str, now: datetime
) -> Change[Standing]:
    """What was found is to be undone: it counts as ours from here, and `ensure` does the rest."""
    known = finding_of(standing)
    found = found_role(known.found)
    event = DriftPutBack(
        subject=standing.key,
        at=now,
        actor=by,
        finding=finding,
        before=known.found,
        after=found_text(wanted(standing, grants)),
    )
    # Where nothing is open, only what may still land is looked at.
    unanswered = standing.unanswered if standing.noted else (*standing.unanswered, found)
    mine = replace(standing, last_seen=found, unanswered=unanswered)
    return Change(with_finding(mine, FindingState.NONE), (event,))


def ask(
    standing: Standing, grants: Sequence[Grant], *, finding: int, by: str, now: datetime
) -> Change[Standing]:
    """Let the person say what the change was for; nothing is decided by that."""
    asked = DriftAsked(
        subject=standing.key,
        at=now,
        actor=by,
        finding=finding,
        found=finding_of(standing).found,
        wanted=found_text(wanted(standing, grants)),
    )
    return Change(standing, (asked,))


def note_refused(standing: Standing, *, reason: str, now: datetime) -> Change[Standing]:
    """What is to be put back cannot be yet. Told once; tried as long as it is wanted."""
    known = finding_of(standing)
    if known.state is FindingState.REFUSED:
        return Change(standing)
    found = known.found or found_text(standing.last_seen)
    refused = PutBackRefused(subject=standing.key, at=now, actor=BOT, reason=reason)
    return Change(with_finding(standing, FindingState.REFUSED, found), (refused,))


def note_leftover(standing: Standing, *, reason: str, now: datetime) -> Change[Standing]:
    """What landed late cannot be taken back. Told once; tried for ever."""
    if finding_of(standing).state in (FindingState.LEFTOVER, FindingState.RESOLVED):
        return Change(standing)
    found = LeftoverFound(subject=standing.key, at=now, actor=BOT, reason=reason)
    return Change(with_finding(standing, FindingState.LEFTOVER), (found,))


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
