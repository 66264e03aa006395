"""Comparing W&B with everything that is open: what differs is looked at, what is known is left."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from tests.builders import ADMIN, EVE, HOUR, MEMBER, OLGA, ORGANIZATION, STEWARD, VIEWER, VISION
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Role
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import Policy
from workflows.domain.standings import LAG
from workflows.errors import DirectoryUnavailable
from workflows.services import reconcile
from workflows.services.reconcile import (
    AT_WORK,
    CARRIED_OUT,
    LEFT,
    NO_JOB,
    TOLD,
    Difference,
)
from workflows.storage.bookkeeping import JobRow, table_of

KEY = f"{EVE} team:vision"
DRIFT = ("DriftFound", f"approver:{OLGA}")
ENFORCED = Policy(enforces=True)


def compare(rig: Rig, *, dry_run: bool = False) -> tuple[Difference, ...]:
    """Reconcile, and do what is owed after it."""
    found = reconcile.reconcile(rig.deps, dry_run=dry_run).differences
    rig.run()
    return found


def given(rig: Rig, role: Role = MEMBER, *, hours: int = 8) -> str:
    """Eve has it, and some time has passed since."""
    id = rig.approved(role=role, duration=Span(hours * 3600))
    rig.run()
    rig.clock.advance(LAG)
    return id


def test_where_everything_is_as_stored_nothing_is_found_and_nothing_asked(rig: Rig) -> None:
    given(rig)
    calls = len(rig.directory.calls)

    result = reconcile.reconcile(rig.deps, dry_run=False)

    assert (result.differences, result.compared) == ((), 1)
    assert result.read_at == rig.clock()
    assert rig.jobs() == []
    assert [one[0] for one in rig.directory.calls[calls:]] == ["roster"]


@pytest.mark.parametrize(("hand", "found"), [(None, "nothing"), (ADMIN, "admin")])
def test_what_somebody_changed_is_told_once_and_left(
    rig: Rig, hand: Role | None, found: str
) -> None:
    id = given(rig)
    rig.directory.put(EVE, VISION, hand)

    first = compare(rig)
    again = [compare(rig) for _ in range(3)]

    assert first == (Difference(KEY, "member", found, LEFT, owed=True),)
    assert again == [(Difference(KEY, "member", found, TOLD, owed=False),)] * 3
    assert rig.held() == hand
    assert rig.notifier.alerts() == [DRIFT]
    assert len(rig.writes()) == 1
    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_a_dry_run_changes_nothing(rig: Rig) -> None:
    given(rig)
    rig.directory.put(EVE, VISION, None)

    found = compare(rig, dry_run=True)

    assert found == (Difference(KEY, "member", "nothing", LEFT, owed=True),)
    assert rig.jobs() == []
    assert rig.notifier.alerts() == []


def test_reverted_each_hour_without_enforcing_is_one_alarm_and_no_write(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    given(rig, hours=24)

    for _ in range(20):
        rig.directory.put(EVE, VISION, None)
        rig.clock.advance(HOUR)
        compare(rig)

    assert len(rig.writes()) == 1
    assert rig.notifier.alerts() == [DRIFT]


def test_what_was_changed_while_w_and_b_was_read_is_not_a_difference(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    given(rig)
    roster = rig.directory.roster()

    class Slow:
        """Somebody asks for more, and gets it, while W&B is being read."""

        def roster(self) -> object:
            rig.approved(role=ADMIN)
            rig.run()
            return roster

    deps = replace(rig.deps, directory=Slow())  # type: ignore[arg-type]  # no more is asked of it
    assert reconcile.reconcile(deps, dry_run=False).differences == ()


def test_what_is_being_worked_on_is_left_to_the_work(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved()

    assert reconcile.reconcile(rig.deps, dry_run=True).differences == ()


def test_a_write_that_landed_late_is_taken_back(rig: Rig) -> None:
    id = given(rig)
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role", after=True)
    rig.give_back(id)
    rig.run()
    rig.drain(timedelta(minutes=5))
    assert rig.held() is None
    with rig.database.write() as connection:
        connection.execute(delete(table_of(JobRow)))
    standing = rig.standing()
    with rig.work.begin() as work:
        work.standings.save(replace(standing, unanswered=(MEMBER,)))
    rig.directory.put(EVE, VISION, MEMBER)

    assert compare(rig) == (Difference(KEY, "nothing", "member", CARRIED_OUT, owed=True),)

    assert rig.held() is None
    assert rig.notifier.alerts() == []


def test_what_nobody_was_at_work_on_is_taken_up_again(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    id = rig.approved()
    with rig.database.write() as connection:
        connection.execute(delete(table_of(JobRow)))

    with caplog.at_level(logging.WARNING):
        found = compare(rig)

    assert found == (Difference(KEY, "issued", NO_JOB, AT_WORK, owed=True),)
    assert "nobody was at work on it" in caplog.messages
    assert rig.grant(id).status is GrantStatus.ACTIVE
    rig.give_back(id)
    with rig.database.write() as connection:
        connection.execute(delete(table_of(JobRow)))
    assert compare(rig) == (Difference(KEY, "ending", NO_JOB, AT_WORK, owed=True),)
    assert rig.held() is None


def test_where_w_and_b_does_not_say_the_role_nothing_is_claimed(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    given(rig)
    rig.directory.shows_roles = False

    assert compare(rig) == ()


def test_a_custom_role_that_was_deleted_has_nothing_to_be_put_back(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    given(rig, STEWARD)
    rig.directory.custom_roles.clear()
    rig.directory.put(EVE, VISION, MEMBER)

    assert compare(rig) == ()
    assert len(rig.writes()) == 1


def test_roles_in_the_organization_are_compared_too(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved(place=ORGANIZATION, role=ADMIN, by=OLGA)
    rig.run()
    rig.clock.advance(LAG)
    assert compare(rig) == ()
    rig.directory.put(EVE, ORGANIZATION, MEMBER)

    (found,) = compare(rig)

    assert (found.standing, found.expected) == (f"{EVE} organization", "admin")


def test_every_difference_is_named_in_order(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    people = [EmailAddress(f"p{number}@corp.example") for number in range(3)]
    for person in people:
        rig.directory.add_person(person)
    rig.rosters.read()
    for person in people:
        rig.approved(requester=person)
    rig.run()
    for person in people:
        rig.directory.put(person, VISION, VIEWER)
    rig.clock.advance(LAG)

    assert [one.standing for one in compare(rig)] == [f"{one} team:vision" for one in people]


def test_the_chore_says_so_when_w_and_b_cannot_be_read(
    sqlite_rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig = sqlite_rig
    given(rig)
    rig.directory.fail_next(DirectoryUnavailable("503"), on="roster")
    with caplog.at_level(logging.INFO):
        reconcile.compare(rig.deps)
        reconcile.compare(rig.deps)
        assert caplog.messages[-1] == "W&B could not be compared"
        rig.directory.put(EVE, VISION, None)
        reconcile.compare(rig.deps)
    assert caplog.messages[-1] == "W&B was compared"


def test_what_is_given_by_hand_after_everything_is_over_is_nobodys_business(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = given(rig)
    rig.give_back(id)
    rig.run()
    rig.directory.put(EVE, VISION, ADMIN)
    rig.clock.advance(LAG)

    result = reconcile.reconcile(rig.deps, dry_run=False)

    assert (result.differences, result.compared) == ((), 1)
    assert rig.held() == ADMIN
