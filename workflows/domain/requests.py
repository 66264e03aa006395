"""A request's life: people decide it, once.

    PENDING ──► APPROVED | DENIED | CANCELLED | LAPSED

None of the four moves again. An approval that is not the last one needed leaves it pending.
Who may decide is the policy's matter; here a word is counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from workflows.domain.durations import Duration, Until, duration_to_text
from workflows.domain.entitlements import (
    EmailAddress,
    Place,
    Role,
    place_to_text,
    role_to_text,
)
from workflows.domain.events import (
    CLOCK,
    ApprovalGiven,
    Change,
    RequestApproved,
    RequestCancelled,
    RequestDenied,
    RequestLapsed,
    RequestSubmitted,
)
from workflows.errors import AlreadySettled, Refused


class RequestStatus(StrEnum):
    """Where a request is."""

    PENDING = "pending"  # waits for its approvers
    APPROVED = "approved"  # by as many people as its rule asks for; a grant has its id
    DENIED = "denied"  # one approver said no, with a reason
    CANCELLED = "cancelled"  # the requester took it back
    LAPSED = "lapsed"  # nobody decided in time, or nobody could be asked


TRANSITIONS: Mapping[RequestStatus, frozenset[RequestStatus]] = {
    RequestStatus.PENDING: frozenset(
        {
            RequestStatus.APPROVED,
            RequestStatus.DENIED,
            RequestStatus.CANCELLED,
            RequestStatus.LAPSED,
        }
    ),
    RequestStatus.APPROVED: frozenset(),
    RequestStatus.DENIED: frozenset(),
    RequestStatus.CANCELLED: frozenset(),
    RequestStatus.LAPSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody wants, before any thought about it.

    `origin` is the same for the same submission said twice (a form's id, a command's trigger).
    """

    requester: EmailAddress
    place: Place
    role: Role
    duration: Duration
    reason: str
    origin: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One approver's word."""

    approver: EmailAddress
    approved: bool
    comment: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """An ask that passed the policy and waits for, or had, its decision.

    `held` and `invites` are as they were when it was made: what approvers are shown.
    """

    id: str
    requester: EmailAddress
    place: Place
    role: Role
    duration: Duration
    reason: str
    origin: str
    held: Role | None
    invites: bool
    rule: str
    needed: int
    created_at: datetime
    lapses_at: datetime
    status: RequestStatus = RequestStatus.PENDING
    decisions: tuple[Decision, ...] = ()
    settled_at: datetime | None = None
    settled_by: str = ""
    note: str = ""
    version: int = 0

    @property
    def approvals(self) -> tuple[Decision, ...]:
        """The words that said yes."""
        return tuple(decision for decision in self.decisions if decision.approved)


def submit(
    ask: Ask,
    *,
    id: str,
    now: datetime,
    lapses_at: datetime,
    rule: str,
    needed: int,
    held: Role | None,
    invites: bool,
) -> Change[AccessRequest]:
    """The ask becomes a request. One with a fixed end waits no longer than to that end."""
    if isinstance(ask.duration, Until):
        lapses_at = min(lapses_at, ask.duration.moment)
    request = AccessRequest(
        id=id,
        requester=ask.requester,
        place=ask.place,
        role=ask.role,
        duration=ask.duration,
        reason=ask.reason,
        origin=ask.origin,
        held=held,
        invites=invites,
        rule=rule,
        needed=needed,
        created_at=now,
        lapses_at=lapses_at,
    )
    submitted = RequestSubmitted(
        subject=id,
        at=now,
        actor=ask.requester,
        place=place_to_text(ask.place),
        before=role_to_text(held),
        after=role_to_text(ask.role),
        duration=duration_to_text(ask.duration),
        reason=ask.reason,
        rule=rule,
        approvals_needed=needed,
        invites=invites,
    )
    return Change(request, (submitted,))


def decide(
    request: AccessRequest, *, by: EmailAddress, approved: bool, comment: str, now: datetime
) -> Change[AccessRequest]:
    """Count one approver's word. The same word again changes nothing.

    Raises `AlreadySettled` when the request is no longer pending or its time has passed, and
    `Refused` when a denial has no reason.
    """
    if _is_said_already(request, by, approved=approved, comment=comment):
        return Change(request)
    must_be_pending(request, now=now)
    if not approved and not comment.strip():
        raise Refused("Say why: the requester is told the reason.")
    others = tuple(one for one in request.decisions if one.approver != by)
    words = (*others, Decision(by, approved, comment, now))
    if not approved:
        return _deny(request, words, by=by, reason=comment, now=now)
    approvals = [one for one in words if one.approved]
    if len(approvals) < request.needed:
        return _count(request, words, by=by, now=now)
    return _approve(request, words, by=by, now=now)


