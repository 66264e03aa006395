"""What a form may offer one person. Offers only; what comes back is checked like anything else."""

from collections.abc import Sequence
from dataclasses import dataclass

from workflows.domain.entitlements import EmailAddress, Organization, Rank, Role, Team
from workflows.domain.policy import Terms
from workflows.domain.roster import Roster
from workflows.services.deps import Deps
from workflows.services.requests import holdings
from workflows.storage.unit_of_work import UnitOfWork


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
    roster = deps.rosters.current()
    has_account = roster.find_person(person) is not None
    known = _roles(roster, ("viewer", "member", "admin"))
    teams: list[str] = []
    offered: dict[str, Terms] = {}
    with deps.look() as work:
        for name in sorted(roster.teams):
            terms = {role.name: deps.policy.terms(Team(name), role) for role in known}
            open_to = {
                role: one
                for role, one in terms.items()
                if one.allowed and (has_account or one.invite_new_people)
            }
            if open_to and not _is_admin(work, roster, person, Team(name)):
                teams.append(name)
                offered |= open_to
    return _choices(deps, teams, [role.name for role in known], offered, has_account)


def organization_choices(deps: Deps, person: EmailAddress) -> Choices:
    """The organization roles that may be asked for."""
    roster = deps.rosters.current()
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


def _is_admin(work: UnitOfWork, roster: Roster, person: EmailAddress, team: Team) -> bool:
    """Whether there is nothing more to ask for: admin there anyway, not by a grant of ours."""
    if roster.role_of(person, team) is None:
        return False
    held, _ = holdings(work, roster, person, team)
    return held is not None and held.rank is Rank.ADMIN
