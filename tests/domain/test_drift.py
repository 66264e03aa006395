"""What somebody else changed: noted once, gone over, put back, adopted, asked about."""

from datetime import timedelta

import pytest

from tests.builders import (
    ADMIN,
    HOUR,
    MEMBER,
    NOW,
    OLGA,
    STEWARD,
    VIEWER,
    a_grant,
    a_standing,
)
from workflows.domain import drift, planning, standings
from workflows.domain.entitlements import Role
from workflows.domain.events import (
    BOT,
    Change,
    DriftAdopted,
    DriftAsked,
    DriftFound,
    DriftGone,
    DriftPutBack,
    PriorNoted,
    PutBackRefused,
)
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.planning import MOST_FIGHTS, Hand, Plan, Step
from workflows.domain.reactions import alerts_of
from workflows.domain.standings import LAG, Standing

KEY = "eve@corp.example team:vision"
LATER = NOW + HOUR
NOTED = a_standing(noted=True)
IS_ADMIN = a_standing(noted=True, prior=VIEWER, last_seen=ADMIN)
IS_STEWARD = a_standing(noted=True, last_seen=STEWARD)
LEFT = Plan(ADMIN, Step.LEAVE, Hand.LEFT)
PUT_BACK = Plan(ADMIN, Step.WRITE, Hand.PUT_BACK)
GIVEN_UP = Plan(ADMIN, Step.LEAVE, Hand.GIVEN_UP)


def active(role: Role, id: str = "r-1") -> Grant:
    return a_grant(role=role, id=id, status=GrantStatus.ACTIVE, activated_at=NOW)


def issued(role: Role) -> Grant:
    return a_grant(role=role, id="r-new", issued_at=LATER)


def over(role: Role) -> Grant:
    return a_grant(role=role, id="r-over", status=GrantStatus.ENDING, activated_at=NOW)


# ── the plan ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("standing", "grants", "held", "expected"),
    [
        (IS_ADMIN, [active(ADMIN)], MEMBER, Plan(ADMIN, Step.WRITE, Hand.PUT_BACK)),
        (IS_ADMIN, [active(ADMIN)], None, Plan(ADMIN, Step.WRITE, Hand.PUT_BACK)),
        (IS_STEWARD, [active(STEWARD)], VIEWER, Plan(STEWARD, Step.WRITE, Hand.PUT_BACK)),
        # at the end too: what was there before is put back though somebody removed everything
        (IS_ADMIN, [over(ADMIN)], None, Plan(VIEWER, Step.WRITE, Hand.PUT_BACK)),
        # what was raised by hand is nobody's to lower, and another custom role adds something else
        (NOTED, [active(MEMBER)], ADMIN, Plan(MEMBER, Step.LEAVE, Hand.LEFT)),
        (NOTED, [active(MEMBER)], STEWARD, Plan(MEMBER, Step.LEAVE, Hand.LEFT)),
        (IS_ADMIN, [over(ADMIN)], MEMBER, Plan(VIEWER, Step.LEAVE, Hand.LEFT)),
        (NOTED, [over(MEMBER)], ADMIN, Plan(None, Step.LEAVE, Hand.LEFT)),
        # nothing of ours is open
        (a_standing(prior=VIEWER, last_seen=ADMIN), [], None, Plan(VIEWER, Step.LEAVE)),
    ],
)
def test_enforcing_puts_back_what_was_taken_and_lowers_nothing(
    standing: Standing, grants: list[Grant], held: Role | None, expected: Plan
) -> None:
    assert planning.plan(standing, grants, held, enforce=True) == expected


def test_enforcing_stops_after_a_few_fights() -> None:
    standing = IS_ADMIN
    for _ in range(MOST_FIGHTS):
        plan = planning.plan(standing, [active(ADMIN)], None, enforce=True)
        assert plan.hand is Hand.PUT_BACK
        standing = drift.done(standing, plan)

    assert planning.plan(standing, [active(ADMIN)], None, enforce=True) == GIVEN_UP


def test_a_new_first_touch_begins_the_fights_anew() -> None:
    standing = drift.done(IS_ADMIN, PUT_BACK)

    touched = standings.first_touch(standing, None, account="u-eve", now=NOW).entity

    assert (standing.fights, touched.fights) == (1, 0)


@pytest.mark.parametrize(
    ("held", "role", "expected"),
    [
        (None, MEMBER, Plan(MEMBER, Step.WRITE, Hand.APPROVED)),
        (VIEWER, MEMBER, Plan(MEMBER, Step.WRITE, Hand.APPROVED)),
        (MEMBER, MEMBER, LEFT),
        (MEMBER, VIEWER, LEFT),
    ],
)
def test_a_later_lower_approval_brings_back_nothing_that_a_hand_took(
    held: Role | None, role: Role, expected: Plan
) -> None:
    was_admin = a_standing(noted=True, last_seen=ADMIN)

    assert planning.plan(was_admin, [active(ADMIN), issued(role)], held) == expected


