"""Who counts as the other admin when an admin's role is taken back."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, HOUR, MEMBER, OLGA, ORGANIZATION, VISION, terms
from tests.services.rig import Rig
from tests.services.watched import watch
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Place
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import NamedPerson, Policy
from workflows.domain.standings import Reading
from workflows.errors import DirectoryUnavailable
from workflows.worker import DIRECTORY

DAN = EmailAddress("dan@corp.example")
EVE_NEW = EmailAddress("eve.new@corp.example")
ONE_HOUR = Span(3600)


class Meeting:
    """Lets two passes wait for each other, each when it first reads somebody else as a witness."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)
        self._pass_of = threading.local()
        self.met: set[EmailAddress] = set()

    def __call__(self, person: EmailAddress, account: str | None, reading: Reading) -> Reading:
        """A pass begins by reading its own person by account; witnesses are read by address."""
        if account is not None:
            self._pass_of.person = person
        elif person != self._pass_of.person and self._pass_of.person not in self.met:
            self.met.add(self._pass_of.person)
            self._barrier.wait(60)
        return reading


def test_of_two_admins_whose_access_ends_at_once_one_stays_and_it_is_told(rig: Rig) -> None:
    rig.directory.add_person(DAN)
    rig.rosters.read()
    ids = [
        rig.approved(role=ADMIN, duration=ONE_HOUR),
        rig.approved(requester=DAN, role=ADMIN, duration=ONE_HOUR, by=BOB),
    ]
    rig.run()
    rig.directory.put(ADA, VISION, None)
    rig.directory.put(BOB, VISION, None)
    rig.clock.advance(HOUR)
    rig.rosters.read()
    rig.tick()
    meeting = Meeting()
    watch(rig, meeting)

    def work() -> None:
        while len(meeting.met) < 2:  # a claim that lost its race is tried again
            rig.worker.run_due(DIRECTORY)
        rig.worker.run_due(DIRECTORY)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    rig.wait(timedelta(minutes=1))

    assert list(rig.directory.teams["vision"].values()) == [ADMIN]
    statuses = sorted(rig.grant(id).status for id in ids)
    assert statuses == [GrantStatus.ENDED, GrantStatus.ENDING]
    stuck = [rig.grant(id).stuck for id in ids if rig.grant(id).status is GrantStatus.ENDING]
    assert "Nobody else is an admin there" in stuck[0]
    assert rig.notifier.alerts() == [("RevocationStuck", f"approver:{OLGA}")]


@pytest.mark.parametrize("place", [VISION, ORGANIZATION])
def test_a_person_under_a_new_address_is_not_the_other_admin(sqlite_rig: Rig, place: Place) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(defaults=terms(approvers=(NamedPerson(OLGA),))))
    id = rig.approved(place=place, role=ADMIN, duration=ONE_HOUR, by=OLGA)
    rig.run()
    account = rig.directory.account_of(EVE)
    renamed = replace(rig.directory.accounts[account], email=EVE_NEW, emails=frozenset({EVE_NEW}))
    rig.directory.accounts[account] = renamed
    for other in (ADA, BOB, OLGA):
        if rig.held(other, place) == ADMIN:
            rig.directory.put(other, place, MEMBER)
    rig.rosters.read()
    assert rig.rosters.current().admins(place) == {EVE_NEW}

    rig.wait(HOUR)

    assert rig.held(EVE_NEW, place) == ADMIN
    assert rig.grant(id).status is GrantStatus.ENDING
    assert "Nobody else is an admin there" in rig.grant(id).stuck


def test_who_became_an_admin_a_moment_ago_is_the_other_admin(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(role=ADMIN, duration=ONE_HOUR)
    rig.run()
    for other in (ADA, BOB):
        rig.directory.put(other, VISION, None)
    rig.rosters.read()
    rig.directory.put(OLGA, VISION, ADMIN)
    assert rig.rosters.current().admins(VISION) == {EVE}

    rig.wait(HOUR)

    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.notifier.alerts() == []


def sick(person: EmailAddress, account: str | None, reading: Reading) -> Reading:
    """W&B fails at Ada's record, and at no other."""
    if person == ADA:
        raise DirectoryUnavailable("500 for this record")
    return reading


def test_one_sick_record_of_an_admin_holds_up_nothing_when_another_is_well(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = rig.approved(role=ADMIN, duration=ONE_HOUR, by=BOB)
    rig.run()
    watch(rig, sick)

    rig.wait(HOUR)

    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED


def test_where_no_other_admin_can_be_read_the_end_is_tried_again(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(role=ADMIN, duration=ONE_HOUR, by=BOB)
    rig.run()
    rig.directory.put(BOB, VISION, None)
    watch(rig, sick)

    rig.wait(HOUR)
    assert rig.held() == ADMIN
    assert (rig.grant(id).status, rig.grant(id).stuck) == (GrantStatus.ENDING, "")
    (job,) = [one for one in rig.jobs() if one["kind"] == "ensure"]
    assert job["last_error"] == "500 for this record"

    watch(rig)
    rig.wait(timedelta(minutes=1))
    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED
