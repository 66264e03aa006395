"""Facts, in the past tense, kept for ever; and `Change`, which every decision returns.

Each event becomes one row of the audit log in the commit that stores the change. Its own fields
become the row's detail, so they are plain values: text, numbers, lists of text, or nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")

CLOCK = "clock"  # the actor of what happens because the time has come
BOT = "bot"  # the actor of what the worker does
OPERATOR = "operator:"  # before the name of whoever did it by a command of ours
DEPLOYMENT = "deployment"  # the subject of what is nobody's request and nobody's standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Somebody (`actor`: an e-mail address, `clock`, `bot` or `operator:…`) did it to `subject`.

    The subject is the id of a request (and so of its grant), or the key of a standing.
    """

    subject: str
    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSubmitted(Event):
    """Somebody asked, and the policy had nothing against it."""

    place: str
    before: str
    after: str
    duration: str
    reason: str
    rule: str
    approvals_needed: int
    invites: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGiven(Event):
    """One of several approvals that are needed."""

    approvals: int
    approvals_needed: int
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestApproved(Event):
    """The last approval that was needed."""

    before: str
    after: str
    approvers: tuple[str, ...]
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDenied(Event):
    """One approver said no."""

    before: str
    after: str
    reason: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCancelled(Event):
    """The requester took it back."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLapsed(Event):
    """Nobody decided in time, or nobody could be asked."""

    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantIssued(Event):
    """The grant exists; W&B does not know of it yet."""

    person: str
    place: str
    role: str
    ends_at: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantActivated(Event):
    """Read back: the person has it."""

    place: str
    before: str
    after: str
    ends_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantExpired(Event):
    """The time is up."""

    before: str
    after: str
    ends_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantExtended(Event):
    """The end was moved; by the clock: to an earlier one, after the clock had been ahead."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRevoked(Event):
    """Somebody ended it before its time."""

    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantEnded(Event):
    """Read back: what it gave is gone, or rightly there for another reason."""

    place: str
    before: str
    after: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFailed(Event):
    """It never came to be, and this is why."""

    place: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonInvited(Event):
    """An account is about to be made for somebody who had none; it outlives the grant."""

    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorNoted(Event):
    """What the person held before our first live grant there: what the end puts back."""

    held: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSent(Event):
    """W&B is about to be told; it may or may not hear it."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFound(Event):
    """The place holds for this person what we neither found nor made: somebody changed it.

    `wanted` is what approvals and earlier access come to; `done` what we did about it (`Hand`).
    """

    expected: tuple[str, ...]
    found: str
    wanted: str
    done: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftAdopted(Event):
    """A person said that what was found is right. `finding`: the audit row of the `DriftFound`."""

    finding: int
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPutBack(Event):
    """A person said that what was found is to be undone."""

    finding: int
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftAsked(Event):
    """A person wants to hear from whose access it is what the change was for."""

    finding: int
    found: str
    wanted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftGone(Event):
    """W&B is as it should be again, and nobody had decided on what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBackRefused(Event):
    """What somebody else changed is to be put back, and W&B or a fence does not let it be yet."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRolesChanged(Event):
    """Roles in other teams changed while we wrote; `put_back` says whether we repaired it."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    put_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationStuck(Event):
    """Access that is over cannot be taken back yet; it is tried again for ever."""

    person: str
    place: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationRecovered(Event):
    """What could not be taken back is gone now: the alarm is over."""

    person: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftoverFound(Event):
    """A write of ours landed late, and W&B or a fence does not let it be taken back yet."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryRefusedKey(Event):
    """W&B refuses our key (401, 403): nothing is changed there until it takes it again."""

    reason: str
    waiting: int  # ends that had not been taken back then


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryAcceptedKey(Event):
    """W&B takes our key again, and what waited is tried. `but`: the process it still refuses."""

    since: str
    waiting: int
    but: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningStuck(Event):
    """What was approved cannot be given yet; it is tried until its own time is over."""

    person: str
    place: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningSettled(Event):
    """What could not be given is given, failed or over: the alarm is over."""

    person: str
    place: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftoverGone(Event):
    """What landed late, or may have, is not there (any more): the alarm is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckResolved(Event):
    """A person says that this grant was settled by hand; W&B was not read back."""

    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftoverResolved(Event):
    """A person says that what landed late was settled by hand; W&B was not read back."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorReplaced(Event):
    """The custom role that was to be put back is gone from W&B: the role it inherits from is."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """What a decision comes to: the object as it is now, and the facts. No facts: nothing to do."""

    entity: T
    events: tuple[Event, ...] = ()
