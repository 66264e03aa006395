"""What a form may offer one person. Offers only; what comes back is checked like anything else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workflows.domain.entitlements import EmailAddress, Organization, Rank, Role, Team
from workflows.domain.policy import Policy, Terms
from workflows.domain.roster import Roster, RosterPerson
from workflows.services.deps import Deps
from workflows.services.requests import holdings


@dataclass(frozen=True, slots=True)
class Choices:
    """`permanent`: whether something that is offered may be asked for without an end."""

    teams: Sequence[str]
    roles: Sequence[str]
    terms: Terms
    permanent: bool
    has_account: bool


def team_choices(deps: Deps, person: EmailAddress) -> Choices:
    """The teams that this person may ask for something in, and the roles that may be asked for."""
    roster = deps.rosters.recent()
    account = roster.find_person(person)
    known = _roles(roster, ("viewer", "member", "admin"))
    open_teams = _OPEN_TEAMS.to(account is not None, deps.policy, roster, known)
    if account is not None:
        full = _full_teams(deps, roster, account)
        open_teams = [(name, roles) for name, roles in open_teams if name not in full]
    offered: dict[str, Terms] = {}
    for roles in {id(roles): roles for _, roles in open_teams}.values():
        offered |= roles
    names = [name for name, _ in open_teams]
    return _choices(deps, names, [role.name for role in known], offered, account is not None)


_Open = Sequence[tuple[str, Mapping[str, Terms]]]  # a team, and what may be asked for in it


class _OpenTeams:
    """What the policy allows by one reading of W&B, worked out once for everybody.

    There may be thousands of teams, the search asks at every few letters, and a reading lasts for
    twenty seconds. The one thing that is kept is replaced whole: threads may work it out twice.
    """

    def __init__(self) -> None:
        self._last: tuple[Policy, Roster, dict[bool, _Open]] | None = None

    def to(self, has_account: bool, policy: Policy, roster: Roster, roles: Sequence[Role]) -> _Open:
        last = self._last
        if last is None or last[0] is not policy or last[1] is not roster:
            both = {known: _open_teams(policy, roster, roles, known) for known in (True, False)}
            self._last = last = (policy, roster, both)
        return last[2][has_account]


_OPEN_TEAMS = _OpenTeams()


def _open_teams(policy: Policy, roster: Roster, roles: Sequence[Role], has_account: bool) -> _Open:
    """By name. Teams in which the same may be asked for share one mapping."""
    shared: dict[tuple[int, ...], Mapping[str, Terms]] = {}
    found = []
    for name in sorted(roster.teams):
        team = Team(name)
        terms = {role.name: policy.terms(team, role) for role in roles}
        allowed = {
            role: one
            for role, one in terms.items()
            if one.allowed and (has_account or one.invite_new_people)
        }
        if allowed:
            same = (*map(hash, allowed), *map(id, allowed.values()))
            found.append((name, shared.setdefault(same, allowed)))
    return found


def organization_choices(deps: Deps, person: EmailAddress) -> Choices:
    """The organization roles that may be asked for."""
    roster = deps.rosters.recent()
    has_account = roster.find_person(person) is not None
    known = [role for name in ("member", "admin") if (role := roster.find_role(name))]
    terms = {role.name: deps.policy.terms(Organization(), role) for role in known}
    offered = {
        role: one
        for role, one in terms.items()
        if one.allowed and (has_account or one.invite_new_people)
    }
    return _choices(deps, (), [role.name for role in known], offered, has_account)


def _choices(
    deps: Deps,
    teams: Sequence[str],
    roles: Sequence[str],
    offered: dict[str, Terms],
    has_account: bool,
) -> Choices:
    return Choices(
        teams=teams,
        roles=[role for role in roles if role in offered],
        terms=deps.policy.defaults,
        permanent=any(terms.permanent for terms in offered.values()),
        has_account=has_account,
    )


def _roles(roster: Roster, predefined: Sequence[str]) -> list[Role]:
    names = (*predefined, *sorted(roster.custom_roles))
    return [role for name in names if (role := roster.find_role(name))]


def _full_teams(deps: Deps, roster: Roster, person: RosterPerson) -> set[str]:
    """Where there is nothing more to ask for: admin there anyway, not by a grant of ours."""
    theirs = [name for name, team in roster.teams.items() if team.roles.get(person.account)]
    full = set()
    if theirs:
        with deps.look() as work:
            for name in theirs:
                held, _ = holdings(work, roster, person.email, Team(name))
                if held is not None and held.rank is Rank.ADMIN:
                    full.add(name)
    return full
