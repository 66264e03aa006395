"""The directory that is a dictionary keeps the contract, and fails on demand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.directories.contract import (
    ADA,
    BOB,
    EVE,
    SPEECH,
    STEWARD,
    VISION,
    DirectoryContract,
    World,
)
from workflows.directories.memory import MemoryDirectory
from workflows.domain.entitlements import ADMIN, MEMBER, PREDEFINED, VIEWER, Organization, Place
from workflows.errors import DirectoryChanged, DirectoryRejected, DirectoryUnavailable


@dataclass
class MemoryWorld:
    """The dictionary, seen from the other side."""

    directory: MemoryDirectory = field(default_factory=MemoryDirectory)
    shows_roles: bool = True

    def person(self, email: str, *, org_role: str = "member", active: bool = True) -> str:
        """Make an account; gives its id."""
        role = PREDEFINED[org_role]
        return self.directory.add_person(email, organization_role=role, active=active)

    def team(self, name: str, roles: Mapping[str, str]) -> None:
        """Make a team, with roles by address."""
        known = {**PREDEFINED, STEWARD.name: STEWARD}
        self.directory.add_team(name, {who: known[role] for who, role in roles.items()})

    def steward(self) -> None:
        """Make the custom role `STEWARD`."""
        self.directory.custom_roles[STEWARD.name] = STEWARD

    def really(self, email: str, place: Place) -> str | None:
        """The name of the role that is really held there."""
        role = self.directory.role_of(email, place)
        return role.name if role else None


class TestMemoryDirectory(DirectoryContract):
    @pytest.fixture
    def world(self) -> World:
        return MemoryWorld()


class TestMemoryDirectoryThatShowsOnlyAdmins(DirectoryContract):
    @pytest.fixture
    def world(self) -> World:
        return MemoryWorld(MemoryDirectory(shows_roles=False), shows_roles=False)


@pytest.mark.parametrize(("after", "held"), [(False, None), (True, MEMBER)])
def test_a_failure_comes_once_and_before_or_after_the_change(after: bool, held: object) -> None:
    directory = MemoryDirectory()
    directory.add_person(EVE)
    directory.add_team("vision")
    seen = directory.read(EVE, VISION, account=None)
    directory.fail_next(DirectoryUnavailable("down"), on="set_role", after=after)

    with pytest.raises(DirectoryUnavailable):
        directory.set_role(EVE, VISION, MEMBER, seen=seen)

    assert directory.role_of(EVE, VISION) == held
    assert directory.set_role(EVE, VISION, MEMBER, seen=seen).held == MEMBER


def test_a_change_since_the_reading_has_to_be_read_again() -> None:
    directory = MemoryDirectory()
    directory.add_person(BOB)
    directory.add_team("vision", {BOB: VIEWER})
    seen = directory.read(BOB, VISION, account=None)
    directory.put(BOB, VISION, MEMBER)

    with pytest.raises(DirectoryChanged):
        directory.set_role(BOB, VISION, ADMIN, seen=seen)


def test_what_a_write_costs_elsewhere_is_put_back_and_then_spared() -> None:
    directory = MemoryDirectory(replaces_all=True)
    directory.add_person(BOB)
    directory.add_team("vision", {BOB: VIEWER})
    directory.add_team("speech", {BOB: ADMIN})
    seen = directory.read(BOB, VISION, account=None)

    back = directory.set_role(BOB, VISION, ADMIN, seen=seen)
    assert back.others == {"speech": "member"}
    directory.put_back_others(back, {"speech": "admin"})

    assert directory.role_of(BOB, SPEECH) == ADMIN
    assert directory.role_of(BOB, VISION) == ADMIN


def test_a_hook_sees_every_change_from_both_sides() -> None:
    seen_by_hook: list[str] = []
    directory = MemoryDirectory(
        before=lambda method: seen_by_hook.append(f"before {method}"),
        after=lambda method: seen_by_hook.append(f"after {method}"),
    )

    account = directory.invite(EVE)
    directory.set_role(
        EVE, Organization(), ADMIN, seen=directory.read(EVE, VISION, account=account)
    )

    assert seen_by_hook == ["before invite", "after invite", "before set_role", "after set_role"]
    assert ("invite", EVE, "") in directory.calls


def test_a_directory_without_a_seat_invites_nobody() -> None:
    directory = MemoryDirectory(seats=0)

    with pytest.raises(DirectoryRejected, match="no free seat"):
        directory.invite(ADA)


def test_people_can_be_deleted_deactivated_and_ambiguous() -> None:
    directory = MemoryDirectory()
    for email in (ADA, BOB):
        directory.add_person(email)
    directory.add_team("vision", {ADA: ADMIN})

    directory.set_active(BOB, False)
    directory.delete_person(ADA)
    directory.add_person(EVE)
    directory.add_person(EVE)

    assert directory.read(ADA, VISION, account=None).account is None
    assert not directory.read(BOB, VISION, account=None).active
    with pytest.raises(DirectoryRejected, match="Several"):
        directory.read(EVE, VISION, account=None)
