"""What `ensure` is to do about one standing: what is held, what should be, and whose doing it is.

A hand is somebody else's: an admin in the web app, an identity provider, a second bot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from workflows.domain.entitlements import Role
from workflows.domain.events import BOT
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.standings import Standing, is_unsettled, ours, wanted, wanted_role

MOST_FIGHTS = 3  # times that what others changed is put back by policy, in one grant's life

NEVER_ACTIVE = "W&B did not confirm it before it was over, so it was never active."
ACCOUNT_GONE = "The W&B account that had it no longer exists."


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one pass of `ensure` came to: what W&B shows `after` it, and whether it was `told`.

    `replaced`: a custom role that was to be put back and is gone from W&B. `lost_account`: the
    account that we gave it to is gone; what is read now may be another one's.
    """

    after: Role | None
    told: bool = False
    replaced: Role | None = None
    lost_account: bool = False


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


def end_note(standing: Standing, grant: Grant, plan: Plan, done: Outcome, *, now: datetime) -> str:
    """What people have to know about this end, beyond that it is over; `standing` as it was."""
    was_active = grant.activated_at is not None
    if done.lost_account and was_active:
        return ACCOUNT_GONE
    if plan.hand is not None and plan.step is Step.LEAVE:
        shown = f"W&B shows {_named(done.after)} there now"
        return f"{shown}, which somebody set by hand; that was left as it is."
    if done.replaced is not None:
        return (
            f"{done.replaced.name} no longer exists in W&B, so the role that it inherited from was "
            "put back in its place."
        )
    if not was_active and grant.ended_by != BOT:
        return NEVER_ACTIVE
    found_late = done.after not in ours(standing) and not done.told
    if was_active and found_late and not is_unsettled(standing, done.after, now=now):
        shown = f"W&B showed {_named(done.after)} there already before the end"
        return f"{shown}: somebody had changed it by hand."
    return ""


def _named(role: Role | None) -> str:
    return role.name if role else "no role"
