"""Compare one reading of W&B with everything that is open, and have what differs looked at.

Nothing is decided or written here: `ensure` reads that one standing exactly, notes what somebody
else changed, and does what approvals and policy say. What is known already is left alone, so that
doing this twice changes nothing.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, assert_never

from workflows.domain import drift, planning
from workflows.domain.entitlements import PREDEFINED, Organization, Role, Team
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.planning import Hand, Plan, Step
from workflows.domain.policy import Policy
from workflows.domain.roster import Roster
from workflows.domain.standings import RECHECKS, Standing, standing_key
from workflows.errors import Unavailable
from workflows.ports import Clock, Directory
from workflows.storage.unit_of_work import UnitOfWork

BATCH = 100  # jobs that are owed in one commit

NO_JOB = "nobody was at work on it"
TOLD = "told already; left to a person"
IN_HAND = "being tried"
LEFT = "left, and told to the organization's admins"
PUT_BACK = "put back, as the policy says"
CARRIED_OUT = "carried out"
RIGHT_AGAIN = "right again; what was found is closed"
AT_WORK = "taken up again"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where W&B, or what is owed, is not as stored. `owed`: it is (to be) looked at."""

    standing: str
    expected: str
    found: str
    done: str
    owed: bool


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one comparison found. `compared`: standings that were looked at."""

    read_at: datetime
    compared: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Stored:
    """Everything that is open, at one moment."""

    standings: Sequence[Standing]
    grants: Mapping[str, Sequence[Grant]]  # by the standing's key
    owed: Mapping[str, int]  # standings that are worked on, and failures in a row


class Comparing(Protocol):
    """What of `Deps` this needs; a command has no more."""

    @property
    def begin(self) -> Callable[[], AbstractContextManager[UnitOfWork]]: ...
    @property
    def look(self) -> Callable[[], AbstractContextManager[UnitOfWork]]: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def clock(self) -> Clock: ...


def reconcile(deps: Comparing, *, dry_run: bool) -> Reconciliation:
    """Read W&B once, compare, and owe a look at each difference; with `dry_run` only say so.

    Raises `Unavailable` when W&B cannot be read.
    """
    began = deps.clock()
    roster = deps.directory.roster()
    stored = _load(deps)
    found = [*_without_work(stored), *_compare(deps, stored, roster, began=began)]
    if not dry_run:
        _owe(deps, stored, [one for one in found if one.owed])
    return Reconciliation(began, len(stored.standings), tuple(found))


def compare(deps: Comparing) -> None:
    """The chore. W&B that cannot be read is compared the next time."""
    try:
        result = reconcile(deps, dry_run=False)
    except Unavailable as error:
        log.warning("W&B could not be compared", extra={"error": str(error)})
        return
    if result.differences:
        log.info("W&B was compared", extra={"differences": len(result.differences)})


def _load(deps: Comparing) -> _Stored:
    with deps.look() as work:
        standings = work.watched.standings(ended_after=deps.clock() - max(RECHECKS))
        open_grants = work.watched.grants()
        owed = work.watched.owed()
    grants: dict[str, list[Grant]] = {}
    for grant in open_grants:
        grants.setdefault(standing_key(grant.person, grant.place), []).append(grant)
    return _Stored(standings, grants, owed)


def _without_work(stored: _Stored) -> Iterable[Difference]:
    """What should be worked on, and nobody was told to: a hole in our own books."""
    for key, grants in stored.grants.items():
        waiting = [one for one in grants if one.status is not GrantStatus.ACTIVE]
        if waiting and key not in stored.owed:
            states = ", ".join(sorted({one.status.value for one in waiting}))
            yield Difference(key, states, NO_JOB, AT_WORK, owed=True)


def _compare(
    deps: Comparing, stored: _Stored, roster: Roster, *, began: datetime
) -> Iterable[Difference]:
    for standing in sorted(stored.standings, key=lambda one: one.key):
        grants = stored.grants.get(standing.key, ())
        if _is_at_work(standing, grants, began=began):
            continue
        is_known, held = held_by(roster, standing)
        if not is_known:
            continue
        enforce = deps.policy.enforces and _is_active(roster, standing)
        plan = planning.plan(standing, grants, held, enforce=enforce)
        is_right = plan.step is Step.NOTHING and not drift.waits(standing)
        if is_right or _is_what_is_left_of_it(roster, plan.wanted, held):
            continue
        if plan.step is Step.LEAVE and plan.hand is None:
            continue
        done, owed = _what_is_done(stored, standing, plan, held)
        yield Difference(
            standing.key, drift.found_text(plan.wanted), drift.found_text(held), done, owed
        )


def _is_at_work(standing: Standing, grants: Sequence[Grant], *, began: datetime) -> bool:
    """Whether it was being changed while W&B was read; or was never touched by us."""
    if standing.account is None or any(one.status is not GrantStatus.ACTIVE for one in grants):
        return True
    return standing.sent_at is not None and standing.sent_at >= began


def held_by(roster: Roster, standing: Standing) -> tuple[bool, Role | None]:
    """Whether W&B says what this account holds there, and what."""
    person = roster.people.get(standing.account or "")
    if person is None:  # the account is gone
        return True, None
    match standing.place:
        case Team(name):
            team = roster.teams.get(name)
            if team is None or person.account not in team.roles:
                return True, None
            role = team.roles[person.account]
        case Organization():
            role = person.organization_role
        case _:
            assert_never(standing.place)
    return role is not None, role


def _is_active(roster: Roster, standing: Standing) -> bool:
    person = roster.people.get(standing.account or "")
    return person is not None and person.active


def _is_what_is_left_of_it(roster: Roster, wanted: Role | None, held: Role | None) -> bool:
    """A custom role that was deleted leaves what it inherited from, and there is no more to it."""
    if wanted is None or not wanted.custom or wanted.name in roster.custom_roles:
        return False
    return held == PREDEFINED[wanted.rank.name.lower()]


def _what_is_done(
    stored: _Stored, standing: Standing, plan: Plan, held: Role | None
) -> tuple[str, bool]:
    """What is done about a difference, and whether a look is to be owed for it."""
    if plan.step is Step.LEAVE and drift.is_known(standing, held):
        return TOLD, False
    if stored.owed.get(standing.key, 0) > 0:
        return IN_HAND, False
    if plan.hand is Hand.PUT_BACK:
        return PUT_BACK, True
    if plan.step is Step.NOTHING:
        return RIGHT_AGAIN, True
    return (CARRIED_OUT if plan.step is Step.WRITE else LEFT), True


def _owe(deps: Comparing, stored: _Stored, differences: Sequence[Difference]) -> None:
    known = {one.key: one for one in stored.standings}
    now = deps.clock()
    for first in range(0, len(differences), BATCH):
        batch = differences[first : first + BATCH]
        with deps.begin() as work:
            for one in batch:
                if one.found == NO_JOB:
                    log.warning("nobody was at work on it", extra={"standing": one.standing})
                of = known.get(one.standing) or stored.grants[one.standing][0]
                work.ensure(of, at=now)
