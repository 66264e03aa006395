"""What cannot be given or taken back yet: found, told once, listed."""

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, HOUR, MEMBER, OLGA, VISION
from tests.services.rig import Rig
from tests.services.troubled import (
    DOWN,
    EVE_IN_VISION,
    MINUTE,
    Down,
    a_leftover,
    an_end_that_is_stuck,
    listed,
    people,
    shown,
)
from workflows.domain.durations import Span
from workflows.domain.grants import GrantStatus
from workflows.domain.stuck import Direction
from workflows.ports import MANY_STUCK
from workflows.services import stuck
from workflows.services.overview import overview_of
from workflows.worker import DIRECTORY

# -- what is stuck ---------------------------------------------------------------------------------


def test_nothing_is_stuck_while_it_may_still_be_in_time(rig: Rig) -> None:
    Down(rig)
    rig.approved()
    rig.wait(9 * MINUTE)

    assert listed(rig) == []
    assert stuck.tell(rig.deps) == 0


def test_what_is_approved_and_not_given_for_ten_minutes_is_told_once_and_when_it_is_settled(
    rig: Rig,
) -> None:
    down = Down(rig)
    id = rig.approved()
    rig.wait(10 * MINUTE)

    (item,) = listed(rig)
    assert (item.id, item.direction, item.person, item.role) == (id, Direction.GIVE, EVE, MEMBER)
    assert item.since == rig.grant(id).issued_at
    assert item.reason == item.last_error == str(DOWN)
    assert item.attempts == 1
    assert item.next_try is not None
    assert (stuck.tell(rig.deps), stuck.tell(rig.deps)) == (1, 0)
    rig.run()
    assert rig.grant(id).stuck == str(DOWN)
    assert rig.notifier.alerts() == [("ProvisioningStuck", f"approver:{OLGA}")]

    down.down = False
    rig.wait(MINUTE)
    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert rig.grant(id).stuck == ""
    assert [event for event, _ in rig.notifier.alerts()] == [
        "ProvisioningSettled",
        "ProvisioningStuck",
    ]
    assert listed(rig) == []


@pytest.mark.parametrize("how", ["fails", "expires", "is given back"])
def test_a_giving_that_was_stuck_and_never_came_to_be_is_settled_as_well(
    sqlite_rig: Rig, how: str
) -> None:
    rig = sqlite_rig
    down = Down(rig)
    id = rig.approved(duration=Span(3600))
    rig.wait(10 * MINUTE)
    stuck.tell(rig.deps)
    rig.run()
    if how == "is given back":
        rig.give_back(id)
    if how == "fails":
        rig.directory.put(ADA, VISION, MEMBER)
        down.down = False
    rig.wait(MINUTE if how != "expires" else HOUR)

    assert rig.events(id).count("ProvisioningSettled") == 1
    assert rig.grant(id).stuck == ""
    assert "ProvisioningSettled" in dict(rig.notifier.alerts())


