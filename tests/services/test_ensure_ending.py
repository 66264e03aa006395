"""Ending: what the person held before is put back, whatever else was granted meanwhile."""

from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, HOUR, MEMBER, STEWARD, VIEWER, VISION
from tests.services.rig import Rig
from workflows import points
from workflows.domain.durations import Span
from workflows.domain.entitlements import Role, custom_role
from workflows.domain.grants import GrantStatus
from workflows.errors import DirectoryUnavailable

OTHER_STEWARD = custom_role("Night Steward", "member")


def test_the_whole_life_of_a_grant_is_one_row_a_transition(rig: Rig) -> None:
    id = rig.approved()
    rig.run()
    rig.wait(timedelta(hours=8))
    rig.drain()

    assert rig.held() is None
    assert rig.events(id) == [
        "RequestSubmitted",
        "RequestApproved",
        "GrantIssued",
        "GrantActivated",
        "GrantExpired",
        "GrantEnded",
    ]
    assert rig.notifier.notice(id).grant == rig.grant(id)
    assert rig.jobs() == []


@pytest.mark.parametrize(
    ("prior", "given"),
    [(VIEWER, ADMIN), (VIEWER, MEMBER), (VIEWER, STEWARD), (STEWARD, ADMIN), (MEMBER, STEWARD)],
)
def test_what_was_held_before_is_put_back(rig: Rig, prior: Role, given: Role) -> None:
    rig.directory.put(EVE, VISION, prior)
    id = rig.approved(role=given)
    rig.run()
    assert rig.held() == given

    rig.wait(timedelta(hours=8))

    assert rig.held() == prior
    assert rig.grant(id).status is GrantStatus.ENDED
    assert (
        rig.audit(id)[-1].detail["after"]
        == {
            VIEWER: "viewer",
            MEMBER: "member",
            STEWARD: "member:Release Steward",
        }[prior]
    )


