"""What is said of an end, beyond that it is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, HOUR, MEMBER, NOW, STEWARD, VIEWER, a_grant, a_standing
from workflows.domain.entitlements import Role
from workflows.domain.events import BOT, CLOCK
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.planning import (
    ACCOUNT_GONE,
    NEVER_ACTIVE,
    Hand,
    Outcome,
    Plan,
    Step,
    end_note,
)
from workflows.domain.standings import SETTLING, Standing

LATER = NOW + HOUR
GAVE_ADMIN = a_standing(noted=True, prior=VIEWER, last_seen=ADMIN)
OVER = a_grant(
    role=ADMIN, status=GrantStatus.ENDING, activated_at=NOW, over_at=LATER, ended_by=CLOCK
)
UNCONFIRMED = replace(OVER, activated_at=None)
LEFT = Plan(VIEWER, Step.LEAVE, Hand.LEFT)
RIGHT = Plan(VIEWER, Step.NOTHING)
TAKEN = Plan(VIEWER, Step.WRITE)
BEFORE = "W&B showed viewer there already before the end: somebody had changed it by hand."


@pytest.mark.parametrize(
    ("grant", "plan", "done", "note"),
    [
        (OVER, TAKEN, Outcome(VIEWER, told=True), ""),
        (OVER, RIGHT, Outcome(VIEWER), BEFORE),
        (OVER, RIGHT, Outcome(None), BEFORE.replace("viewer", "no role")),
        (
            OVER,
            LEFT,
            Outcome(MEMBER),
            "W&B shows member there now, which somebody set by hand; that was left as it is.",
        ),
        (
            OVER,
            TAKEN,
            Outcome(MEMBER, told=True, replaced=STEWARD),
            "Release Steward no longer exists in W&B, so the role that it inherited from was put "
            "back in its place.",
        ),
        (UNCONFIRMED, RIGHT, Outcome(VIEWER), NEVER_ACTIVE),
        (replace(UNCONFIRMED, ended_by=BOT), RIGHT, Outcome(VIEWER), ""),
        (OVER, LEFT, Outcome(None, lost_account=True), ACCOUNT_GONE),
        (replace(OVER, ended_by=ADA), RIGHT, Outcome(MEMBER, lost_account=True), ACCOUNT_GONE),
        (UNCONFIRMED, RIGHT, Outcome(None, lost_account=True), NEVER_ACTIVE),
    ],
)
def test_what_an_end_says(grant: Grant, plan: Plan, done: Outcome, note: str) -> None:
    assert end_note(GAVE_ADMIN, grant, plan, done, now=LATER) == note


@pytest.mark.parametrize(
    ("standing", "held"),
    [
        (replace(GAVE_ADMIN, unanswered=(VIEWER,)), VIEWER),  # our own write, its answer lost
        (replace(GAVE_ADMIN, last_seen=STEWARD), MEMBER),  # W&B deleted the custom role
        (replace(GAVE_ADMIN, last_seen=VIEWER), VIEWER),  # adopted before
    ],
)
def test_what_is_ours_is_nobodys_hand_at_the_end(standing: Standing, held: Role) -> None:
    assert end_note(standing, OVER, RIGHT, Outcome(held), now=LATER) == ""


@pytest.mark.parametrize(
    ("since", "note"), [(SETTLING - timedelta(seconds=1), ""), (SETTLING, BEFORE)]
)
def test_a_reading_that_may_be_old_shows_nobodys_hand(since: timedelta, note: str) -> None:
    standing = replace(GAVE_ADMIN, sent_at=NOW)

    assert end_note(standing, OVER, RIGHT, Outcome(VIEWER), now=NOW + since) == note
