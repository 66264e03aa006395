"""When something counts as stuck, and what a person's word about it changes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import ADMIN, MEMBER, NOW, VIEWER, a_grant, a_standing
from workflows.domain import grants, stuck
from workflows.domain.drift import note_leftover
from workflows.domain.grants import BY_HAND, Grant, GrantStatus
from workflows.domain.standings import Standing
from workflows.errors import AlreadySettled

MINUTE = timedelta(minutes=1)
SENT = a_standing(unanswered=(MEMBER,), last_end_at=NOW)


@pytest.mark.parametrize(
    ("standing", "open_grants", "attempts", "minutes", "expected"),
    [
        (SENT, [], 6, 3, True),
        (SENT, [], 5, 3, False),  # it has failed for a few seconds only
        (SENT, [], 6, 2.5, False),  # the look of a minute after the end is not so old yet
        (SENT, [], 6, 0.5, False),  # none was due yet
        (SENT, [], 6, 11, False),  # the second look has just become due
        (SENT, [], 6, 12, True),
        (SENT, [a_grant()], 6, 3, False),  # that one is told of by itself
        (replace(SENT, last_end_at=None), [], 6, 3, False),
        (replace(SENT, unanswered=()), [], 6, 3, False),
        (replace(SENT, prior=ADMIN), [], 6, 3, False),  # more was there before
    ],
)
def test_when_what_may_have_landed_late_is_a_leftover_though_nobody_said_no(
    standing: Standing, open_grants: list[Grant], attempts: int, minutes: float, expected: bool
) -> None:
    now = NOW + minutes * MINUTE
    found = stuck.is_unanswered_leftover(standing, open_grants, attempts=attempts, now=now)

    assert found is expected


def test_only_a_leftover_can_be_gone() -> None:
    assert stuck.leftover_gone(SENT, now=NOW).events == ()
    gone = stuck.leftover_gone(replace(SENT, drift="leftover"), now=NOW)
    assert (gone.entity.drift, len(gone.events)) == ("", 1)


def test_what_a_person_has_settled_is_theirs_and_no_alarm_any_more() -> None:
    held = a_standing(noted=True, prior=VIEWER, last_seen=ADMIN, unanswered=(MEMBER,))
    settled = stuck.after_settling_by_hand(held, [], now=NOW)

    assert (settled.noted, settled.last_seen, settled.drift) == (False, VIEWER, "resolved")
    assert (settled.unanswered, settled.last_end_at) == ((MEMBER,), NOW)
    assert note_leftover(settled, reason="no", now=NOW).events == ()
    assert stuck.after_settling_by_hand(held, [a_grant()], now=NOW) == held

    leftover = stuck.settle_leftover_by_hand(held, by="operator:ops", reason="looked", now=NOW)
    assert (leftover.entity.unanswered, leftover.entity.drift) == ((), "resolved")


@pytest.mark.parametrize("status", [GrantStatus.ACTIVE, GrantStatus.ENDED, GrantStatus.FAILED])
def test_what_the_bot_has_done_cannot_be_settled_by_hand(status: GrantStatus) -> None:
    with pytest.raises(AlreadySettled):
        grants.settle_by_hand(a_grant(status=status), by="operator:ops", reason="why", now=NOW)


@pytest.mark.parametrize(
    ("before", "after"),
    [(GrantStatus.ENDING, GrantStatus.ENDED), (GrantStatus.ISSUED, GrantStatus.FAILED)],
)
def test_settled_by_hand_says_so(before: GrantStatus, after: GrantStatus) -> None:
    grant = a_grant(status=before, stuck="W&B said no")
    settled = grants.settle_by_hand(grant, by="operator:ops", reason="done", now=NOW).entity

    assert (settled.status, settled.stuck, settled.over_at) == (after, "", NOW)
    assert settled.note == f"{BY_HAND} done"


def test_a_giving_is_delayed_once_and_only_while_it_is_one() -> None:
    delayed = grants.delay(a_grant(), reason="503", now=NOW)

    assert (delayed.entity.stuck, len(delayed.events)) == ("503", 1)
    assert grants.delay(delayed.entity, reason="504", now=NOW).events == ()
    for status in (GrantStatus.ACTIVE, GrantStatus.ENDING):
        assert grants.delay(a_grant(status=status), reason="503", now=NOW).events == ()
