"""What a form offers one person."""

from tests.builders import ADA, ADMIN, EVE, VISION, terms
from tests.services.rig import Rig
from workflows.domain.entitlements import EmailAddress
from workflows.domain.policy import Policy, Rule
from workflows.services.choices import organization_choices, team_choices

NEW = EmailAddress("new@corp.example")


def test_every_team_is_offered_with_every_role_there_is(rig: Rig) -> None:
    offered = team_choices(rig.deps, EVE)

    assert offered.teams == ["speech", "vision"]
    assert offered.roles == ["viewer", "member", "admin", "Release Steward"]
    assert offered.has_account
    assert not offered.permanent
    assert offered.terms == rig.deps.policy.defaults


def test_a_team_whose_admin_one_is_anyway_is_not_offered(sqlite_rig: Rig) -> None:
    assert team_choices(sqlite_rig.deps, ADA).teams == ["speech"]


def test_a_team_whose_admin_one_is_by_a_grant_is_offered_again(rig: Rig) -> None:
    rig.approved(role=ADMIN)
    rig.run()
    rig.rosters.read()
    assert rig.held(EVE, VISION) == ADMIN

    assert team_choices(rig.deps, EVE).teams == ["speech", "vision"]


def test_what_the_policy_never_allows_is_not_offered(sqlite_rig: Rig) -> None:
    closed = Rule(teams=("speech",), terms=terms(allowed=False))
    no_admins = Rule(roles=("admin",), terms=terms(allowed=False))
    lasting = Rule(roles=("viewer",), terms=terms(permanent=True))
    sqlite_rig.rewire(policy=Policy(rules=(closed, no_admins, lasting)))

    offered = team_choices(sqlite_rig.deps, EVE)

    assert offered.teams == ["vision"]
    assert offered.roles == ["viewer", "member", "Release Steward"]
    assert offered.permanent


def test_whoever_has_no_account_is_offered_only_what_invites(sqlite_rig: Rig) -> None:
    assert team_choices(sqlite_rig.deps, NEW).teams == ["speech", "vision"]
    assert not team_choices(sqlite_rig.deps, NEW).has_account

    sqlite_rig.rewire(policy=Policy(defaults=terms(invite_new_people=False)))

    assert team_choices(sqlite_rig.deps, NEW).teams == []
    assert organization_choices(sqlite_rig.deps, NEW).roles == []


def test_organization_roles_are_offered_as_the_policy_allows(sqlite_rig: Rig) -> None:
    assert organization_choices(sqlite_rig.deps, EVE).roles == ["member", "admin"]

    by_hand = Rule(organization_roles=("admin",), terms=terms(allowed=False))
    sqlite_rig.rewire(policy=Policy(rules=(by_hand,)))

    assert organization_choices(sqlite_rig.deps, EVE).roles == ["member"]
