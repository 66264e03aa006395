"""What cannot be given or taken back yet: from when on it counts, and how a person settles it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from workflows.domain.drift import FindingState, finding_of, with_finding
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.events import BOT, Change, LeftoverGone, LeftoverResolved
from workflows.domain.grants import Grant
from workflows.domain.standings import RECHECKS, Standing, may_hold_ours

TAKE_WITHIN = timedelta(minutes=2)  # over for longer and not taken back: stuck
GIVE_WITHIN = timedelta(minutes=10)  # approved for longer and not given: stuck
FAILED_OFTEN = 6  # tries in a row; the sixth comes about half a minute after the first

NO_ANSWER = "W&B does not answer as it should. It is tried again until it does."


class Direction(StrEnum):
    """What the bot is trying to do."""

    GIVE = "give"
    TAKE = "take back"
    LEFTOVER = "leftover"  # take back what landed late, or may have


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckItem:
    """One thing that a person may have to look at.

    `id` is the grant's, or of a leftover the standing's key. `reason` is what was told first,
    `last_error` what the last of `attempts` tries in a row came to.
    """

    id: str
    direction: Direction
    person: EmailAddress
    place: Place
    role: Role | None
    since: datetime
    reason: str
    attempts: int = 0
    last_error: str = ""
    next_try: datetime | None = None


def is_unanswered_leftover(
    standing: Standing, grants: Sequence[Grant], *, attempts: int, now: datetime
) -> bool:
    """Whether a look after an end has failed for so long that what landed late may well be there.

    Only a plain no says that it is; while W&B does not answer, nobody knows.
    """
    if grants or standing.last_end_at is None or not may_hold_ours(standing, ()):
        return False
    due = [standing.last_end_at + wait for wait in RECHECKS if standing.last_end_at + wait <= now]
    return attempts >= FAILED_OFTEN and bool(due) and now - due[-1] >= TAKE_WITHIN


def leftover_gone(standing: Standing, *, now: datetime) -> Change[Standing]:
    """W&B was read, and nothing of ours is left there: the alarm is over."""
    if finding_of(standing).state is not FindingState.LEFTOVER:
        return Change(standing)
    gone = LeftoverGone(subject=standing.key, at=now, actor=BOT)
    return Change(with_finding(standing, FindingState.NONE), (gone,))


def settle_leftover_by_hand(
    standing: Standing, *, by: str, reason: str, now: datetime
) -> Change[Standing]:
    """A person says that it was settled: what is there is not ours, and nothing of ours lands."""
    resolved = LeftoverResolved(subject=standing.key, at=now, actor=by, reason=reason)
    return Change(replace(_let_go(standing), unanswered=()), (resolved,))


def after_settling_by_hand(
    standing: Standing, others: Sequence[Grant], *, now: datetime
) -> Standing:
    """The standing of a grant that was settled by hand; `others` are the open grants there.

    What is there now is a person's word, and not ours. What we sent without an answer and lands
    within the hour is taken back all the same, without an alarm.
    """
    if others:
        return standing
    return replace(_let_go(standing), last_end_at=now)


def _let_go(standing: Standing) -> Standing:
    let_go = replace(standing, noted=False, last_seen=standing.prior)
    return with_finding(let_go, FindingState.RESOLVED)
