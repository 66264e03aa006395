"""What one person should hold in one place, and what it takes to make it so."""

from datetime import datetime

import pytest

from tests.builders import (
    ADMIN,
    EVE,
    HOUR,
    MEMBER,
    NOW,
    ORGANIZATION,
    STEWARD,
    VIEWER,
    a_grant,
    a_reading,
    a_standing,
)
from workflows.domain import planning, standings
from workflows.domain.entitlements import Role, custom_role
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.planning import Hand, Plan, Step
from workflows.domain.standings import Standing

KEY = "eve@corp.example team:vision"
LATER = NOW + HOUR
OTHER = custom_role("Other", "member")


def active(role: Role, *, issued_at: datetime = NOW, id: str = "r-1") -> Grant:
    return a_grant(role=role, issued_at=issued_at, id=id, status=GrantStatus.ACTIVE)


def issued(role: Role) -> Grant:
    return a_grant(role=role, id="r-new", issued_at=LATER)


def over(role: Role, status: GrantStatus = GrantStatus.ENDING) -> Grant:
    return a_grant(role=role, id="r-over", status=status)


def sent_and_lost(standing: Standing, role: Role | None) -> Standing:
    """We told W&B, and nobody answered."""
    return standings.send(standing, role, held=None, others=None, now=NOW).entity


@pytest.mark.parametrize(
    ("prior", "grants", "wanted"),
    [
        (None, [], None),
        (VIEWER, [], VIEWER),
        (None, [issued(MEMBER)], MEMBER),
        (None, [active(MEMBER)], MEMBER),
        (VIEWER, [active(MEMBER)], MEMBER),
        (ADMIN, [active(MEMBER)], ADMIN),
        (None, [active(VIEWER), active(ADMIN, id="r-2")], ADMIN),
        (None, [active(MEMBER), over(ADMIN)], MEMBER),
        # of two that rank the same the one granted later is held
        (None, [active(STEWARD, issued_at=LATER), active(OTHER, id="r-2")], STEWARD),
        (None, [active(STEWARD), active(OTHER, issued_at=LATER, id="r-2")], OTHER),
        # what was there before is replaced by another custom role, but not by what it includes
        (STEWARD, [active(MEMBER)], STEWARD),
        (STEWARD, [active(OTHER)], OTHER),
        (MEMBER, [active(STEWARD)], STEWARD),
        (STEWARD, [active(ADMIN)], ADMIN),
    ],
)
def test_wanted_is_the_higher_of_what_was_there_and_the_live_grants(
    prior: Role | None, grants: list[Grant], wanted: Role | None
) -> None:
    assert standings.wanted_role(prior, grants) == wanted
    assert standings.wanted_role(prior, grants[::-1]) == wanted


@pytest.mark.parametrize("status", [GrantStatus.ENDING, GrantStatus.ENDED, GrantStatus.FAILED])
def test_the_last_end_puts_back_what_was_there(status: GrantStatus) -> None:
    assert standings.wanted_role(VIEWER, [over(ADMIN, status)]) == VIEWER


def test_a_standing_is_named_by_the_person_and_the_place() -> None:
    assert a_standing().key == KEY
    assert standings.standing_key(EVE, ORGANIZATION) == "eve@corp.example organization"


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (a_standing(), {None}),
        (a_standing(last_seen=VIEWER), {VIEWER}),
        (a_standing(last_seen=VIEWER, unanswered=(ADMIN,)), {VIEWER, ADMIN}),
        (a_standing(last_seen=ADMIN, unanswered=(VIEWER,)), {ADMIN, VIEWER}),
        # on the way into a team W&B gives member first
        (a_standing(unanswered=(ADMIN,)), {None, MEMBER, ADMIN}),
        (a_standing(unanswered=(None,)), {None}),
        # also where the removal before it was never answered
        (a_standing(last_seen=VIEWER, unanswered=(None, VIEWER)), {VIEWER, None, MEMBER}),
        (a_standing(last_seen=VIEWER, unanswered=(ADMIN, None)), {VIEWER, ADMIN, None, MEMBER}),
        # a custom role that is deleted leaves what it inherits from
        (a_standing(last_seen=STEWARD), {STEWARD, MEMBER}),
        (a_standing(last_seen=ADMIN, unanswered=(STEWARD,)), {ADMIN, STEWARD, MEMBER}),
    ],
)
def test_ours_is_what_we_saw_and_what_we_sent(
    standing: Standing, expected: set[Role | None]
) -> None:
    assert standings.ours(standing) == expected


@pytest.mark.parametrize(
    ("held", "expected"), [(VIEWER, VIEWER), (None, None)], ids=["something", "nothing"]
)
def test_an_exact_reading_is_believed(held: Role | None, expected: Role | None) -> None:
    standing = a_standing(last_seen=MEMBER, unanswered=(ADMIN,))

    assert standings.believed(standing, a_reading(held=held)) == expected


@pytest.mark.parametrize(
    ("last_seen", "unanswered", "expected"),
    [
        (VIEWER, (), VIEWER),
        (None, (), None),
        # what was sent may not have landed: it is sent again rather than believed
        (VIEWER, (STEWARD,), VIEWER),
        (MEMBER, (VIEWER,), MEMBER),
        (MEMBER, (None,), MEMBER),
        # in the team, and was not: W&B makes a member first
        (None, (STEWARD,), MEMBER),
        (None, (ADMIN,), MEMBER),
        (None, (VIEWER,), MEMBER),
        (None, (None,), None),
        # no longer the admin that it was: so what was sent has landed
        (ADMIN, (VIEWER,), VIEWER),
        (ADMIN, (MEMBER, VIEWER), VIEWER),
        (ADMIN, (None,), None),
        (ADMIN, (), None),
    ],
)
def test_where_wandb_does_not_say_which_role_the_last_one_that_is_known_is_believed(
    last_seen: Role | None, unanswered: tuple[Role | None, ...], expected: Role | None
) -> None:
    standing = a_standing(last_seen=last_seen, unanswered=unanswered)

    assert standings.believed(standing, a_reading(exact=False)) == expected


