"""What cannot be given or taken back yet: find it, list it, try it now, settle it by hand.

The commands have no clock, policy or Slack of their own: what they use takes a transaction and the
time.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from workflows.domain import grants, stuck
from workflows.domain.entitlements import EmailAddress, Organization, place_from_text
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.reactions import JobKind
from workflows.domain.standings import Standing, standing_key
from workflows.domain.stuck import Direction, StuckItem
from workflows.errors import Conflict, NotAnApprover, NotFound, Refused
from workflows.services.deps import Deps
from workflows.services.requests import with_fresh_roster
from workflows.storage.outbox import JobState
from workflows.storage.unit_of_work import UnitOfWork, again_on_conflict

BATCH = 200  # told of in one round
EVERYTHING = 100_000
SHORTEST_ID = 6  # characters of an id that are enough, when only one begins with them

ONLY_ADMINS = "Only an admin of the W&B organization can do that."

log = logging.getLogger(__name__)

Transaction = Callable[[], AbstractContextManager[UnitOfWork]]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many things are stuck, by what the bot is trying to do."""

    take: int
    give: int
    leftover: int

    @property
    def all(self) -> int:
        """All of them."""
        return self.take + self.give + self.leftover


def count(work: UnitOfWork, *, now: datetime) -> Counts:
    """How many things are stuck now."""
    over_by, issued_by = _since(now)
    take, give = work.attention.late_count(over_by=over_by, issued_by=issued_by)
    return Counts(take, give, work.attention.leftover_count())


def listed(work: UnitOfWork, *, now: datetime, limit: int = EVERYTHING) -> list[StuckItem]:
    """What is stuck now: ends before givings, the oldest first, leftovers last."""
    over_by, issued_by = _since(now)
    late = work.attention.late_grants(over_by=over_by, issued_by=issued_by, limit=limit)
    left = work.attention.leftovers(limit=max(0, limit - len(late)))
    keys = [standing_key(one.person, one.place) for one in late] + [one.key for one in left]
    states = work.outbox.states(JobKind.ENSURE, keys)
    late.sort(key=lambda grant: grant.status is not GrantStatus.ENDING)
    items = [_of_grant(one, states.get(standing_key(one.person, one.place))) for one in late]
    return items + [_of_leftover(one, states.get(one.key)) for one in left]


def _since(now: datetime) -> tuple[datetime, datetime]:
    return now - stuck.TAKE_WITHIN, now - stuck.GIVE_WITHIN


def _of_grant(grant: Grant, state: JobState | None) -> StuckItem:
    ending = grant.status is GrantStatus.ENDING
    return StuckItem(
        id=grant.id,
        direction=Direction.TAKE if ending else Direction.GIVE,
        person=grant.person,
        place=grant.place,
        role=grant.role,
        since=grant.over_at if ending and grant.over_at else grant.issued_at,
        reason=grant.stuck or (state.last_error if state else ""),
        attempts=state.attempts if state else 0,
        last_error=state.last_error if state else "",
        next_try=state.due_at if state else None,
    )


def _of_leftover(standing: Standing, state: JobState | None) -> StuckItem:
    assert standing.last_end_at is not None, "a leftover is left over from something that ended"
    return StuckItem(
        id=standing.key,
        direction=Direction.LEFTOVER,
        person=standing.person,
        place=standing.place,
        role=None,
        since=standing.last_end_at,
        reason=state.last_error if state else "",
        attempts=state.attempts if state else 0,
        last_error=state.last_error if state else "",
        next_try=state.due_at if state else None,
    )


# ── telling ──────────────────────────────────────────────────────────────────────────────────────


