"""What one person should hold in one place, and what it takes to make it so.

Wanted is the higher of what the person held before our first live grant there (`prior`) and all
live grants there. Ending one of two overlapping grants recomputes; the last end puts `prior` back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from workflows.domain.entitlements import (
    MEMBER,
    PREDEFINED,
    EmailAddress,
    Place,
    Rank,
    Role,
    place_to_text,
    role_to_text,
)
from workflows.domain.events import (
    BOT,
    Change,
    DriftFound,
    LeftoverFound,
    OtherRolesChanged,
    PersonInvited,
    PriorNoted,
    RoleSent,
)
from workflows.domain.grants import Grant, GrantStatus

# A reading may lag behind a write (W&B does not say for how long): what it shows this soon after
# one is not taken for what was there before the next grant.
SETTLING = timedelta(seconds=30)

# Roles in other teams that a write may have cost are put back when that is found out this soon
# after it; later somebody may have changed them on purpose.
PUT_BACK_WITHIN = timedelta(minutes=2)

LEFTOVER = "leftover"  # a standing's `drift` when something of ours is there that cannot be removed

# After an end we look again: a write that timed out, or was answered with an error, can land late.
RECHECKS = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Reading:
    """What the directory says of one person in one place, now.

    `account` None: no account with this address. `exact` False: in the team and not its admin, but
    W&B does not say which role. `others`: the person's other team roles, team → role name. `tag`:
    what a conditional write needs, when W&B gave one.
    """

    account: str | None
    active: bool = False
    human: bool = True
    held: Role | None = None
    exact: bool = True
    others: Mapping[str, str] | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One person in one place: what was there before, what we last saw, and what we sent since.

    `unanswered`: roles that we sent and whose outcome we have not read back; one of them can still
    land until the re-checks are over. `others`: the person's other team roles before the write
    that is under way, begun at `sent_at`. `noted`: `prior` belongs to the grants that are open now.
    """

    person: EmailAddress
    place: Place
    account: str | None = None
    noted: bool = False
    prior: Role | None = None
    prior_at: datetime | None = None
    last_seen: Role | None = None
    unanswered: tuple[Role | None, ...] = ()
    others: Mapping[str, str] | None = None
    sent_at: datetime | None = None
    drift: str = ""
    last_end_at: datetime | None = None
    version: int = 0

    @property
    def key(self) -> str:
        """Names the standing: in its job, its audit rows and the log."""
        return standing_key(self.person, self.place)


def standing_key(person: EmailAddress, place: Place) -> str:
    """`eve@corp.example team:vision`. An address has no space, so the first one divides."""
    return f"{person} {place_to_text(place)}"


def wanted_role(prior: Role | None, grants: Sequence[Grant]) -> Role | None:
    """The highest of `prior` and the live grants; of two that rank the same, the later granted.

    A grant of a predefined role never replaces a custom role of its rank that was there before:
    the custom one has all of it and more.
    """
    live = [grant for grant in grants if grant.is_live]
    if not live:
        return prior
    strongest = max(live, key=lambda grant: (grant.role.rank, grant.issued_at)).role
    return prior if prior is not None and prior.covers(strongest) else strongest


def believed(standing: Standing, reading: Reading) -> Role | None:
    """What the person holds, where W&B says only “in the team, not an admin”: what we last knew.

    What we last saw comes before what we sent without an answer: believing that a write landed
    would leave it undone when it did not, while sending it again does no harm. Raises nothing; None
    together with an inexact reading means that nobody knows.
    """
    if reading.exact:
        return reading.held
    if standing.last_seen is None:  # not in the team then: W&B makes a member of whoever is added
        return MEMBER if any(standing.unanswered) else None
    known = (standing.last_seen, *reversed(standing.unanswered))
    return next((role for role in known if role and role.rank < Rank.ADMIN), None)


def ours(standing: Standing) -> frozenset[Role | None]:
    """The roles whose presence needs nobody else to explain it.

    What we last read back, and what we sent without an answer; on the way into a team also
    `member`, which W&B gives to whoever is added; and what W&B makes of a custom role that is
    deleted: the role it inherits from.
    """
    return _with_bases({standing.last_seen}) | _may_land(standing)