NOTED = a_standing(noted=True)
WAS_VIEWER = a_standing(noted=True, prior=VIEWER, last_seen=VIEWER)
IS_ADMIN = a_standing(noted=True, prior=VIEWER, last_seen=ADMIN)


@pytest.mark.parametrize(
    ("standing", "grants", "held", "expected"),
    [
        # giving
        (NOTED, [issued(MEMBER)], None, Plan(MEMBER, Step.WRITE)),
        (WAS_VIEWER, [issued(ADMIN)], VIEWER, Plan(ADMIN, Step.WRITE)),
        # it landed though nobody answered
        (sent_and_lost(NOTED, MEMBER), [issued(MEMBER)], MEMBER, Plan(MEMBER, Step.NOTHING)),
        # half of it landed
        (sent_and_lost(NOTED, ADMIN), [issued(ADMIN)], MEMBER, Plan(ADMIN, Step.WRITE)),
        # held, and as it should be
        (IS_ADMIN, [active(ADMIN)], ADMIN, Plan(ADMIN, Step.NOTHING)),
        # taking back
        (IS_ADMIN, [over(ADMIN)], ADMIN, Plan(VIEWER, Step.WRITE)),
        (IS_ADMIN, [over(ADMIN)], VIEWER, Plan(VIEWER, Step.NOTHING)),
        (IS_ADMIN, [over(ADMIN), active(MEMBER)], ADMIN, Plan(MEMBER, Step.WRITE)),
        # somebody took it away, or raised it, by hand
        (IS_ADMIN, [active(ADMIN)], MEMBER, Plan(ADMIN, Step.LEAVE, Hand.LEFT)),
        (WAS_VIEWER, [active(MEMBER)], ADMIN, Plan(MEMBER, Step.LEAVE, Hand.LEFT)),
        (WAS_VIEWER, [over(MEMBER)], ADMIN, Plan(VIEWER, Step.LEAVE, Hand.LEFT)),
        # a later approval is carried out all the same, but lowers nothing
        (WAS_VIEWER, [issued(ADMIN)], MEMBER, Plan(ADMIN, Step.WRITE, Hand.APPROVED)),
        (WAS_VIEWER, [issued(ADMIN)], None, Plan(ADMIN, Step.WRITE, Hand.APPROVED)),
        (WAS_VIEWER, [issued(MEMBER)], ADMIN, Plan(MEMBER, Step.LEAVE, Hand.LEFT)),
        # the same by another's hand is not taken for our own
        (WAS_VIEWER, [issued(MEMBER)], MEMBER, Plan(MEMBER, Step.LEAVE, Hand.LEFT)),
        (WAS_VIEWER, [active(MEMBER)], MEMBER, Plan(MEMBER, Step.NOTHING)),
        # nothing of ours is open: no news, unless a write of ours landed late
        (a_standing(last_seen=None), [], MEMBER, Plan(None, Step.LEAVE)),
        (a_standing(last_seen=None), [], None, Plan(None, Step.NOTHING)),
        (a_standing(unanswered=(ADMIN,)), [], ADMIN, Plan(None, Step.WRITE)),
        (a_standing(unanswered=(ADMIN,)), [], MEMBER, Plan(None, Step.WRITE)),
    ],
)
def test_the_plan_changes_what_is_ours_and_leaves_what_is_not(
    standing: Standing, grants: list[Grant], held: Role | None, expected: Plan
) -> None:
    assert planning.plan(standing, grants, held) == expected


@pytest.mark.parametrize(
    ("held", "wanted", "lowers"),
    [
        (ADMIN, MEMBER, True),
        (ADMIN, None, True),
        (ADMIN, ADMIN, False),
        (MEMBER, None, False),
        (None, ADMIN, False),
    ],
)
def test_only_an_admin_can_lose_an_admins_role(
    held: Role | None, wanted: Role | None, lowers: bool
) -> None:
    assert standings.lowers_admin(held, wanted) is lowers


@pytest.mark.parametrize(
    ("held", "wanted", "human", "own", "other_admins", "words"),
    [
        (None, MEMBER, True, False, False, None),
        (MEMBER, ADMIN, True, False, False, None),
        (ADMIN, VIEWER, True, False, True, None),
        (ADMIN, None, True, False, True, None),
        (MEMBER, None, True, False, False, None),
        (MEMBER, STEWARD, True, True, False, "the bot itself"),
        (VIEWER, MEMBER, True, True, True, "the bot itself"),
        (ADMIN, MEMBER, True, False, False, "last admin"),
        (ADMIN, None, True, False, False, "last admin"),
        (ADMIN, MEMBER, True, True, True, "the bot itself"),
        (MEMBER, None, True, True, True, "the bot itself"),
        (None, MEMBER, False, False, True, "service account"),
        (ADMIN, None, False, False, True, "service account"),
    ],
)
def test_the_fences_hold_whatever_was_approved(
    held: Role | None,
    wanted: Role | None,
    human: bool,
    own: bool,
    other_admins: bool,
    words: str | None,
) -> None:
    reading = a_reading(held=held, human=human)

    complaint = standings.fence(reading, held, wanted, own=own, other_admins=other_admins)

    assert (complaint is None) == (words is None)
    assert words is None or words in str(complaint)
