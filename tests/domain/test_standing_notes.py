"""What `ensure` notes of a standing: before it writes, after it has read back, and at the end."""

from datetime import datetime, timedelta

import pytest

from tests.builders import (
    ADMIN,
    EVE,
    HOUR,
    MEMBER,
    NOW,
    STEWARD,
    VIEWER,
    a_grant,
    a_standing,
)
from workflows.domain import drift, planning, standings
from workflows.domain.entitlements import Role, custom_role
from workflows.domain.events import (
    BOT,
    Change,
    OtherRolesChanged,
    PersonInvited,
    PriorNoted,
    RoleSent,
)
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.planning import Plan, Step
from workflows.domain.standings import RECHECKS, Standing

KEY = "eve@corp.example team:vision"
LATER = NOW + HOUR
NOTED = a_standing(noted=True)
WAS_VIEWER = a_standing(noted=True, prior=VIEWER, last_seen=VIEWER)
IS_ADMIN = a_standing(noted=True, prior=VIEWER, last_seen=ADMIN)
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


def test_an_invitation_is_noted_before_it_is_sent() -> None:
    change = standings.invite(a_standing(), now=NOW)

    assert change == Change(
        a_standing(), (PersonInvited(subject=KEY, at=NOW, actor=BOT, person=EVE),)
    )


@pytest.mark.parametrize(("held", "text"), [(None, ""), (VIEWER, "viewer")])
def test_what_was_there_is_noted_before_the_first_change(held: Role | None, text: str) -> None:
    standing = a_standing(account=None, drift="admin")

    change = standings.first_touch(standing, held, account="u-eve", now=NOW)

    assert change.entity == a_standing(
        account="u-eve", noted=True, prior=held, prior_at=NOW, last_seen=held
    )
    assert change.events == (PriorNoted(subject=KEY, at=NOW, actor=BOT, held=text),)


@pytest.mark.parametrize(
    ("sent", "landed"),
    [
        (ADMIN, ADMIN),
        (ADMIN, MEMBER),  # the adding landed, the raising did not
        (STEWARD, MEMBER),
        (STEWARD, STEWARD),
    ],
)
def test_what_we_sent_and_what_landed_late_is_not_taken_for_theirs(
    sent: Role, landed: Role
) -> None:
    standing = a_standing(prior=None, last_seen=None, unanswered=(sent,), last_end_at=NOW)

    touched = standings.first_touch(standing, landed, account="u-eve", now=LATER).entity

    assert touched.prior is None
    assert touched.last_seen == landed
    assert standings.wanted_role(touched.prior, []) is None


def test_what_was_seen_after_the_last_end_is_theirs_though_a_write_is_unanswered() -> None:
    standing = a_standing(prior=VIEWER, last_seen=VIEWER, unanswered=(ADMIN,))

    assert standings.first_touch(standing, VIEWER, account="u", now=NOW).entity.prior == VIEWER
    assert standings.first_touch(standing, MEMBER, account="u", now=NOW).entity.prior == MEMBER
    assert standings.first_touch(standing, ADMIN, account="u", now=NOW).entity.prior == VIEWER


def test_what_is_sent_is_noted_with_what_stands_elsewhere() -> None:
    change = standings.send(WAS_VIEWER, ADMIN, held=VIEWER, others={"nlp": "member"}, now=NOW)

    assert change.entity.unanswered == (ADMIN,)
    assert change.entity.others == {"nlp": "member"}
    assert change.events == (
        RoleSent(subject=KEY, at=NOW, actor=BOT, before="viewer", after="admin"),
    )


def test_what_stood_elsewhere_before_the_first_try_is_kept_over_the_second() -> None:
    first = standings.send(NOTED, MEMBER, held=None, others={"nlp": "member"}, now=NOW).entity

    second = standings.send(first, MEMBER, held=None, others={}, now=LATER).entity

    assert second.others == {"nlp": "member"}


def test_an_answer_settles_the_last_write_and_only_that() -> None:
    sent = sent_and_lost(sent_and_lost(IS_ADMIN, MEMBER), VIEWER)

    done = standings.answered(sent, VIEWER)

    assert done.last_seen == VIEWER
    assert done.unanswered == (MEMBER,)
    assert done.others is None


def test_a_write_that_timed_out_can_land_after_the_same_was_sent_again_and_answered() -> None:
    lost = sent_and_lost(NOTED, MEMBER)
    given = standings.answered(sent_and_lost(lost, MEMBER), MEMBER)
    taken = standings.answered(sent_and_lost(given, None), None)

    assert planning.plan(taken, [over(MEMBER)], MEMBER) == Plan(None, Step.WRITE)