def _may_land(standing: Standing) -> frozenset[Role | None]:
    """What a write of ours that nobody answered can still make of it."""
    roles = set(standing.unanswered)
    if standing.last_seen is None and any(roles):
        roles.add(MEMBER)
    return _with_bases(roles)


def _with_bases(roles: set[Role | None]) -> frozenset[Role | None]:
    bases = {PREDEFINED[role.rank.name.lower()] for role in roles if role and role.custom}
    return frozenset(roles | bases)


class Step(Enum):
    """What `ensure` has to do about W&B."""

    NOTHING = "it is as wanted"
    WRITE = "make it as wanted"
    LEAVE = "somebody else changed it: leave it, and tell"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted, what to do, and whether somebody else's hand was seen."""

    wanted: Role | None
    step: Step
    drifted: bool = False


def plan(standing: Standing, grants: Sequence[Grant], held: Role | None) -> Plan:
    """Compare what is held with what is wanted, and with what is ours to change.

    A change by somebody else is left and reported; a later approval is carried out all the same,
    but never lowers what was raised by hand, and never takes it for its own. Where no grant of ours
    is open, only what we sent and what landed late is ours: the rest is not even news.
    """
    wanted = wanted_role(standing.prior, grants)
    foreign = held not in ours(standing)
    giving = any(grant.status is GrantStatus.ISSUED for grant in grants)
    if held == wanted and not (foreign and giving):
        return Plan(wanted, Step.NOTHING)
    if not foreign:
        return Plan(wanted, Step.WRITE)
    raises = wanted is not None and (held is None or not held.covers(wanted))
    if giving and raises:
        return Plan(wanted, Step.WRITE, drifted=True)
    return Plan(wanted, Step.LEAVE, drifted=standing.noted)


def lowers_admin(held: Role | None, wanted: Role | None) -> bool:
    """Whether this takes an admin's role away."""
    is_admin = held is not None and held.rank is Rank.ADMIN
    return is_admin and (wanted is None or wanted.rank < Rank.ADMIN)


def fence(
    reading: Reading, held: Role | None, wanted: Role | None, *, own: bool, other_admins: bool
) -> str | None:
    """Why this must not be done whatever was approved, or None.

    Never lowered or removed: the last admin of a team or of the organization, the bot's own
    identity. Never touched: service accounts.
    """
    if not reading.human:
        return "This is a service account; W&B lets nobody change its roles over SCIM."
    if own:  # what may not be lowered again is not raised either
        return "This is the account that the bot itself works with; its access is never changed."
    if lowers_admin(held, wanted) and not other_admins:
        return "Nobody else is an admin there, and the last admin is never lowered or removed."
    return None


def invite(standing: Standing, *, now: datetime) -> Change[Standing]:
    """An account is about to be made; noted first, because it outlives the grant."""
    invited = PersonInvited(subject=standing.key, at=now, actor=BOT, person=standing.person)
    return Change(standing, (invited,))


def first_touch(
    standing: Standing, held: Role | None, *, account: str, now: datetime
) -> Change[Standing]:
    """Note what the person held before the directory is changed for the first time.

    A step of its own, because an `ensure` that is tried again would otherwise take its own first
    try for what was there before, and put it back at the end. For the same reason a role that we
    sent earlier and that landed late is not taken for theirs.
    """
    landed_late = held in _may_land(standing) and held != standing.last_seen
    prior = standing.prior if landed_late else held
    noted = PriorNoted(subject=standing.key, at=now, actor=BOT, held=role_to_text(prior))
    touched = replace(
        standing, account=account, noted=True, prior=prior, prior_at=now, last_seen=held, drift=""
    )
    return Change(touched, (noted,))


def is_unsettled(standing: Standing, held: Role | None, *, now: datetime) -> bool:
    """Whether W&B shows something else than a write of ours left there a moment ago."""
    if standing.sent_at is None or now - standing.sent_at >= SETTLING:
        return False
    return held != standing.last_seen


