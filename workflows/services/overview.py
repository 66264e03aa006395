"""What one person sees: what they have, what they asked for, what waits for them. Reads only."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from workflows.domain import policy
from workflows.domain.drift import Instead, instead_of
from workflows.domain.entitlements import EmailAddress, Organization, Place, Role, Team
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.policy import Approval
from workflows.domain.reactions import JobKind
from workflows.domain.requests import AccessRequest
from workflows.domain.roster import Roster
from workflows.domain.standings import Standing, standing_key
from workflows.domain.stuck import StuckItem
from workflows.errors import NotAnApprover
from workflows.services import stuck
from workflows.services.deps import Deps
from workflows.storage.unit_of_work import UnitOfWork

RECENT = 20  # requests of one's own that are shown
MOST_PENDING = 500  # pending requests that are looked through
MOST_STUCK = 10  # things that are stuck and shown one by one


@dataclass(frozen=True, slots=True)
class Overview:
    """`standing_roles`: what W&B shows the person to hold, place by place, whoever gave it.

    `instead`: what it shows in place of an active grant, by its id, where somebody changed that.
    `stuck` is for admins of the organization: the first few of `stuck_count`.
    """

    standing_roles: Sequence[tuple[Place, Role]] = ()
    grants: Sequence[Grant] = ()
    instead: Mapping[str, Instead] = field(default_factory=dict)
    requests: Sequence[AccessRequest] = ()
    waiting: Sequence[AccessRequest] = field(default=())
    stuck: Sequence[StuckItem] = ()
    stuck_count: int = 0


def overview_of(deps: Deps, person: EmailAddress) -> Overview:
    """Everything for the Home tab and for `my-access`."""
    roster = deps.rosters.current()
    with deps.look() as work:
        open_grants = _open_grants(work, person, roster)
        instead = _instead(work, open_grants)
        asked = work.requests.of(person, limit=RECENT)
        pending = work.requests.pending(limit=MOST_PENDING)
        items, count = _stuck(work, person, roster, deps.clock())
    waiting = [one for one in pending if _waits_for(deps, one, person, roster)]
    roles = _roles_of(roster, person)
    return Overview(roles, open_grants, instead, asked, waiting, items, count)


def _open_grants(work: UnitOfWork, person: EmailAddress, roster: Roster) -> list[Grant]:
    """Theirs, and what their W&B account was given when it had another address."""
    found = work.grants.open_of(person)
    known = roster.find_person(person)
    for other in work.standings.noted_for(known.account) if known else ():
        if other.person != person:
            found += work.grants.open_of(other.person, other.place)
    return found


def _instead(work: UnitOfWork, open_grants: Sequence[Grant]) -> dict[str, Instead]:
    """By one look a place: a person has few."""
    active = [one for one in open_grants if one.status is GrantStatus.ACTIVE]
    if not active:
        return {}
    places = dict.fromkeys((one.person, one.place) for one in active)
    there = [work.standings.get(person, place) for person, place in places]
    states = work.outbox.states(JobKind.ENSURE, [one.key for one in there])
    failing = {key for key, state in states.items() if state.last_error}
    return _by_id(active, there, failing)


def everywhere_instead(
    work: UnitOfWork, open_grants: Sequence[Grant], *, now: datetime
) -> dict[str, Instead]:
    """What W&B shows in place of these, by the grant's id; by one look at all that is open."""
    owed = work.watched.owed()
    failing = {key for key, attempts in owed.items() if attempts}
    return _by_id(open_grants, work.watched.standings(ended_after=now), failing)


def _by_id(
    open_grants: Sequence[Grant], standings: Iterable[Standing], failing: Collection[str]
) -> dict[str, Instead]:
    there = {one.key: one for one in standings}
    return {
        grant.id: instead
        for grant in open_grants
        if (standing := there.get(standing_key(grant.person, grant.place)))
        and (instead := instead_of(standing, grant, failing=standing.key in failing))
    }


def _stuck(
    work: UnitOfWork, person: EmailAddress, roster: Roster, now: datetime
) -> tuple[Sequence[StuckItem], int]:
    if person not in roster.admins(Organization()):
        return (), 0
    count = stuck.count(work, now=now).all
    return stuck.listed(work, now=now, limit=MOST_STUCK) if count else (), count


def request_and_grant(deps: Deps, id: str) -> tuple[AccessRequest, Grant | None]:
    """One request, and its grant if it was approved. Raises `NotFound`."""
    with deps.look() as work:
        return work.requests.get(id), work.grants.find(id)


def _waits_for(deps: Deps, request: AccessRequest, person: EmailAddress, roster: Roster) -> bool:
    if any(one.approver == person for one in request.approvals):
        return False
    try:
        policy.authorize(deps.policy, request, person, roster)
    except NotAnApprover:
        return False
    return True


def _roles_of(roster: Roster, person: EmailAddress) -> list[tuple[Place, Role]]:
    known = roster.find_person(person)
    if known is None:
        return []
    teams = sorted(roster.teams.values(), key=lambda team: team.name)
    held: list[tuple[Place, Role]] = [
        (Team(team.name), role) for team in teams if (role := team.roles.get(known.account))
    ]
    if known.organization_role:
        held.append((Organization(), known.organization_role))
    return held


def approvers_of(deps: Deps, request: AccessRequest) -> Approval:
    """Who may decide on this request now, by the last reading, and why each is asked."""
    roster = deps.rosters.recent()
    terms = deps.policy.terms(request.place, request.role)
    found = policy.approvers_of(terms, request.place, roster, requester=request.requester)
    return Approval(terms, found)
