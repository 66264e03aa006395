"""What `ensure` is to do about one standing: what is held, what should be, and whose doing it is.

A hand is somebody else's: an admin in the web app, an identity provider, a second bot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum

from workflows.domain.entitlements import Role
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.standings import Standing, ours, wanted, wanted_role

MOST_FIGHTS = 3  # times that what others changed is put back by policy, in one grant's life


class Step(Enum):
    """What `ensure` has to do about W&B."""

    NOTHING = "it is as wanted"
    WRITE = "make it as wanted"
    LEAVE = "somebody else changed it: leave it, and tell"


class Hand(StrEnum):
    """What is done about a change that somebody else made."""

    LEFT = "left"
    APPROVED = "approved"  # a later approval is carried out over it
    PUT_BACK = "put back"  # by policy
    GIVEN_UP = "given up"  # it was put back, and changed again, too often


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted, what to do, and what is done about somebody else's hand, if one was seen."""

    wanted: Role | None
    step: Step
    hand: Hand | None = None


def plan(
    standing: Standing, grants: Sequence[Grant], held: Role | None, *, enforce: bool = False
) -> Plan:
    """Compare what is held with what is wanted, and with what is ours to change.

    A change by somebody else is left and reported; a later approval is carried out all the same,
    but never lowers what was raised by hand, never takes it for its own, and brings back nothing
    that a hand took. With `enforce` what was taken is put back, a few times. Where no grant of ours
    is open, only what we sent and what landed late is ours: the rest is not even news.
    """
    due = wanted(standing, grants)
    foreign = held not in ours(standing)
    issued = [grant for grant in grants if grant.status is GrantStatus.ISSUED]
    if foreign and issued:
        given = wanted_role(held, issued)
        if given != held:
            return Plan(given, Step.WRITE, Hand.APPROVED)
        return Plan(due, Step.LEAVE, Hand.LEFT)
    if held == due:
        return Plan(due, Step.NOTHING)
    if not foreign:
        return Plan(due, Step.WRITE)
    taken = due is not None and (held is None or due.covers(held))
    if not standing.noted:
        return Plan(due, Step.LEAVE)
    if not enforce or not taken:
        return Plan(due, Step.LEAVE, Hand.LEFT)
    if standing.fights >= MOST_FIGHTS:
        return Plan(due, Step.LEAVE, Hand.GIVEN_UP)
    return Plan(due, Step.WRITE, Hand.PUT_BACK)