def test_an_end_that_no_pass_has_told_of_is_told_by_the_clock(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(duration=Span(3600))
    rig.run()
    rig.clock.advance(HOUR)
    rig.tick()  # and no worker does anything
    rig.clock.advance(2 * MINUTE)

    assert stuck.tell(rig.deps) == 1

    assert (
        rig.grant(id).stuck == "W&B does not answer as it should. It is tried again until it does."
    )
    (item,) = listed(rig)
    assert (item.direction, item.attempts, item.since) == (
        Direction.TAKE,
        0,
        rig.grant(id).over_at,
    )


def test_who_is_changing_it_right_now_goes_first(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    Down(rig)
    id = rig.approved()
    rig.wait(10 * MINUTE)
    looked = rig.deps.begin

    def overtaken() -> object:
        with looked() as work:
            work.grants.save(work.grants.get(id))
        return looked()

    rig.rewire(begin=overtaken)  # type: ignore[arg-type]  # a transaction after another one

    assert stuck.tell(rig.deps) == 0


def test_a_leftover_that_w_and_b_does_not_answer_about_is_told_and_forgotten_when_it_does(
    rig: Rig,
) -> None:
    down = a_leftover(rig)

    (item,) = listed(rig)
    assert (item.id, item.direction, item.role) == (EVE_IN_VISION, Direction.LEFTOVER, None)
    assert rig.notifier.alerts() == [("LeftoverFound", f"approver:{OLGA}")]

    down.down = False
    rig.wait(HOUR)
    assert listed(rig) == []
    assert rig.events(EVE_IN_VISION).count("LeftoverFound") == 1
    assert [event for event, _ in rig.notifier.alerts()] == ["LeftoverFound", "LeftoverGone"]
    assert rig.held() is None


def test_ends_come_first_then_givings_then_leftovers(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    first, second, third = people(rig, 3)
    ending = rig.approved(requester=first, duration=Span(70 * 60))
    rig.run()
    down = a_leftover(rig)
    assert down.down
    issued = rig.approved(requester=second)
    rig.wait(10 * MINUTE)
    rig.wait(10 * MINUTE)
    young = rig.approved(requester=third)

    assert [item.id for item in listed(rig)] == [ending, issued, EVE_IN_VISION]
    assert young not in [item.id for item in listed(rig)]
    with rig.work.look() as work:
        counts = stuck.count(work, now=rig.clock())
        assert len(stuck.listed(work, now=rig.clock(), limit=1)) == 1
    assert (counts.take, counts.give, counts.leftover, counts.all) == (1, 1, 1, 3)


def test_what_was_told_at_once_is_listed_at_once(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved(role=ADMIN, duration=Span(3600))
    rig.run()
    for email in (ADA, BOB):
        rig.directory.put(email, VISION, MEMBER)
    rig.rosters.read()
    rig.wait(HOUR)

    (item,) = listed(rig)
    assert "Nobody else is an admin there" in item.reason


# -- how it is told --------------------------------------------------------------------------------


def many_stuck(rig: Rig, count: int = 8) -> Down:
    for who in people(rig, count):
        rig.approved(requester=who, duration=Span(3600))
    rig.run()
    down = Down(rig)
    rig.wait(HOUR)
    rig.clock.advance(2 * MINUTE)
    stuck.tell(rig.deps)
    rig.run()
    return down


def test_many_that_are_stuck_are_one_message_that_follows_their_number(rig: Rig) -> None:
    down = many_stuck(rig)

    assert rig.events().count("RevocationStuck") == 8
    assert rig.notifier.alerts() == [(MANY_STUCK, f"approver:{OLGA}")]
    assert shown(rig, MANY_STUCK)[0].detail == {"take": 8, "give": 0, "leftover": 0}

    down.down = False
    rig.wait(15 * MINUTE)
    rig.wait(2 * MINUTE)
    assert rig.notifier.alerts() == [(MANY_STUCK, f"approver:{OLGA}")]
    assert shown(rig, MANY_STUCK)[0].detail == {"take": 0, "give": 0, "leftover": 0}
    assert [one for one in rig.jobs() if one["kind"] == "alert"] == []

    many_stuck(rig, 6)
    assert len(shown(rig, MANY_STUCK)) == 2


def test_the_last_drawing_is_made_even_when_slack_is_down_at_first(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    down = many_stuck(rig)
    down.down = False
    rig.notifier.down.add("*")
    rig.wait(15 * MINUTE)
    rig.wait(2 * MINUTE)
    assert shown(rig, MANY_STUCK)[0].detail["take"] == 8

    rig.notifier.down.clear()
    rig.wait(15 * MINUTE)

    assert shown(rig, MANY_STUCK)[0].detail["take"] == 0


def test_while_slack_is_down_an_alarm_and_its_end_both_wait(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.notifier.down.add("*")
    id = an_end_that_is_stuck(rig)
    rig.directory.put(ADA, VISION, ADMIN)
    rig.rosters.read()
    rig.wait(15 * MINUTE)
    assert rig.grant(id).status is GrantStatus.ENDED
    rig.notifier.down.clear()
    rig.wait(20 * MINUTE)

    assert [event for event, _ in rig.notifier.alerts()] == [
        "RevocationRecovered",
        "RevocationStuck",
    ]


@pytest.mark.parametrize("what", ["an end", "a leftover"])
def test_what_is_over_before_it_was_begun_to_be_told_is_not_told(
    sqlite_rig: Rig, what: str
) -> None:
    rig = sqlite_rig
    messages = rig.worker.run_due
    rig.worker.run_due = lambda: messages(DIRECTORY)  # type: ignore[method-assign]  # no messages
    if what == "an end":
        an_end_that_is_stuck(rig)
        rig.directory.put(ADA, VISION, ADMIN)
        rig.rosters.read()
    else:
        a_leftover(rig).down = False
    rig.wait(15 * MINUTE)
    messages()

    assert listed(rig) == []
    assert rig.notifier.alerts() == []


# -- the Home tab ----------------------------------------------------------------------------------


def test_the_overview_of_an_organization_admin_has_what_is_stuck_and_nobody_elses(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    assert overview_of(rig.deps, OLGA).stuck == ()
    id = an_end_that_is_stuck(rig)

    seen = overview_of(rig.deps, OLGA)

    assert [item.id for item in seen.stuck] == [id]
    assert seen.stuck_count == 1
    assert overview_of(rig.deps, ADA).stuck_count == 0
