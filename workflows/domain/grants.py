"""A grant's life: machines carry it out. It has the id of its request.

ISSUED ──► ACTIVE ──► ENDING ──► ENDED
   │                    ▲
   ├────────────────────┘   over before W&B confirmed it: it may be there, so it is taken back
   └──► FAILED              never came to be, and people were told why
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from workflows.domain import durations
from workflows.domain.entitlements import (
    EmailAddress,
    Place,
    Role,
    place_to_text,
    role_to_text,
)
from workflows.domain.events import (
    BOT,
    CLOCK,
    Change,
    Event,
    GrantActivated,
    GrantEnded,
    GrantExpired,
    GrantExtended,
    GrantFailed,
    GrantIssued,
    GrantRevoked,
    ProvisioningSettled,
    ProvisioningStuck,
    RevocationRecovered,
    RevocationStuck,
    StuckResolved,
)
from workflows.domain.requests import AccessRequest
from workflows.errors import AlreadySettled, Refused


class GrantStatus(StrEnum):
    """Where a grant is."""

    ISSUED = "issued"  # approved; the directory may or may not have it yet
    ACTIVE = "active"  # read back: the directory has it
    ENDING = "ending"  # over; the directory may still have it (stuck: ending for too long)
    ENDED = "ended"  # over, and read back: the directory confirmed it
    FAILED = "failed"  # never came to be, and people were told why


BY_HAND = "Settled by hand; W&B was not read back:"

LIVE = frozenset({GrantStatus.ISSUED, GrantStatus.ACTIVE})
OPEN = LIVE | {GrantStatus.ENDING}  # what the directory may still have of it

TRANSITIONS: Mapping[GrantStatus, frozenset[GrantStatus]] = {
    GrantStatus.ISSUED: frozenset({GrantStatus.ACTIVE, GrantStatus.ENDING, GrantStatus.FAILED}),
    GrantStatus.ACTIVE: frozenset({GrantStatus.ENDING}),
    GrantStatus.ENDING: frozenset({GrantStatus.ENDED}),
    GrantStatus.ENDED: frozenset(),
    GrantStatus.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One person's time-bound hold on one role in one place. `ends_at` None: without an end."""

    id: str
    person: EmailAddress
    place: Place
    role: Role
    approvers: tuple[EmailAddress, ...]
    invites: bool
    rule: str
    issued_at: datetime
    ends_at: datetime | None
    status: GrantStatus = GrantStatus.ISSUED
    activated_at: datetime | None = None
    over_at: datetime | None = None
    ended_by: str = ""
    note: str = ""
    stuck: str = ""
    version: int = 0

    @property
    def is_live(self) -> bool:
        """Whether the person should hold it."""
        return self.status in LIVE


def issue(request: AccessRequest, *, now: datetime) -> Change[Grant]:
    """The request is approved: from here its span counts."""
    ends_at = durations.ends_at(request.duration, approved_at=now)
    grant = Grant(
        id=request.id,
        person=request.requester,
        place=request.place,
        role=request.role,
        approvers=tuple(decision.approver for decision in request.approvals),
        invites=request.invites,
        rule=request.rule,
        issued_at=now,
        ends_at=ends_at,
    )
    issued = GrantIssued(
        subject=grant.id,
        at=now,
        actor=request.settled_by,
        person=grant.person,
        place=place_to_text(grant.place),
        role=role_to_text(grant.role),
        ends_at=_text(ends_at),
        rule=grant.rule,
    )
    return Change(grant, (issued,))


def activate(grant: Grant, *, held_before: Role | None, now: datetime) -> Change[Grant]:
    """Read back: the directory has it."""
    activated = GrantActivated(
        subject=grant.id,
        at=now,
        actor=BOT,
        place=place_to_text(grant.place),
        before=role_to_text(held_before),
        after=role_to_text(grant.role),
        ends_at=_text(grant.ends_at),
    )
    active = replace(_to(grant, GrantStatus.ACTIVE), activated_at=now, stuck="")
    return Change(active, (activated, *_given_at_last(grant, active, now)))


def expire(grant: Grant, *, now: datetime) -> Change[Grant]:
    """The time is up. Over already, or given more time since it was found due: nothing."""
    if not grant.is_live or grant.ends_at is None or grant.ends_at > now:
        return Change(grant)
    expired = GrantExpired(
        subject=grant.id,
        at=now,
        actor=CLOCK,
        before=grant.status,
        after=GrantStatus.ENDING,
        ends_at=_text(grant.ends_at),
    )
    ending = _to(grant, GrantStatus.ENDING, over_at=now, ended_by=CLOCK, stuck="")
    return Change(ending, (expired, *_given_at_last(grant, ending, now)))


def revoke(grant: Grant, *, by: str, reason: str, now: datetime) -> Change[Grant]:
    """Somebody, or a no in the middle of giving, ends it before its time."""
    _still_live(grant)
    revoked = GrantRevoked(
        subject=grant.id,
        at=now,
        actor=by,
        before=grant.status,
        after=GrantStatus.ENDING,
        reason=reason,
    )
    ending = replace(
        _to(grant, GrantStatus.ENDING), over_at=now, ended_by=by, note=reason, stuck=""
    )
    return Change(ending, (revoked, *_given_at_last(grant, ending, now)))


def extend(grant: Grant, *, until: datetime, by: str, now: datetime) -> Change[Grant]:
    """Move the end; a live grant is never left and given again. To the same end: nothing.

    Raises `AlreadySettled` when it is over, `Refused` when there is nothing to move or it would end
    sooner.
    """
    _still_live(grant)
    if grant.ends_at is None:
        raise Refused("Nothing changed: this access has no end.")
    if grant.ends_at <= now:
        raise AlreadySettled("This access is over already; ask again.")
    if until == grant.ends_at:
        return Change(grant)
    if until < grant.ends_at:
        raise Refused("Nothing changed: this access lasts longer than that already.")
    extended = GrantExtended(
        subject=grant.id, at=now, actor=by, before=_text(grant.ends_at), after=_text(until)
    )
    return Change(replace(grant, ends_at=until), (extended,))


def bring_forward(grant: Grant, *, now: datetime) -> Change[Grant]:
    """Issued by a clock that was ahead: its span counts from now. Otherwise: nothing.

    So nobody holds it longer than was approved, whatever that clock said.
    """
    if not grant.is_live or grant.ends_at is None or grant.issued_at <= now:
        return Change(grant)
    ends_at = now + (grant.ends_at - grant.issued_at)
    moved = GrantExtended(
        subject=grant.id, at=now, actor=CLOCK, before=_text(grant.ends_at), after=_text(ends_at)
    )
    return Change(replace(grant, issued_at=now, ends_at=ends_at), (moved,))


def end(grant: Grant, *, held: Role | None, note: str, now: datetime) -> Change[Grant]:
    """Read back: the directory no longer has it because of this grant."""
    ended = GrantEnded(
        subject=grant.id,
        at=now,
        actor=BOT,
        place=place_to_text(grant.place),
        before=role_to_text(grant.role),
        after=role_to_text(held),
        note=note,
    )
    over = replace(_to(grant, GrantStatus.ENDED), stuck="", note=note or grant.note)
    if not grant.stuck:
        return Change(over, (ended,))
    recovered = RevocationRecovered(
        subject=grant.id,
        at=now,
        actor=BOT,
        person=grant.person,
        place=place_to_text(grant.place),
    )
    return Change(over, (ended, recovered))


def fail(grant: Grant, *, reason: str, now: datetime) -> Change[Grant]:
    """A plain no before anything was written: it never came to be."""
    failed = GrantFailed(
        subject=grant.id,
        at=now,
        actor=BOT,
        place=place_to_text(grant.place),
        before=grant.status,
        after=GrantStatus.FAILED,
        reason=reason,
    )
    never = replace(_to(grant, GrantStatus.FAILED), over_at=now, note=reason, stuck="")
    return Change(never, (failed, *_given_at_last(grant, never, now)))


def delay(grant: Grant, *, reason: str, now: datetime) -> Change[Grant]:
    """It is approved and cannot be given yet. Told once; tried until its own time is over."""
    if grant.status is not GrantStatus.ISSUED or grant.stuck:
        return Change(grant)
    return _stuck(grant, ProvisioningStuck, reason, now)


def stick(grant: Grant, *, reason: str, now: datetime) -> Change[Grant]:
    """It is over and cannot be taken back yet. Told once, with the first reason; tried for ever."""
    if grant.status is not GrantStatus.ENDING or grant.stuck:
        return Change(grant)
    return _stuck(grant, RevocationStuck, reason, now)


def _stuck(
    grant: Grant, fact: type[ProvisioningStuck | RevocationStuck], reason: str, now: datetime
) -> Change[Grant]:
    stuck = fact(
        subject=grant.id,
        at=now,
        actor=BOT,
        person=grant.person,
        place=place_to_text(grant.place),
        reason=reason,
    )
    return Change(replace(grant, stuck=reason), (stuck,))


def settle_by_hand(grant: Grant, *, by: str, reason: str, now: datetime) -> Change[Grant]:
    """A person says that what could not be given or taken back is settled. Raises `AlreadySettled`.

    Not read back: whoever says so answers for it.
    """
    after = {GrantStatus.ENDING: GrantStatus.ENDED, GrantStatus.ISSUED: GrantStatus.FAILED}
    if grant.status not in after:
        raise AlreadySettled("Nothing changed: the bot has done its part here already.")
    settled = replace(
        _to(grant, after[grant.status]),
        over_at=grant.over_at or now,
        note=f"{BY_HAND} {reason}",
        stuck="",
    )
    resolved = StuckResolved(
        subject=grant.id,
        at=now,
        actor=by,
        before=grant.status,
        after=settled.status,
        reason=reason,
    )
    return Change(settled, (resolved,))


def _given_at_last(before: Grant, after: Grant, now: datetime) -> tuple[Event, ...]:
    """The end of the alarm, if one was up that it could not be given."""
    if not before.stuck:
        return ()
    settled = ProvisioningSettled(
        subject=after.id,
        at=now,
        actor=BOT,
        person=after.person,
        place=place_to_text(after.place),
        outcome=after.status,
    )
    return (settled,)


def _still_live(grant: Grant) -> None:
    if not grant.is_live:
        raise AlreadySettled("Nothing changed: this access is over already.")


def _to(grant: Grant, status: GrantStatus, **changed: Any) -> Grant:
    assert status in TRANSITIONS[grant.status], (grant.status, status)
    return replace(grant, status=status, **changed)


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else "permanent"
