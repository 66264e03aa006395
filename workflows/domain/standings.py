"""What one person should hold in one place, and what it takes to make it so.

Wanted is the higher of what the person held before our first live grant there (`prior`) and all
live grants there. Ending one of two overlapping grants recomputes; the last end puts `prior` back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

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
    PersonInvited,
    PriorNoted,
    PriorReplaced,
    RoleSent,
)
from workflows.domain.grants import Grant, GrantStatus

# A reading may lag behind a write (W&B does not say for how long): what it shows this soon after
# one is not taken for what was there before the next grant.
SETTLING = timedelta(seconds=30)
LAG = timedelta(seconds=6)  # and this soon it is not taken for somebody's hand that we go over

# Roles in other teams that a write may have cost are put back when that is found out this soon
# after it; later somebody may have changed them on purpose.
PUT_BACK_WITHIN = timedelta(minutes=2)

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
    `drift`: what somebody else was last found to have set (see `drift`). `fights`: how often that
    was put back by policy since `prior` was noted. `overruled_at`: somebody's hand had taken what
    was active by then, and a person's word went over that; it does not come back by itself.
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
    fights: int = 0
    overruled_at: datetime | None = None
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


def wanted(standing: Standing, grants: Sequence[Grant]) -> Role | None:
    """What the person should hold: `prior` and every live grant that nobody's word went over."""
    counting = [grant for grant in grants if not is_overruled(standing, grant)]
    return wanted_role(standing.prior, counting)


def is_overruled(standing: Standing, grant: Grant) -> bool:
    """Whether a hand had taken what this gave, and a person's word went over that."""
    since = standing.overruled_at
    return since is not None and grant.activated_at is not None and grant.activated_at < since


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
    if None in {standing.last_seen, *roles} and any(roles):  # on the way in, for all we know
        roles.add(MEMBER)
    return _with_bases(roles)


def _with_bases(roles: set[Role | None]) -> frozenset[Role | None]:
    bases = {PREDEFINED[role.rank.name.lower()] for role in roles if role and role.custom}
    return frozenset(roles | bases)


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
    sent earlier and that landed late is not taken for theirs. What the grants of now gave to
    another account, which is gone, nobody gave to this one.
    """
    landed_late = held in _may_land(standing) and held != standing.last_seen
    prior = standing.prior if landed_late else held
    noted = PriorNoted(subject=standing.key, at=now, actor=BOT, held=role_to_text(prior))
    touched = replace(
        standing,
        account=account,
        noted=True,
        prior=prior,
        prior_at=now,
        last_seen=held,
        drift="",
        fights=0,
        overruled_at=now if standing.noted else None,
    )
    return Change(touched, (noted,))


def is_unsettled(standing: Standing, held: Role | None, *, now: datetime) -> bool:
    """Whether W&B shows something else than a write of ours left there a moment ago."""
    if standing.sent_at is None or now - standing.sent_at >= SETTLING:
        return False
    return held != standing.last_seen


def may_be_old(standing: Standing, held: Role | None, *, now: datetime) -> bool:
    """Whether this reading may be from before our last write, which was answered a moment ago."""
    if standing.sent_at is None or standing.others is not None:
        return False
    return now - standing.sent_at < LAG and held != standing.last_seen


def may_be_before(standing: Standing, held: Role | None, *, now: datetime) -> bool:
    """Whether this reading may be from before our last write, answered or not, a moment ago."""
    if standing.sent_at is None or now - standing.sent_at >= LAG:
        return False
    return held != standing.last_seen or bool(set(standing.unanswered) - {held})


def is_past(standing: Standing, read_at: datetime) -> bool:
    """Whether a reading of that moment surely shows our last write there."""
    return standing.sent_at is None or read_at - standing.sent_at >= LAG


def left_of(
    prior: Role | None, live: Sequence[Grant], shown: Role | None
) -> tuple[Role | None, list[Grant]]:
    """`prior` and the grants, but for what W&B shows that somebody took away."""
    is_less = prior is not None and (shown is None or not shown.covers(prior))
    had = [
        grant
        for grant in live
        if grant.status is GrantStatus.ISSUED or (shown is not None and shown.covers(grant.role))
    ]
    return (shown if is_less else prior), had


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


def replace_prior(standing: Standing, base: Role, *, now: datetime) -> Change[Standing]:
    """The custom role that was there before us is gone from W&B; this is what it made of it."""
    replaced = PriorReplaced(
        subject=standing.key,
        at=now,
        actor=BOT,
        before=role_to_text(standing.prior),
        after=role_to_text(base),
    )
    return Change(replace(standing, prior=base), (replaced,))


def may_hold_ours(standing: Standing, grants: Sequence[Grant]) -> bool:
    """Whether W&B may show something there that neither `prior` nor an active grant explains."""
    active = [grant for grant in grants if grant.status is GrantStatus.ACTIVE]
    explained = wanted(standing, active)
    roles = (*standing.unanswered, standing.last_seen if standing.noted else None)
    return any(
        role is not None and (explained is None or not explained.covers(role)) for role in roles
    )


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
