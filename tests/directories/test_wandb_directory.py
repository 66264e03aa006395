"""The W&B directory keeps the contract on every flavour, and claims no more than W&B says."""

import pytest

from sandbox.wandb_faults import Fault
from sandbox.wandb_profile import PROFILES
from tests.directories.contract import (
    ADA,
    EVE,
    VISION,
    DirectoryContract,
    World,
)
from tests.directories.wandb_rig import Rigs, WandbRig
from workflows.directories.graphql import TeamMember
from workflows.directories.scim import Resource
from workflows.directories.wandb_roster import find
from workflows.directories.wandb_wire import user_of
from workflows.domain.entitlements import ADMIN, MEMBER, Organization, Rank, email_of
from workflows.errors import DirectoryRejected, DirectoryUnavailable

_INCOMPLETE = {"cut-off", "graphql-silent", "graphql-relogin"}


@pytest.mark.parametrize("profile", sorted(PROFILES.keys() - _INCOMPLETE))
class TestWandbDirectory(DirectoryContract):
    @pytest.fixture
    def world(self, rigs: Rigs, profile: str) -> World:
        return rigs(profile)


@pytest.mark.parametrize("profile", ["graphql-silent", "graphql-relogin"])
def test_without_anybody_who_says_roles_nobody_is_admin_and_nothing_is_touched(
    rigs: Rigs, profile: str
) -> None:
    rig = rigs(profile)
    rig.person(ADA)
    rig.person(EVE)
    rig.team("vision", {ADA: "admin"})

    roster = rig.directory.roster()

    assert roster.admins(VISION) == frozenset()
    assert set(roster.teams["vision"].roles.values()) == {None}
    for email in (ADA, EVE):
        with pytest.raises(DirectoryRejected, match="newer W&B server"):
            rig.directory.read(email, VISION, account=None)
    assert rig.directory.read(email_of("no@corp.example"), VISION, account=None).account is None


def test_roles_that_only_a_call_for_one_person_shows_are_read_one_by_one(rigs: Rigs) -> None:
    rig = rigs("newest-st")
    rig.hides_in_lists = ("teamRoles", "organizationRole", "groups")
    for email in (ADA, EVE):
        rig.person(email, org_role="admin")
    rig.team("vision", {ADA: "admin"})

    roster = rig.directory.roster()

    assert roster.admins(VISION) == {ADA}
    assert roster.admins(Organization()) == {ADA, EVE}
    assert rig.dialects[-1].roles_from == "get"
    rig.seen()
    assert rig.directory.read(EVE, VISION, account=None).exact
    assert rig.directory.read(EVE, Organization(), account=None).held == ADMIN
    assert rig.seen() == ["GET Users"] * 4
    assert rig.directory.roster().admins(VISION) == {ADA}


def test_an_admin_who_has_not_accepted_yet_is_no_admin(rigs: Rigs) -> None:
    rig = rigs("get-without-roles")
    rig.person(ADA)
    rig.team("vision", {ADA: "admin"})
    rig.pending = True

    assert rig.directory.roster().admins(VISION) == frozenset()
    assert rig.directory.read(ADA, VISION, account=None).held == ADMIN


def test_a_server_without_the_filter_by_address_is_read_whole(rig: WandbRig) -> None:
    rig.api.faults.add(Fault(method="GET", path="Users", status=400))

    assert rig.directory.read(EVE, VISION, account=None).account is not None
    assert rig.seen() == ["GET Users", "GET Users"]


def test_an_address_that_two_accounts_have_is_refused(rig: WandbRig) -> None:
    rig.doubled = True

    with pytest.raises(DirectoryRejected, match="Several"):
        rig.directory.read(EVE, VISION, account=None)


def test_two_teams_of_one_name_are_both_left_alone(rig: WandbRig) -> None:
    seen = rig.directory.read(EVE, VISION, account=None)
    rig.doubled = True

    assert rig.directory.roster().teams == {}
    with pytest.raises(DirectoryRejected, match="several teams"):
        rig.directory.set_role(EVE, VISION, MEMBER, seen=seen)


def test_a_server_without_custom_roles_has_none(rig: WandbRig) -> None:
    rig.standin.add_custom_role("Run Auditor", "viewer")
    rig.api.faults.add(Fault(path="Roles", status=404))

    assert rig.directory.roster().custom_roles == {}


def test_a_custom_role_that_nobody_lists_counts_as_one_of_members(rig: WandbRig) -> None:
    rig.standin.add_custom_role("Run Auditor", "viewer")
    rig.standin.set_team_role(EVE, "vision", "Run Auditor")
    rig.api.faults.add(Fault(path="Roles", status=404))

    held = rig.directory.read(EVE, VISION, account=None).held

    assert held is not None
    assert (held.name, held.rank, held.custom) == ("Run Auditor", Rank.MEMBER, True)


def test_people_that_cannot_be_listed_are_asked_for_again_later(rig: WandbRig) -> None:
    rig.api.faults.add(Fault(path="Users", status=404))

    with pytest.raises(DirectoryUnavailable, match="cannot be listed"):
        rig.directory.roster()


def test_an_invited_person_is_known_to_graphql_by_address_only() -> None:
    invited = TeamMember(id="1", username="", email=EVE, admin=True, pending=True)
    namesake = TeamMember(id="2", username="eve2", email=EVE, admin=True, pending=False)
    user = user_of(Resource({"id": "1", "userName": "Eve", "emails": [{"value": EVE}]}))

    assert find(user, [namesake, invited]) == invited
    assert find(user, [namesake]) is None


def test_the_account_of_the_key_is_our_own(rig: WandbRig) -> None:
    assert rig.directory.is_own_account(rig.standin.id_of("access-bot"))


def test_a_list_that_is_cut_off_is_not_acted_on(rigs: Rigs) -> None:
    rig = rigs("cut-off")
    for name in ("a", "b", "c"):
        rig.person(f"{name}@corp.example")

    with pytest.raises(DirectoryUnavailable, match="partial list"):
        rig.directory.roster()


def test_a_service_account_reads_as_no_person_and_is_not_in_the_roster(rig: WandbRig) -> None:
    account = rig.standin.add_service_account("robot", teams=["vision"])

    reading = rig.directory.read(EVE, VISION, account=account)

    assert not reading.human
    assert account not in rig.directory.roster().people


def test_a_custom_role_called_admin_makes_no_admin(rig: WandbRig) -> None:
    rig.standin.allow_predefined_role_names = True
    rig.standin.add_custom_role("Admin", "member")
    rig.standin.set_team_role(EVE, "vision", "Admin")

    reading = rig.directory.read(EVE, VISION, account=None)
    roster = rig.directory.roster()

    assert reading.held is not None
    assert (reading.held.rank, reading.held.custom) == (Rank.MEMBER, True)
    assert roster.admins(VISION) == {ADA}
    assert roster.custom_roles == {}


def test_a_name_that_two_roles_have_is_refused(rig: WandbRig) -> None:
    rig.standin.allow_predefined_role_names = True
    rig.standin.add_custom_role("admin", "member")

    assert rig.directory.roster().admins(VISION) == frozenset()
    with pytest.raises(DirectoryRejected, match="rename it"):
        rig.directory.read(ADA, VISION, account=None)
    with pytest.raises(DirectoryRejected, match="rename it"):
        rig.directory.set_role(
            EVE, VISION, ADMIN, seen=rig.directory.read(EVE, VISION, account=None)
        )
    assert rig.really(EVE, VISION) is None


def test_a_custom_role_that_is_new_is_looked_up_once(rig: WandbRig) -> None:
    rig.standin.add_custom_role("Run Auditor", "viewer")
    rig.standin.set_team_role(EVE, "vision", "Run Auditor")

    reading = rig.directory.read(EVE, VISION, account=None)

    assert reading.held is not None
    assert (reading.held.name, reading.held.rank) == ("Run Auditor", Rank.VIEWER)
    assert rig.seen() == ["GET Users", "GET Roles"]
    rig.directory.read(EVE, VISION, account=None)
    assert rig.seen() == ["GET Users"]