# ── noting ───────────────────────────────────────────────────────────────────────────────────────


def test_drift_is_told_once_for_each_finding() -> None:
    first = drift.note(IS_ADMIN, MEMBER, LEFT, now=NOW)
    again = drift.note(first.entity, MEMBER, LEFT, now=LATER)
    gone = drift.note(first.entity, None, LEFT, now=LATER)

    assert first.events == (
        DriftFound(
            subject=KEY,
            at=NOW,
            actor=BOT,
            expected=("admin",),
            found="member",
            wanted="admin",
            done="left",
        ),
    )
    assert again == Change(first.entity)
    assert gone.entity.drift == "nothing"
    assert len(gone.events) == 1


def test_drift_says_what_was_expected_also_when_that_is_nothing() -> None:
    sent = standings.send(NOTED, MEMBER, held=None, others=None, now=NOW).entity

    (found,) = drift.note(sent, ADMIN, LEFT, now=NOW).events

    assert isinstance(found, DriftFound)
    assert found.expected == ("member", "nothing")


def test_putting_back_is_told_once_and_giving_up_once_more() -> None:
    first = drift.note(IS_ADMIN, None, PUT_BACK, now=NOW)
    second = drift.note(first.entity, None, PUT_BACK, now=LATER)
    up = drift.note(second.entity, None, GIVEN_UP, now=LATER)
    still = drift.note(up.entity, None, GIVEN_UP, now=LATER)

    assert [len(one.events) for one in (first, second, up, still)] == [1, 0, 1, 0]
    assert not drift.is_open(first.entity, "nothing")
    assert drift.is_open(up.entity, "nothing")
    assert drift.is_known(up.entity, None)
    assert not drift.is_known(first.entity, None)


def test_going_over_a_hand_takes_what_it_set_for_what_was_before() -> None:
    standing = a_standing(noted=True, prior=VIEWER, last_seen=ADMIN, drift="nothing")

    change = drift.go_over(standing, [active(ADMIN), issued(MEMBER)], None, now=LATER)

    assert change.entity.prior is None
    assert change.entity.last_seen is None
    assert change.entity.drift == ""
    assert change.events == (PriorNoted(subject=KEY, at=LATER, actor=BOT, held=""),)
    given = a_grant(role=MEMBER, id="r-new", status=GrantStatus.ACTIVE, activated_at=LATER)
    assert standings.wanted(change.entity, [active(ADMIN), given]) == MEMBER
    assert standings.wanted(change.entity, [active(ADMIN)]) is None


@pytest.mark.parametrize(
    ("since", "prior"), [(timedelta(seconds=29), None), (timedelta(seconds=30), MEMBER)]
)
def test_an_old_reading_of_what_another_grant_gave_is_not_theirs_to_keep(
    since: timedelta, prior: Role | None
) -> None:
    sent = standings.send(NOTED, ADMIN, held=MEMBER, others=None, now=NOW).entity
    standing = standings.answered(sent, ADMIN)
    grants = [active(MEMBER), active(ADMIN, "r-2"), issued(STEWARD)]

    assert drift.go_over(standing, grants, MEMBER, now=NOW + since).entity.prior == prior


@pytest.mark.parametrize(
    ("since", "others", "held", "expected"),
    [
        (LAG - timedelta(seconds=1), None, MEMBER, True),
        (LAG, None, MEMBER, False),
        (timedelta(0), None, ADMIN, False),  # what we read back
        (timedelta(0), {"nlp": "member"}, MEMBER, False),  # nobody answered us yet
    ],
)
def test_right_after_an_answered_write_a_reading_may_be_old(
    since: timedelta, others: dict[str, str] | None, held: Role, expected: bool
) -> None:
    sent = standings.send(NOTED, ADMIN, held=MEMBER, others=others, now=NOW).entity
    standing = sent if others else standings.answered(sent, ADMIN)
    if others:
        standing = standings.send(IS_ADMIN, ADMIN, held=MEMBER, others=others, now=NOW).entity

    assert standings.may_be_old(standing, held, now=NOW + since) is expected
    assert not standings.may_be_old(a_standing(last_seen=ADMIN), held, now=NOW)


def test_what_is_refused_is_told_once_until_it_works() -> None:
    found = drift.note(IS_ADMIN, None, PUT_BACK, now=NOW).entity

    first = drift.note_refused(found, reason="no seat", now=NOW)
    again = drift.note_refused(first.entity, reason="no team", now=LATER)

    refused = PutBackRefused(subject=KEY, at=NOW, actor=BOT, reason="no seat")
    assert first.events == (refused,)
    assert again == Change(first.entity)
    assert drift.note(first.entity, None, PUT_BACK, now=LATER) == Change(first.entity)
    assert drift.is_known(first.entity, None)
    assert drift.done(first.entity, PUT_BACK).drift == ""
    assert drift.done(found, PUT_BACK).drift == found.drift


