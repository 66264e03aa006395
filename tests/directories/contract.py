"""What every directory does, said once and run against each of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import pytest

from workflows.domain.drift import lost_others
from workflows.domain.entitlements import (
    ADMIN,
    MEMBER,
    VIEWER,
    Organization,
    Place,
    Rank,
    Role,
    Team,
    custom_role,
    email_of,
)
from workflows.domain.standings import Reading
from workflows.errors import DirectoryRejected
from workflows.ports import Directory

ADA = email_of("ada@corp.example")
BOB = email_of("bob@corp.example")
EVE = email_of("eve@corp.example")
OLGA = email_of("olga@corp.example")
VISION, SPEECH = Team("vision"), Team("speech")
STEWARD = custom_role("Release Steward", "member")


class World(Protocol):
    """The other side of a directory: set it up, and look at what is really there."""

    shows_roles: bool  # whether a member's role can be read, rather than only who is an admin

    @property
    def directory(self) -> Directory:
        """The directory under test."""

    def person(self, email: str, *, org_role: str = "member", active: bool = True) -> str:
        """Make an account; gives its id."""

    def team(self, name: str, roles: Mapping[str, str]) -> None:
        """Make a team, with roles by address."""

    def steward(self) -> None:
        """Make the custom role `STEWARD`."""

    def really(self, email: str, place: Place) -> str | None:
        """The name of the role that is really held there."""


class DirectoryContract:
    """Ada is the admin of vision, Bob a viewer there, Eve outside; Olga is the organization's."""

    @pytest.fixture
    def seeded(self, world: World) -> World:
        for email in (ADA, BOB, EVE):
            world.person(email)
        world.person(OLGA, org_role="admin")
        world.steward()
        world.team("vision", {ADA: "admin", BOB: "viewer"})
        world.team("speech", {ADA: "admin", BOB: "Release Steward", EVE: "viewer"})
        world.directory.roster()
        return world

    def test_an_address_that_nobody_has_reads_as_no_account(self, seeded: World) -> None:
        assert _read(seeded, "nobody@corp.example", VISION).account is None

    def test_an_account_that_is_gone_reads_as_no_account(self, seeded: World) -> None:
        reading = seeded.directory.read(EVE, VISION, account="VXNlcjo5OTk5OTk=")

        assert reading.account is None

    def test_who_is_not_in_the_team_holds_nothing_for_certain(self, seeded: World) -> None:
        reading = _read(seeded, EVE, VISION)

        assert (reading.held, reading.exact, reading.active) == (None, True, True)

    def test_an_admin_of_the_team_reads_as_one(self, seeded: World) -> None:
        reading = _read(seeded, ADA, VISION)

        assert (reading.held, reading.exact) == (ADMIN, True)

    def test_another_role_reads_as_it_is_or_as_not_exact(self, seeded: World) -> None:
        assert _agrees(_read(seeded, BOB, VISION), VIEWER)
        assert _agrees(_read(seeded, BOB, SPEECH), STEWARD)

    def test_the_other_teams_are_in_the_reading_when_roles_can_be_read(self, seeded: World) -> None:
        reading = _read(seeded, BOB, VISION)

        assert reading.others == ({"speech": "Release Steward"} if seeded.shows_roles else None)

    @pytest.mark.parametrize("role", [VIEWER, MEMBER, ADMIN, STEWARD], ids=str)
    def test_a_role_is_given_and_read_back(self, seeded: World, role: Role) -> None:
        seen = _read(seeded, EVE, VISION)

        back = seeded.directory.set_role(EVE, VISION, role, seen=seen)
        if lost := lost_others(seen.others, back.others):  # on a server that replaces all
            seeded.directory.put_back_others(back, lost)

        assert seeded.really(EVE, VISION) == role.name
        assert (back.held, back.exact) == (role, True)
        assert seeded.really(EVE, SPEECH) == "viewer"
        assert seeded.really(BOB, VISION) == "viewer"

    @pytest.mark.parametrize("role", [MEMBER, ADMIN, STEWARD], ids=str)
    def test_a_held_role_is_changed(self, seeded: World, role: Role) -> None:
        back = seeded.directory.set_role(BOB, VISION, role, seen=_read(seeded, BOB, VISION))

        assert seeded.really(BOB, VISION) == role.name
        assert (back.held, back.exact) == (role, True)

    def test_a_raise_is_taken_back_to_what_was_there(self, seeded: World) -> None:
        raised = seeded.directory.set_role(BOB, VISION, ADMIN, seen=_read(seeded, BOB, VISION))

        seeded.directory.set_role(BOB, VISION, VIEWER, seen=raised)

        assert seeded.really(BOB, VISION) == "viewer"

    def test_taking_away_takes_one_person_out_of_one_team(self, seeded: World) -> None:
        back = seeded.directory.set_role(BOB, VISION, None, seen=_read(seeded, BOB, VISION))

        assert (back.held, back.exact) == (None, True)
        assert seeded.really(BOB, VISION) is None
        assert seeded.really(BOB, SPEECH) == "Release Steward"
        assert seeded.really(ADA, VISION) == "admin"

    def test_everything_may_be_said_twice(self, seeded: World) -> None:
        for role in (MEMBER, MEMBER, None, None):
            seen = _read(seeded, EVE, VISION)
            seeded.directory.set_role(EVE, VISION, role, seen=seen)

            assert seeded.really(EVE, VISION) == (role and role.name)

    def test_a_stale_reading_adds_and_removes_all_the_same(self, seeded: World) -> None:
        outside = _read(seeded, EVE, VISION)
        seeded.directory.set_role(EVE, VISION, MEMBER, seen=outside)

        seeded.directory.set_role(EVE, VISION, MEMBER, seen=outside)
        seeded.directory.set_role(EVE, VISION, None, seen=outside)

        assert seeded.really(EVE, VISION) is None

    def test_nothing_is_given_in_a_team_that_is_not_there(self, seeded: World) -> None:
        seen = _read(seeded, EVE, VISION)

        with pytest.raises(DirectoryRejected, match="no team nowhere"):
            seeded.directory.set_role(EVE, Team("nowhere"), MEMBER, seen=seen)

    def test_nothing_is_given_to_nobody(self, seeded: World) -> None:
        with pytest.raises(DirectoryRejected, match="no W&B account"):
            seeded.directory.set_role(EVE, VISION, MEMBER, seen=Reading(account=None))

    def test_the_role_in_the_organization_is_changed_and_put_back(self, seeded: World) -> None:
        if not seeded.shows_roles:
            with pytest.raises(DirectoryRejected, match="does not say"):
                _read(seeded, EVE, Organization())
            return
        seen = _read(seeded, EVE, Organization())
        assert seen.held == MEMBER

        raised = seeded.directory.set_role(EVE, Organization(), ADMIN, seen=seen)
        assert raised.held == ADMIN
        assert seeded.really(EVE, Organization()) == "admin"

        seeded.directory.set_role(EVE, Organization(), MEMBER, seen=raised)
        assert seeded.really(EVE, Organization()) == "member"

    @pytest.mark.parametrize("role", [VIEWER, None, STEWARD], ids=str)
    def test_the_organization_is_never_left_and_never_gets_viewers(
        self, seeded: World, role: Role | None
    ) -> None:
        seen = replace(_read(seeded, EVE, VISION), held=MEMBER)

        with pytest.raises(DirectoryRejected, match="In the organization"):
            seeded.directory.set_role(EVE, Organization(), role, seen=seen)

        assert seeded.really(EVE, Organization()) == "member"

    def test_an_invitation_makes_one_account_however_often(self, seeded: World) -> None:
        zoe = email_of("zoe@corp.example")

        account = seeded.directory.invite(zoe)

        assert seeded.directory.invite(zoe) == account
        assert _read(seeded, zoe, VISION).account == account
        seen = seeded.directory.read(zoe, VISION, account=account)
        assert seeded.directory.set_role(zoe, VISION, MEMBER, seen=seen).held == MEMBER

    def test_an_invitation_of_somebody_who_is_there_makes_nothing(self, seeded: World) -> None:
        assert seeded.directory.invite(EVE) == _read(seeded, EVE, VISION).account

    def test_the_roster_has_everybody(self, seeded: World) -> None:
        roster = seeded.directory.roster()

        assert set(roster.teams) == {"vision", "speech"}
        assert {person.email for person in roster.people.values()} >= {ADA, BOB, EVE, OLGA}
        assert roster.admins(VISION) == {ADA}
        assert roster.custom_roles == {"Release Steward": STEWARD}
        bob = roster.find_person(BOB)
        assert bob is not None
        assert roster.teams["vision"].roles[bob.account] == (VIEWER if seeded.shows_roles else None)
        assert roster.role_of(EVE, VISION) is None

    def test_who_is_deactivated_or_not_in_the_team_is_no_admin(self, world: World) -> None:
        world.person(ADA, active=False)
        world.person(BOB)
        world.team("vision", {ADA: "admin", BOB: "member"})

        assert world.directory.roster().admins(VISION) == frozenset()

    def test_an_unknown_account_is_not_our_own(self, seeded: World) -> None:
        assert not seeded.directory.is_own_account("")
        assert not seeded.directory.is_own_account(_read(seeded, EVE, VISION).account or "")


def _read(world: World, email: str, place: Place) -> Reading:
    return world.directory.read(email_of(email), place, account=None)


def _agrees(reading: Reading, role: Role) -> bool:
    if reading.exact:
        return reading.held == role
    return reading.held is None and role.rank < Rank.ADMIN