def tell(deps: Deps) -> int:
    """Note everything that has been stuck for too long and was not told yet; how many that were.

    Whoever is working on it right now goes first: that one is looked at again in the next round.
    """
    now = deps.clock()
    over_by, issued_by = _since(now)
    with deps.look() as work:
        late = work.attention.late_grants(
            over_by=over_by, issued_by=issued_by, limit=BATCH, untold=True
        )
        keys = [standing_key(grant.person, grant.place) for grant in late]
        states = work.outbox.states(JobKind.ENSURE, keys)
    told = 0
    for grant in late:
        state = states.get(standing_key(grant.person, grant.place))
        reason = (state.last_error if state else "") or stuck.NO_ANSWER
        told += _note(deps, grant, reason, now)
    return told


def _note(deps: Deps, grant: Grant, reason: str, now: datetime) -> bool:
    note = grants.stick if grant.status is GrantStatus.ENDING else grants.delay
    try:
        with deps.begin() as work:
            work.record(note(grant, reason=reason, now=now))
    except Conflict:
        return False
    log.error(
        "access is stuck", extra={"grant": grant.id, "direction": _direction(grant), "why": reason}
    )
    return True


def _direction(grant: Grant) -> str:
    return Direction.TAKE if grant.status is GrantStatus.ENDING else Direction.GIVE


# ── what a person does about it ──────────────────────────────────────────────────────────────────


def find(work: UnitOfWork, id: str, *, now: datetime) -> StuckItem:
    """The one that this names: a grant's id or enough of its beginning, or a standing's key.

    Raises `NotFound`, and `Refused` when several begin like that.
    """
    items = listed(work, now=now)
    exact = [item for item in items if item.id == id]
    if exact:
        return exact[0]
    found = [item for item in items if len(id) >= SHORTEST_ID and item.id.startswith(id)]
    if not found:
        raise NotFound(
            f"Nothing that is stuck now has the id {id}; `wandb-access stuck` lists what is."
        )
    if len(found) > 1:
        raise Refused(f"{len(found)} of what is stuck now begin with {id}; give more of the id.")
    return found[0]


@again_on_conflict
def retry(begin: Transaction, id: str, *, now: datetime) -> StuckItem:
    """Have it tried now, also while W&B refuses our key. Raises what `find` raises."""
    with begin() as work:
        item = find(work, id, now=now)
        key = standing_key(item.person, item.place)
        work.outbox.add(JobKind.ENSURE, key, lane=f"access {item.person}", due_at=now)
        work.owes.add(JobKind.ENSURE)
        gate = work.gate.load()
        if gate.working:
            work.gate.save(gate.tried_by_hand(now=now))
    return item


def retry_as(deps: Deps, id: str, *, by: EmailAddress) -> StuckItem:
    """The same for somebody who presses a button: an admin of the organization by now, or nobody.

    Raises `NotAnApprover`, and `Refused` when W&B does not answer who is one.
    """

    def check(admins: frozenset[EmailAddress]) -> None:
        if by not in admins:
            raise NotAnApprover(ONLY_ADMINS)

    with_fresh_roster(deps, lambda roster: check(roster.admins(Organization())))
    return retry(deps.begin, id, now=deps.clock())


@again_on_conflict
def resolve(begin: Transaction, id: str, *, by: str, reason: str, now: datetime) -> StuckItem:
    """A person says that it was settled by hand. Raises what `find` raises."""
    with begin() as work:
        item = find(work, id, now=now)
        if item.direction is Direction.LEFTOVER:
            person, _, place = item.id.partition(" ")
            standing = work.standings.get(EmailAddress(person), place_from_text(place), locked=True)
            work.record(stuck.settle_leftover_by_hand(standing, by=by, reason=reason, now=now))
            return item
        grant = work.grants.get(item.id)
        work.record(grants.settle_by_hand(grant, by=by, reason=reason, now=now))
        standing = work.standings.get(item.person, item.place, locked=True)
        others: Sequence[Grant] = work.grants.open_of(item.person, item.place)
        settled = stuck.after_settling_by_hand(standing, others, now=now)
        if settled != standing:
            work.standings.save(settled)
    return item