def test_however_often_it_is_sent_what_is_remembered_stays_small() -> None:
    standing = NOTED

    for _ in range(50):
        standing = sent_and_lost(sent_and_lost(standing, MEMBER), None)

    assert len(standing.unanswered) <= 3


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (None, {"nlp": "member"}, {}),
        ({"nlp": "member"}, None, {}),
        ({}, {"nlp": "member"}, {}),
        ({"nlp": "member"}, {"nlp": "member", "new": "admin"}, {}),
        ({"nlp": "member"}, {"nlp": "viewer"}, {"nlp": "member"}),
        ({"nlp": "member", "asr": "admin"}, {"asr": "admin"}, {"nlp": "member"}),
    ],
)
def test_roles_elsewhere_that_are_no_longer_what_they_were_are_found(
    before: dict[str, str] | None, after: dict[str, str] | None, lost: dict[str, str]
) -> None:
    assert drift.lost_others(before, after) == lost


@pytest.mark.parametrize(("after", "shown"), [({"b": "viewer"}, ("b: viewer",)), (None, ())])
def test_roles_lost_elsewhere_are_an_alarm(
    after: dict[str, str] | None, shown: tuple[str, ...]
) -> None:
    standing = a_standing(others={"b": "member"})

    change = drift.note_others(
        standing, {"b": "member", "a": "admin"}, after, put_back=True, now=NOW
    )

    assert change.entity.others is None
    assert change.events == (
        OtherRolesChanged(
            subject=KEY,
            at=NOW,
            actor=BOT,
            before=("a: admin", "b: member"),
            after=shown,
            put_back=True,
        ),
    )


def test_an_end_begins_the_looking_again() -> None:
    standing = a_standing(noted=True, last_seen=ADMIN, unanswered=(ADMIN,))

    settled = standings.settle(standing, held=VIEWER, ended=True, open=False, now=NOW)

    assert settled.last_end_at == NOW
    assert settled.last_seen == VIEWER
    assert not settled.noted
    assert settled.unanswered == (ADMIN,)
    assert standings.next_recheck(settled.last_end_at, now=NOW) == NOW + RECHECKS[0]


def test_as_long_as_a_grant_is_open_what_was_there_stays_noted() -> None:
    settled = standings.settle(NOTED, held=MEMBER, ended=False, open=True, now=NOW)

    assert settled.noted
    assert settled.last_end_at is None


@pytest.mark.parametrize(
    ("after", "remembered"),
    [(timedelta(minutes=59), True), (timedelta(minutes=60), False), (timedelta(days=1), False)],
)
def test_what_nobody_answered_is_forgotten_after_the_last_look(
    after: timedelta, remembered: bool
) -> None:
    standing = a_standing(unanswered=(ADMIN,), last_end_at=NOW)

    settled = standings.settle(standing, held=None, ended=False, open=False, now=NOW + after)

    assert settled.unanswered == ((ADMIN,) if remembered else ())


def test_what_nobody_answered_is_not_forgotten_while_a_later_grant_is_open() -> None:
    standing = a_standing(noted=True, unanswered=(ADMIN,), last_end_at=NOW)

    settled = standings.settle(standing, held=ADMIN, ended=False, open=True, now=NOW + 2 * HOUR)

    assert settled.unanswered == (ADMIN,)


def test_what_nobody_answered_before_any_end_is_remembered() -> None:
    standing = a_standing(noted=True, unanswered=(ADMIN,))

    settled = standings.settle(standing, held=ADMIN, ended=False, open=True, now=NOW + 48 * HOUR)

    assert settled.unanswered == (ADMIN,)


@pytest.mark.parametrize(
    ("since", "next_look"),
    [
        (timedelta(0), timedelta(minutes=1)),
        (timedelta(seconds=59), timedelta(minutes=1)),
        (timedelta(minutes=1), timedelta(minutes=10)),
        (timedelta(minutes=10), timedelta(hours=1)),
        (timedelta(hours=1), None),
        (timedelta(days=7), None),
    ],
)
def test_after_an_end_we_look_again_three_times(
    since: timedelta, next_look: timedelta | None
) -> None:
    expected = NOW + next_look if next_look else None

    assert standings.next_recheck(NOW, now=NOW + since) == expected


def test_before_any_end_there_is_nothing_to_look_at_again() -> None:
    assert standings.next_recheck(None, now=NOW) is None