def test_what_a_person_wants_put_back_and_is_refused_names_what_is_there() -> None:
    wanted = drift.put_back(
        a_standing(noted=True, last_seen=MEMBER, drift="admin"), [], finding=7, by=OLGA, now=NOW
    ).entity

    refused = drift.note_refused(wanted, reason="the last admin", now=NOW).entity

    assert refused.drift == "refused admin"


# ── what a person decides ────────────────────────────────────────────────────────────────────────


def test_what_is_adopted_is_what_no_end_removes() -> None:
    standing = a_standing(noted=True, prior=VIEWER, last_seen=ADMIN, drift="member")

    change = drift.adopt(standing, finding=7, by=OLGA, now=LATER)

    assert change.events == (
        DriftAdopted(subject=KEY, at=LATER, actor=OLGA, finding=7, before="viewer", after="member"),
    )
    assert change.entity.drift == ""
    for grants in ([active(ADMIN)], [over(ADMIN)], []):
        assert planning.plan(change.entity, grants, MEMBER) == Plan(MEMBER, Step.NOTHING)
    later = planning.plan(change.entity, [active(ADMIN), issued(ADMIN)], MEMBER)
    assert later == Plan(ADMIN, Step.WRITE)


@pytest.mark.parametrize("noted", [True, False], ids=["open", "over"])
def test_what_is_to_be_put_back_counts_as_ours(noted: bool) -> None:
    grants = [active(MEMBER)] if noted else []
    standing = a_standing(noted=noted, prior=None, last_seen=MEMBER, drift="admin")

    change = drift.put_back(standing, grants, finding=7, by=OLGA, now=NOW)

    wanted = MEMBER if noted else None
    after = drift.found_text(wanted)
    assert change.events == (
        DriftPutBack(subject=KEY, at=NOW, actor=OLGA, finding=7, before="admin", after=after),
    )
    assert planning.plan(change.entity, grants, ADMIN) == Plan(wanted, Step.WRITE)
    assert change.entity.drift == ""
    assert bool(change.entity.unanswered) is not noted


def test_asking_changes_nothing() -> None:
    standing = a_standing(noted=True, last_seen=MEMBER, drift="admin")

    change = drift.ask(standing, [active(MEMBER)], finding=7, by=OLGA, now=NOW)

    assert change.entity == standing
    assert change.events == (
        DriftAsked(subject=KEY, at=NOW, actor=OLGA, finding=7, found="admin", wanted="member"),
    )


def test_what_was_decided_is_shown_in_the_message_of_the_finding() -> None:
    standing = a_standing(noted=True, last_seen=MEMBER, drift="admin")
    (adopted,) = drift.adopt(standing, finding=7, by=OLGA, now=NOW).events
    (back,) = drift.put_back(standing, [], finding=7, by=OLGA, now=NOW).events
    (asked,) = drift.ask(standing, [], finding=7, by=OLGA, now=NOW).events
    (found,) = drift.note(standing, None, LEFT, now=NOW).events
    (gone,) = drift.gone(standing, now=NOW).events

    assert [alerts_of(one, 9) for one in (adopted, back, asked, found, gone)] == [
        (7,),
        (7,),
        (7, 9),
        (9,),
        (),
    ]


def test_where_it_is_right_again_the_finding_is_gone_and_the_same_one_is_news() -> None:
    found = drift.note(IS_ADMIN, MEMBER, LEFT, now=NOW).entity
    closed = drift.gone(found, now=LATER)

    assert drift.waits(found)
    assert closed.events == (DriftGone(subject=KEY, at=LATER, actor=BOT),)
    assert closed.entity.drift == ""
    assert drift.gone(closed.entity, now=LATER) == Change(closed.entity)
    assert len(drift.note(closed.entity, MEMBER, LEFT, now=LATER).events) == 1


@pytest.mark.parametrize("state", ["", "leftover", "resolved", "fighting nothing", "refused admin"])
def test_what_waits_for_nobodys_word_is_not_closed_as_a_finding(state: str) -> None:
    standing = a_standing(noted=True, drift=state)

    assert not drift.waits(standing)
    assert drift.gone(standing, now=NOW) == Change(standing)


@pytest.mark.parametrize("role", [None, VIEWER, ADMIN, STEWARD])
def test_what_was_found_is_read_as_it_was_written(role: Role | None) -> None:
    assert drift.found_role(drift.found_text(role)) == role


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (drift.token(17, KEY, "admin"), 17),
        ("17", None),
        ("17-abc", None),
        ("", None),
        ("-1-" + "0" * 32, None),
        ("9" * 19 + "-" + "0" * 32, None),
    ],
)
def test_a_button_names_a_finding_or_none(text: str, row: int | None) -> None:
    assert drift.row_of(text) == row


def test_the_same_row_of_another_database_is_another_finding() -> None:
    assert drift.token(17, KEY, "admin") != drift.token(17, KEY, "viewer")
    assert drift.token(17, KEY, "admin") != drift.token(17, KEY + "2", "admin")


def test_a_leftover_is_no_finding() -> None:
    assert not drift.is_known(a_standing(drift="leftover"), ADMIN)
