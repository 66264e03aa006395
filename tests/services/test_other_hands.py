"""What people did by hand around a grant is theirs, then and later."""

from datetime import timedelta

from tests.builders import ADMIN, EVE, HOUR, MEMBER, OLGA, VIEWER, VISION
from tests.services.rig import Rig
from workflows.domain import standings
from workflows.domain.durations import Span
from workflows.domain.entitlements import Team
from workflows.domain.grants import GrantStatus
from workflows.errors import DirectoryUnavailable

SPEECH = Team("speech")
CHANGED = [("OtherRolesChanged", f"approver:{OLGA}")]


def interrupted(rig: Rig) -> str:
    """A write for vision that never reached W&B, while Eve is an admin of speech as well."""
    rig.directory.put(EVE, SPEECH, ADMIN)
    id = rig.approved(role=MEMBER)
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role")
    rig.run()
    return id


def put_back(rig: Rig) -> list[object]:
    """What the alarms about other roles say of it."""
    return [one.detail["put_back"] for one in rig.audit() if one.event == "OtherRolesChanged"]


def test_a_role_elsewhere_that_went_long_after_an_interrupted_write_is_told_and_left(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = interrupted(rig)
    rig.clock.advance(timedelta(minutes=2, seconds=1))
    rig.directory.put(EVE, SPEECH, None)

    rig.drain(timedelta(minutes=10))

    assert rig.held(EVE, SPEECH) is None
    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert put_back(rig) == [False]
    assert rig.notifier.alerts() == CHANGED


def test_a_role_elsewhere_that_went_right_after_an_interrupted_write_is_put_back(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = interrupted(rig)
    rig.clock.advance(timedelta(minutes=2))
    rig.directory.put(EVE, SPEECH, None)

    rig.drain(timedelta(minutes=10))

    assert rig.held(EVE, SPEECH) == ADMIN
    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert put_back(rig) == [True]
    assert rig.notifier.alerts() == CHANGED


def test_what_was_left_at_an_end_and_raised_by_hand_afterwards_is_left_again(rig: Rig) -> None:
    id = rig.approved(role=ADMIN, duration=Span(3600))
    rig.run()
    rig.directory.put(EVE, VISION, MEMBER)
    rig.wait(HOUR)
    assert rig.grant(id).status is GrantStatus.ENDED
    assert "set by hand" in rig.grant(id).note

    rig.clock.advance(timedelta(minutes=5))
    rig.directory.put(EVE, VISION, ADMIN)
    rig.drain()

    assert rig.held() == ADMIN
    assert len(rig.writes()) == 1


def test_a_later_grant_that_was_never_given_takes_back_nothing_that_was_set_by_hand(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    rig.approved(role=ADMIN, duration=Span(3600))
    rig.run()
    rig.directory.put(EVE, VISION, MEMBER)
    rig.wait(HOUR)
    rig.drain(timedelta(days=1))
    rig.directory.put(EVE, VISION, None)
    rig.clock.advance(timedelta(days=20))
    rig.rosters.read()
    later = rig.approved(role=ADMIN, duration=Span(3600))
    rig.directory.put(EVE, VISION, ADMIN)  # by hand, before the grant was worked on
    rig.give_back(later)

    rig.drain()

    assert rig.held() == ADMIN
    assert len(rig.writes()) == 1


def test_a_role_raised_by_hand_is_what_the_end_of_a_later_higher_grant_puts_back(
    rig: Rig,
) -> None:
    rig.approved(role=VIEWER, duration=Span(3600))
    rig.run()
    rig.clock.advance(standings.LAG)
    rig.directory.put(EVE, VISION, MEMBER)
    rig.rosters.read()
    rig.approved(role=ADMIN, duration=Span(7200))
    rig.run()
    assert rig.held() == ADMIN

    rig.drain(timedelta(days=1))

    assert rig.held() == MEMBER