def _is_said_already(
    request: AccessRequest, by: EmailAddress, *, approved: bool, comment: str
) -> bool:
    """Whether this word of theirs stands: a yes until somebody says no, a no with its reason."""
    earlier = next((one for one in request.decisions if one.approver == by), None)
    if earlier is None or earlier.approved != approved:
        return False
    if approved:
        return request.status in (RequestStatus.PENDING, RequestStatus.APPROVED)
    return earlier.comment == comment


Words = tuple[Decision, ...]


def _deny(
    request: AccessRequest, words: Words, *, by: EmailAddress, reason: str, now: datetime
) -> Change[AccessRequest]:
    denied = RequestDenied(
        subject=request.id,
        at=now,
        actor=by,
        before=request.status,
        after=RequestStatus.DENIED,
        reason=reason,
        rule=request.rule,
    )
    settled = _to(request, RequestStatus.DENIED, by=by, now=now, note=reason, decisions=words)
    return Change(settled, (denied,))


def _count(
    request: AccessRequest, words: Words, *, by: EmailAddress, now: datetime
) -> Change[AccessRequest]:
    """A yes that is not the last one needed."""
    decided = replace(request, decisions=words)
    given = ApprovalGiven(
        subject=decided.id,
        at=now,
        actor=by,
        approvals=len(decided.approvals),
        approvals_needed=decided.needed,
        rule=decided.rule,
    )
    return Change(decided, (given,))


def _approve(
    request: AccessRequest, words: Words, *, by: EmailAddress, now: datetime
) -> Change[AccessRequest]:
    settled = _to(request, RequestStatus.APPROVED, by=by, now=now, decisions=words)
    approved = RequestApproved(
        subject=request.id,
        at=now,
        actor=by,
        before=request.status,
        after=RequestStatus.APPROVED,
        approvers=tuple(one.approver for one in settled.approvals),
        rule=request.rule,
    )
    return Change(settled, (approved,))


def cancel(request: AccessRequest, *, by: EmailAddress, now: datetime) -> Change[AccessRequest]:
    """The requester takes it back. Cancelled once more, nothing happens.

    Raises `Refused` for anybody else, `AlreadySettled` when it is decided.
    """
    if by != request.requester:
        raise Refused("Only the person who asked can cancel a request.")
    if request.status is RequestStatus.CANCELLED:
        return Change(request)
    _still_pending(request)
    cancelled = RequestCancelled(
        subject=request.id,
        at=now,
        actor=by,
        before=request.status,
        after=RequestStatus.CANCELLED,
    )
    return Change(_to(request, RequestStatus.CANCELLED, by=by, now=now), (cancelled,))


def lapse(request: AccessRequest, *, now: datetime, reason: str) -> Change[AccessRequest]:
    """Nobody decided in time, or nobody could be asked. Settled otherwise by now: nothing."""
    if request.status is not RequestStatus.PENDING:
        return Change(request)
    lapsed = RequestLapsed(
        subject=request.id,
        at=now,
        actor=CLOCK,
        before=request.status,
        after=RequestStatus.LAPSED,
        reason=reason,
    )
    return Change(_to(request, RequestStatus.LAPSED, by=CLOCK, now=now, note=reason), (lapsed,))


_SETTLED_WORDS: Mapping[RequestStatus, str] = {
    RequestStatus.APPROVED: "has already been approved",
    RequestStatus.DENIED: "has already been denied",
    RequestStatus.CANCELLED: "was cancelled by the requester",
    RequestStatus.LAPSED: "has lapsed",
}


def must_be_pending(request: AccessRequest, *, now: datetime) -> None:
    """Raises `AlreadySettled`, in words for whoever is late."""
    _still_pending(request)
    if request.lapses_at <= now:
        raise AlreadySettled("Too late: nobody decided in time, so this request has lapsed.")


def _still_pending(request: AccessRequest) -> None:
    if request.status is not RequestStatus.PENDING:
        by = f" by {request.settled_by}" if "@" in request.settled_by else ""
        words = _SETTLED_WORDS[request.status]
        by = "" if request.status is RequestStatus.CANCELLED else by
        raise AlreadySettled(f"Nothing changed: this request {words}{by}.")


def _to(
    request: AccessRequest, status: RequestStatus, *, by: str, now: datetime, **more: Any
) -> AccessRequest:
    assert status in TRANSITIONS[request.status], (request.status, status)
    return replace(request, status=status, settled_at=now, settled_by=by, **more)
