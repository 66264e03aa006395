"""What is never done whatever was approved: giving fails; taking back is stuck and goes on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, OLGA, ORGANIZATION, VIEWER, VISION, terms
from tests.services.rig import Rig
from workflows.directories.memory import MemoryDirectory
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import NamedPerson, Policy
from workflows.domain.standings import Reading
from workflows.errors import DirectoryUnavailable


def only_admin(rig: Rig, place: Place) -> str:
    """Eve is given admin there, and then everybody else stops being one."""
    rig.rewire(policy=Policy(defaults=terms(approvers=(NamedPerson(OLGA),))))
    id = rig.approved(place=place, role=ADMIN, by=OLGA)
    rig.run()
    assert rig.held(place=place) == ADMIN
    for email in (ADA, BOB, OLGA):
        if rig.held(email, place) == ADMIN:
            rig.directory.put(email, place, MEMBER)
    return id


@pytest.mark.parametrize(("place", "prior"), [(VISION, None), (ORGANIZATION, MEMBER)])
def test_the_last_admin_is_stuck_told_once_and_goes_on_when_there_is_another(
    rig: Rig, place: Place, prior: Role | None
) -> None:
    id = only_admin(rig, place)

    rig.wait(timedelta(hours=8))
    assert rig.held(place=place) == ADMIN
    assert rig.grant(id).status is GrantStatus.ENDING
    assert "Nobody else is an admin there" in rig.grant(id).stuck
    assert rig.notifier.notice(id).grant == rig.grant(id)
    for _ in range(5):
        rig.wait(timedelta(minutes=20))
    assert rig.events(id).count("RevocationStuck") == 1

    rig.directory.put(ADA, place, ADMIN)
    rig.rosters.read()
    rig.wait(timedelta(minutes=20))
    assert rig.held(place=place) == prior
    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.grant(id).stuck == ""


def test_a_stuck_end_alarms_every_organization_admin_once(rig: Rig) -> None:
    rig.directory.add_person("oscar@corp.example", organization_role=ADMIN)
    rig.rosters.read()
    only_admin(rig, VISION)

    rig.wait(timedelta(hours=8))
    rig.wait(timedelta(hours=1))

    assert rig.notifier.alerts() == [
        ("RevocationStuck", f"approver:{OLGA}"),
        ("RevocationStuck", "approver:oscar@corp.example"),
    ]


def test_an_admin_who_is_deactivated_is_not_another_admin(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(role=ADMIN)
    rig.run()
    rig.directory.put(BOB, VISION, None)
    rig.directory.set_active(ADA, False)

    rig.wait(timedelta(hours=8))

    assert rig.held() == ADMIN
    assert rig.grant(id).stuck


def test_the_bots_own_account_is_never_raised(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.own_account = rig.directory.account_of(EVE)
    id = rig.approved(role=ADMIN)
    rig.run()

    assert rig.grant(id).status is GrantStatus.FAILED
    assert "the bot itself works with" in rig.grant(id).note
    assert rig.held() is None


def test_the_bots_own_account_is_never_lowered(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(role=ADMIN)
    rig.run()
    rig.directory.own_account = rig.directory.account_of(EVE)

    rig.wait(timedelta(hours=8))

    assert rig.held() == ADMIN
    assert "the bot itself works with" in rig.grant(id).stuck
    rig.directory.own_account = ""
    rig.wait(timedelta(minutes=20))
    assert rig.held() is None


class Machines(MemoryDirectory):
    """Says of everybody that it is a service account, and still shows their roles."""

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """As it is, but for that."""
        return replace(super().read(person, place, account=account), human=False)


def test_an_account_that_became_a_service_account_is_stuck(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(role=MEMBER)
    rig.run()
    machines = Machines(clock=rig.clock)
    machines.accounts, machines.teams = rig.directory.accounts, rig.directory.teams
    rig.rewire(directory=machines)

    rig.wait(timedelta(hours=8))

    assert "service account" in rig.grant(id).stuck


def test_a_fence_met_by_a_new_grant_fails_it_and_leaves_the_others(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    member = rig.approved(role=MEMBER)
    rig.run()
    rig.directory.shows_roles = False
    rig.directory.put(EVE, VISION, None)
    rig.directory.put(EVE, VISION, VIEWER)
    admin = rig.approved(role=ADMIN)
    rig.run()

    assert rig.grant(admin).status in (GrantStatus.ACTIVE, GrantStatus.FAILED)
    assert rig.grant(member).status is GrantStatus.ACTIVE


def test_what_is_over_and_cannot_be_taken_back_for_two_minutes_is_told(rig: Rig) -> None:
    id = rig.approved()
    rig.run()
    for _ in range(20):
        rig.directory.fail_next(DirectoryUnavailable("502"), on="read")

    rig.wait(timedelta(hours=8))
    assert rig.grant(id).stuck == ""
    for _ in range(12):
        rig.wait(timedelta(minutes=1))

    assert "W&B does not answer" in rig.grant(id).stuck
    assert rig.events(id).count("RevocationStuck") == 1
    assert rig.notifier.alerts() == [("RevocationStuck", f"approver:{OLGA}")]
    rig.drain()
    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED


def test_with_nobody_to_alarm_the_end_still_goes_on(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = only_admin(rig, VISION)
    rig.directory.put(OLGA, ORGANIZATION, MEMBER)
    rig.rosters.read()

    rig.wait(timedelta(hours=8))

    assert rig.grant(id).stuck
    assert rig.notifier.alerts() == []