def test_a_role_that_was_higher_before_is_never_lowered(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(role=MEMBER)
    rig.directory.put(EVE, VISION, ADMIN)  # before we touched anything

    rig.run()
    assert rig.grant(id).status is GrantStatus.ACTIVE
    rig.drain()

    assert rig.held() == ADMIN
    assert rig.writes() == []


@pytest.mark.parametrize("first_to_end", ["admin", "member"])
def test_of_two_overlapping_grants_either_may_end_first(rig: Rig, first_to_end: str) -> None:
    spans = {"admin": 4, "member": 8} if first_to_end == "admin" else {"admin": 8, "member": 4}
    rig.directory.put(EVE, VISION, VIEWER)
    rig.approved(role=MEMBER, duration=Span(spans["member"] * 3600))
    rig.run()
    rig.approved(role=ADMIN, duration=Span(spans["admin"] * 3600))
    rig.run()
    assert rig.held() == ADMIN

    rig.wait(4 * HOUR)
    assert rig.held() == (MEMBER if first_to_end == "admin" else ADMIN)
    rig.wait(4 * HOUR)
    assert rig.held() == VIEWER
    rig.drain()
    assert rig.held() == VIEWER


def test_a_lower_grant_that_comes_later_lowers_nothing(rig: Rig) -> None:
    rig.approved(role=ADMIN, duration=Span(4 * 3600))
    rig.run()
    later = rig.approved(role=VIEWER, duration=Span(8 * 3600))
    rig.run()

    assert rig.held() == ADMIN
    assert rig.grant(later).status is GrantStatus.ACTIVE
    rig.wait(4 * HOUR)
    assert rig.held() == VIEWER
    rig.wait(4 * HOUR)
    assert rig.held() is None


def test_of_two_custom_roles_of_one_rank_the_later_is_held(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.custom_roles[OTHER_STEWARD.name] = OTHER_STEWARD
    rig.rosters.read()
    rig.approved(role=STEWARD, duration=Span(8 * 3600))
    rig.run()
    rig.clock.advance(timedelta(minutes=1))
    rig.approved(role=OTHER_STEWARD, duration=Span(4 * 3600))
    rig.run()

    assert rig.held() == OTHER_STEWARD
    rig.wait(4 * HOUR)
    assert rig.held() == STEWARD


def test_an_end_and_a_new_grant_in_one_pass_keep_what_was_before(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.put(EVE, VISION, VIEWER)
    first = rig.approved(role=ADMIN, duration=Span(900))
    rig.run()
    rig.clock.advance(timedelta(minutes=16))
    rig.rosters.read()
    second = rig.approved(role=MEMBER)
    rig.tick()
    rig.run()

    assert rig.held() == MEMBER
    assert rig.grant(first).status is GrantStatus.ENDED
    rig.give_back(second)
    rig.run()
    assert rig.held() == VIEWER


def test_a_second_grant_after_the_first_ended_notes_what_is_there_then(rig: Rig) -> None:
    rig.approved(role=ADMIN, duration=Span(900))
    rig.run()
    rig.drain()
    rig.directory.put(EVE, VISION, VIEWER)
    rig.rosters.read()
    rig.approved(role=MEMBER)
    rig.run()
    assert rig.held() == MEMBER

    rig.drain()

    assert rig.held() == VIEWER


def test_nobodys_right_is_asked_for_when_access_ends(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(by=ADA)
    rig.run()
    rig.directory.put(ADA, VISION, None)
    rig.directory.put(BOB, VISION, ADMIN)

    rig.wait(timedelta(hours=8))

    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED


def test_an_account_that_is_gone_at_the_end_leaves_nothing_to_do(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    rig.run()
    rig.directory.delete_person(EVE)

    rig.drain()

    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.jobs() == []


def test_an_account_that_was_made_anew_is_a_new_beginning(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.put(EVE, VISION, VIEWER)
    rig.approved(role=MEMBER)
    rig.run()
    rig.directory.delete_person(EVE)
    rig.directory.add_person(EVE)
    rig.rosters.read()
    second = rig.approved(role=ADMIN)
    rig.run()
    assert rig.held() == ADMIN

    rig.drain()

    assert rig.grant(second).status is GrantStatus.ENDED
    assert rig.held() is None  # the new account had nothing before


def test_a_custom_role_deleted_during_the_grant_still_ends(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(role=STEWARD)
    rig.run()
    rig.directory.put(EVE, VISION, MEMBER)  # what W&B makes of a deleted role's people

    rig.drain()

    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED


@pytest.mark.parametrize(
    "lands_after", [timedelta(seconds=30), timedelta(minutes=9), 55 * HOUR / 60]
)
def test_a_write_that_lands_late_is_found_by_a_second_look(
    rig: Rig, lands_after: timedelta
) -> None:
    id = rig.approved(duration=Span(900))
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role")
    rig.run()  # sent, no answer, nothing applied yet
    rig.wait(timedelta(minutes=15))
    assert rig.grant(id).status is GrantStatus.ENDED

    rig.clock.advance(lands_after)
    rig.directory.put(EVE, VISION, MEMBER)  # now it lands
    rig.drain()

    assert rig.held() is None
    assert rig.jobs() == []


def test_looks_after_an_end_come_after_one_minute_ten_minutes_and_an_hour(rig: Rig) -> None:
    id = rig.approved()
    rig.run()
    rig.wait(timedelta(hours=8))
    over_at = rig.grant(id).over_at
    assert over_at is not None
    looks = []

    for _ in range(3):
        (job,) = [one for one in rig.jobs() if one["kind"] == "ensure"]
        looks.append(job["due_at"] - over_at)
        rig.wait(job["due_at"] - rig.clock.now)

    assert looks == [timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1)]
    assert rig.jobs() == []


def test_a_role_given_by_hand_after_everything_is_over_is_left_alone(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved()
    rig.run()
    rig.wait(timedelta(hours=8))
    rig.directory.put(EVE, VISION, ADMIN)

    rig.drain()

    assert rig.held() == ADMIN
    assert rig.notifier.alerts() == []


def test_what_comes_to_its_end_while_it_is_given_is_only_over_once_it_is_taken_back(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = rig.approved(duration=Span(900))

    def its_time_is_up(_: str) -> None:
        rig.directory.after = lambda method: None
        rig.clock.advance(timedelta(minutes=15))
        rig.tick()

    rig.directory.after = its_time_is_up
    rig.run()

    (ended,) = [entry for entry in rig.audit(id) if entry.event == "GrantEnded"]
    removed = [entry for entry in rig.audit() if entry.event == "RoleSent"][-1]
    assert (removed.detail["before"], removed.detail["after"]) == ("member", "")
    assert ended.id > removed.id
    assert ended.detail["after"] == ""
    assert rig.held() is None


def test_what_comes_to_its_end_just_before_it_is_settled_is_over_though_nothing_was_written(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = rig.approved(duration=Span(900))
    rig.directory.put(EVE, VISION, MEMBER)  # by hand: there is nothing to write
    left = ["its time is up"]

    def act(reached: str) -> None:
        if reached == "committed" and left and rig.standing().noted:
            left.clear()
            rig.clock.advance(timedelta(minutes=15))
            rig.tick()

    points.set_hook(act)
    try:
        rig.run()
    finally:
        points.set_hook(None)

    assert not left
    assert rig.grant(id).status is GrantStatus.ENDED
    assert "RoleSent" not in {entry.event for entry in rig.audit()}
    assert rig.held() == MEMBER