def doubt(standing: Standing, held: Role | None) -> Standing:
    """What ended was gone before we took it back: that reading may be from before it was given.

    Until the re-checks are over it stays ours to take back, should it show again.
    """
    was = standing.last_seen
    if was == held or was in standing.unanswered:
        return standing
    return replace(standing, unanswered=(*standing.unanswered, was))


def send(
    standing: Standing,
    wanted: Role | None,
    *,
    held: Role | None,
    others: Mapping[str, str] | None,
    now: datetime,
) -> Change[Standing]:
    """Note what W&B is about to be told, and what stands elsewhere, before it is told.

    The same role sent earlier without an answer stays noted beside it: once this one is answered,
    that one can still land.
    """
    sent = RoleSent(
        subject=standing.key,
        at=now,
        actor=BOT,
        before=role_to_text(held),
        after=role_to_text(wanted),
    )
    unanswered = (*dict.fromkeys(standing.unanswered), wanted)
    others = standing.others if standing.others is not None else others
    begun = replace(standing, unanswered=unanswered, others=others, sent_at=now)
    return Change(begun, (sent,))


def answered(standing: Standing, held: Role | None) -> Standing:
    """The last write was answered, and this was read back."""
    return replace(standing, unanswered=standing.unanswered[:-1], last_seen=held, others=None)


def may_hold_ours(standing: Standing, grants: Sequence[Grant]) -> bool:
    """Whether W&B may show something there that neither `prior` nor an active grant explains."""
    active = [grant for grant in grants if grant.status is GrantStatus.ACTIVE]
    explained = wanted_role(standing.prior, active)
    roles = (*standing.unanswered, standing.last_seen if standing.noted else None)
    return any(
        role is not None and (explained is None or not explained.covers(role)) for role in roles
    )


def adopt(standing: Standing, held: Role | None, *, now: datetime) -> Change[Standing]:
    """Somebody raised it by hand, and a later approval goes over that: the end puts theirs back."""
    raised = held is not None and (standing.prior is None or held.rank > standing.prior.rank)
    if not raised:
        return Change(standing)
    noted = PriorNoted(subject=standing.key, at=now, actor=BOT, held=role_to_text(held))
    return Change(replace(standing, prior=held, prior_at=now), (noted,))


def note_leftover(standing: Standing, *, reason: str, now: datetime) -> Change[Standing]:
    """What landed late cannot be taken back. Told once; tried for ever."""
    if standing.drift == LEFTOVER:
        return Change(standing)
    found = LeftoverFound(subject=standing.key, at=now, actor=BOT, reason=reason)
    return Change(replace(standing, drift=LEFTOVER), (found,))


def note_drift(standing: Standing, held: Role | None, *, now: datetime) -> Change[Standing]:
    """Somebody else changed it. The same finding again is no news."""
    found = role_to_text(held) or "nothing"
    if standing.drift == found:
        return Change(standing)
    expected = tuple(sorted(role_to_text(role) or "nothing" for role in ours(standing)))
    drift = DriftFound(subject=standing.key, at=now, actor=BOT, expected=expected, found=found)
    return Change(replace(standing, drift=found), (drift,))


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


def settle(
    standing: Standing, *, held: Role | None, ended: bool, open: bool, now: datetime
) -> Standing:
    """What `ensure` leaves behind: seen now, whether grants are still open, when one last ended.

    What nobody answered is forgotten after the last look, but not while a grant is open: it may be
    that one's, and can then land after its end.
    """
    last_end_at = now if ended else standing.last_end_at
    over = next_recheck(last_end_at, now=now) is None and not open
    return replace(
        standing,
        last_seen=held,
        noted=standing.noted and open,
        last_end_at=last_end_at,
        unanswered=() if over and last_end_at is not None else standing.unanswered,
    )


def next_recheck(last_end_at: datetime | None, *, now: datetime) -> datetime | None:
    """When to look again after an end; None when the last look is behind us."""
    if last_end_at is None:
        return None
    return next((last_end_at + wait for wait in RECHECKS if last_end_at + wait > now), None)


def _pairs(roles: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{team}: {role}" for team, role in sorted(roles.items()))
