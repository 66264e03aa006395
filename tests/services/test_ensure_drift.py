"""Other people's hands: what they set is left and told; a later approval is carried out anyway."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, OLGA, STEWARD, VIEWER, VISION, terms
from tests.services.rig import Rig
from workflows.domain import standings
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Team
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import NamedPerson, Policy
from workflows.errors import DirectoryRejected, DirectoryUnavailable

SPEECH, SOUND = Team("speech"), Team("sound")
DRIFT = ("DriftFound", f"approver:{OLGA}")


def test_a_role_raised_by_hand_is_left_and_told(rig: Rig) -> None:
    id = rig.approved(role=MEMBER)
    rig.run()
    rig.directory.put(EVE, VISION, ADMIN)

    rig.drain()

    assert rig.held() == ADMIN
    assert rig.grant(id).status is GrantStatus.ENDED
    assert "somebody set by hand" in rig.grant(id).note
    assert rig.notifier.alerts() == [DRIFT]


def test_a_role_lowered_by_hand_is_left_and_told(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.put(EVE, VISION, VIEWER)
    id = rig.approved(role=ADMIN)
    rig.run()
    rig.directory.put(EVE, VISION, MEMBER)

    rig.drain()

    assert rig.held() == MEMBER
    assert "W&B shows member there now" in rig.grant(id).note


def test_access_removed_by_hand_is_not_given_back(rig: Rig) -> None:
    first = rig.approved(role=MEMBER, duration=Span(3600))
    rig.run()
    second = rig.approved(role=MEMBER, duration=Span(7200))
    rig.run()
    rig.directory.put(EVE, VISION, None)

    rig.wait(timedelta(hours=1))

    assert rig.held() is None
    assert rig.grant(second).status is GrantStatus.ACTIVE
    assert "W&B shows no role there now" in rig.grant(first).note
    assert rig.notifier.alerts() == [DRIFT]
    rig.drain()
    assert rig.held() is None
    assert rig.notifier.alerts() == [DRIFT]  # the same finding again is no news


def test_a_later_approval_is_carried_out_after_a_change_by_hand(rig: Rig) -> None:
    rig.approved(role=MEMBER)
    rig.run()
    rig.clock.advance(standings.LAG)
    rig.directory.put(EVE, VISION, None)
    later = rig.approved(role=ADMIN)
    rig.run()

    assert rig.held() == ADMIN
    assert rig.grant(later).status is GrantStatus.ACTIVE
    assert "DriftFound" in rig.events(f"{EVE} team:vision")
    rig.drain()
    assert rig.held() is None


def test_a_later_approval_lowers_nothing_that_was_raised_by_hand(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved(role=VIEWER)
    rig.run()
    rig.directory.put(EVE, VISION, ADMIN)
    later = rig.approved(role=MEMBER, duration=Span(3600))
    rig.run()

    assert rig.held() == ADMIN
    assert rig.grant(later).status is GrantStatus.ACTIVE
    rig.drain()
    assert rig.held() == ADMIN


def changed_underneath(rig: Rig, times: int, change: Callable[[], None]) -> None:
    """Somebody is always faster than our write, so many times."""
    left = iter(range(times))

    def meddle(method: str) -> None:
        if method == "set_role" and next(left, None) is not None:
            change()

    rig.directory.before = meddle


def test_a_change_between_reading_and_writing_starts_the_pass_again(rig: Rig) -> None:
    rig.directory.put(EVE, VISION, VIEWER)
    id = rig.approved(role=ADMIN)
    changed_underneath(rig, 1, lambda: rig.directory.put(EVE, VISION, MEMBER))

    rig.run()

    assert rig.held() == ADMIN
    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert [one[0] for one in rig.writes()] == ["set_role", "set_role"]


def test_what_keeps_changing_is_tried_again_later(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.put(EVE, VISION, VIEWER)
    id = rig.approved(role=ADMIN)
    flip = {VIEWER: MEMBER, MEMBER: VIEWER}
    changed_underneath(rig, 3, lambda: rig.directory.put(EVE, VISION, flip[rig.held() or VIEWER]))

    rig.run()
    assert rig.grant(id).status is GrantStatus.ISSUED
    (job,) = [one for one in rig.jobs() if one["kind"] == "ensure"]
    assert job["last_error"] == "It keeps changing while it is being changed."

    rig.drain(timedelta(minutes=1))
    assert rig.held() == ADMIN


def test_an_end_that_keeps_being_overtaken_is_told_like_any_other(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.put(EVE, VISION, VIEWER)
    id = rig.approved(role=ADMIN)
    rig.run()

    def touch() -> None:
        rig.directory.put(EVE, VISION, MEMBER)
        rig.directory.put(EVE, VISION, ADMIN)

    changed_underneath(rig, 100, touch)
    rig.wait(timedelta(hours=8))
    for _ in range(8):
        rig.wait(timedelta(minutes=1))

    assert rig.grant(id).stuck


def others(rig: Rig, *teams: Team) -> None:
    """Eve is a viewer in those teams."""
    for team in teams:
        if team.name not in rig.directory.teams:
            rig.directory.add_team(team.name)
        rig.directory.put(EVE, team, VIEWER)


def test_roles_elsewhere_that_a_whole_list_replaced_are_put_back(rig: Rig) -> None:
    others(rig, SPEECH, SOUND)
    rig.directory.replaces_all = True
    id = rig.approved(role=ADMIN)
    rig.run()

    assert (rig.held(), rig.held(EVE, SPEECH), rig.held(EVE, SOUND)) == (ADMIN, VIEWER, VIEWER)
    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert rig.notifier.alerts() == [("OtherRolesChanged", f"approver:{OLGA}")]
    changed = rig.audit(f"{EVE} team:vision")[-1]
    assert changed.detail["put_back"] is True
    assert rig.standing().others is None


def test_one_of_several_roles_elsewhere_that_changed_is_told_and_left(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    others(rig, SPEECH, SOUND)
    rig.directory.before = lambda method: rig.directory.put(EVE, SPEECH, ADMIN)
    rig.approved(role=ADMIN)
    rig.run()

    assert rig.held(EVE, SPEECH) == ADMIN
    assert rig.notifier.alerts() == [("OtherRolesChanged", f"approver:{OLGA}")]


def test_roles_elsewhere_are_put_back_by_the_next_pass_when_this_one_failed(rig: Rig) -> None:
    others(rig, SPEECH)
    rig.directory.replaces_all = True
    rig.directory.fail_next(DirectoryUnavailable("no answer"), on="set_role", after=True)
    id = rig.approved(role=ADMIN)
    rig.run()
    assert rig.held(EVE, SPEECH) == MEMBER

    rig.drain(timedelta(minutes=1))

    assert rig.held(EVE, SPEECH) == VIEWER
    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_roles_elsewhere_that_cannot_be_put_back_hold_up_no_end(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    others(rig, SPEECH)
    rig.directory.replaces_all = True
    id = rig.approved(role=ADMIN)
    refused = DirectoryRejected("There is no team speech in W&B any more.")
    for _ in range(50):
        rig.directory.fail_next(refused, on="put_back_others")

    rig.run()
    assert rig.grant(id).status is GrantStatus.ACTIVE
    rig.drain()

    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.notifier.alerts() == [("OtherRolesChanged", f"approver:{OLGA}")]
    changed = [one for one in rig.audit() if one.event == "OtherRolesChanged"]
    assert [one.detail["put_back"] for one in changed] == [False]


def test_a_stranger_with_a_custom_role_is_not_mistaken_for_ours(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(defaults=terms(approvers=(NamedPerson(BOB),))))
    rig.approved(role=MEMBER, by=BOB)
    rig.run()
    rig.directory.put(EVE, VISION, STEWARD)

    rig.drain()

    assert rig.held() == STEWARD


@pytest.mark.parametrize("approver", [ADA, BOB])
def test_a_change_by_hand_before_the_first_touch_is_what_was_held_before(
    sqlite_rig: Rig, approver: EmailAddress
) -> None:
    rig = sqlite_rig
    rig.approved(role=ADMIN, by=approver)
    rig.directory.put(EVE, VISION, VIEWER)
    rig.run()
    rig.drain()

    assert rig.held() == VIEWER
