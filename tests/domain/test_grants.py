"""A grant's life: every transition, and every one that is refused."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product

import pytest

from tests.builders import ADA, BOB, EVE, HOUR, MEMBER, NOW, VIEWER, a_grant, a_request
from workflows.domain import grants
from workflows.domain.durations import Duration, Permanent, Span, Until
from workflows.domain.events import (
    BOT,
    CLOCK,
    Change,
    GrantActivated,
    GrantEnded,
    GrantExpired,
    GrantExtended,
    GrantFailed,
    GrantIssued,
    GrantRevoked,
    RevocationRecovered,
    RevocationStuck,
)
from workflows.domain.grants import LIVE, OPEN, TRANSITIONS, Grant, GrantStatus
from workflows.domain.requests import Decision, RequestStatus
from workflows.errors import AlreadySettled, Refused

LATER = NOW + HOUR
AT_ITS_END = NOW + 8 * HOUR
END = AT_ITS_END.isoformat()


def activate(grant: Grant) -> Change[Grant]:
    return grants.activate(grant, held_before=VIEWER, now=LATER)


def expire(grant: Grant) -> Change[Grant]:
    return grants.expire(grant, now=AT_ITS_END)


def revoke(grant: Grant) -> Change[Grant]:
    return grants.revoke(grant, by=EVE, reason="done", now=LATER)


def end(grant: Grant) -> Change[Grant]:
    return grants.end(grant, held=None, note="", now=LATER)


def fail(grant: Grant) -> Change[Grant]:
    return grants.fail(grant, reason="no seat is left", now=LATER)


MOVES: list[tuple[Callable[[Grant], Change[Grant]], GrantStatus]] = [
    (activate, GrantStatus.ACTIVE),
    (expire, GrantStatus.ENDING),
    (revoke, GrantStatus.ENDING),
    (end, GrantStatus.ENDED),
    (fail, GrantStatus.FAILED),
]


@pytest.mark.parametrize(("before", "move"), list(product(GrantStatus, MOVES)))
def test_a_grant_moves_along_the_table_and_not_otherwise(
    before: GrantStatus, move: tuple[Callable[[Grant], Change[Grant]], GrantStatus]
) -> None:
    grant = a_grant(status=before)
    function, after = move

    try:
        change = function(grant)
    except (AlreadySettled, AssertionError):
        moved = False
    else:
        moved = change.entity.status is not before
        assert moved == bool(change.events)
        assert change.entity.status is (after if moved else before)

    assert moved == (after in TRANSITIONS[before])


def test_the_table_names_every_status_and_what_is_over_stays_over() -> None:
    assert set(TRANSITIONS) == set(GrantStatus)
    assert LIVE < OPEN
    for status in set(GrantStatus) - LIVE:
        assert not TRANSITIONS[status] & LIVE
        assert not a_grant(status=status).is_live
    assert all(a_grant(status=status).is_live for status in LIVE)


@pytest.mark.parametrize(
    ("duration", "ends_at", "text"),
    [
        (Span(3600), LATER + HOUR, (LATER + HOUR).isoformat()),
        (Until(NOW + 3 * HOUR), NOW + 3 * HOUR, (NOW + 3 * HOUR).isoformat()),
        (Permanent(), None, "permanent"),
    ],
)
def test_a_grant_is_issued_with_what_was_approved(
    duration: Duration, ends_at: datetime | None, text: str
) -> None:
    request = a_request(
        duration=duration,
        status=RequestStatus.APPROVED,
        decisions=(Decision(ADA, True, "", NOW), Decision(BOB, True, "", LATER)),
        settled_by=BOB,
        invites=True,
        rule="two people",
    )

    change = grants.issue(request, now=LATER)

    assert change.entity == a_grant(
        approvers=(ADA, BOB), invites=True, rule="two people", issued_at=LATER, ends_at=ends_at
    )
    assert change.events == (
        GrantIssued(
            subject="r-1",
            at=LATER,
            actor=BOB,
            person=EVE,
            place="team:vision",
            role="member",
            ends_at=text,
            rule="two people",
        ),
    )


def test_a_grant_that_was_read_back_is_active() -> None:
    change = activate(a_grant())

    assert change.entity.status is GrantStatus.ACTIVE
    assert change.entity.activated_at == LATER
    assert change.events == (
        GrantActivated(
            subject="r-1",
            at=LATER,
            actor=BOT,
            place="team:vision",
            before="viewer",
            after="member",
            ends_at=END,
        ),
    )


@pytest.mark.parametrize("status", sorted(LIVE))
def test_when_the_time_is_up_it_is_ending_even_if_wandb_never_confirmed_it(
    status: GrantStatus,
) -> None:
    change = expire(a_grant(status=status))

    assert change.entity.status is GrantStatus.ENDING
    assert (change.entity.over_at, change.entity.ended_by) == (AT_ITS_END, CLOCK)
    assert change.events == (
        GrantExpired(
            subject="r-1", at=AT_ITS_END, actor=CLOCK, before=status, after="ending", ends_at=END
        ),
    )


@pytest.mark.parametrize("status", sorted(set(GrantStatus) - LIVE))
def test_what_is_over_does_not_expire(status: GrantStatus) -> None:
    grant = a_grant(status=status)

    assert expire(grant) == Change(grant)


@pytest.mark.parametrize("status", sorted(LIVE))
def test_a_live_grant_can_be_ended_before_its_time(status: GrantStatus) -> None:
    change = revoke(a_grant(status=status))

    assert change.entity.status is GrantStatus.ENDING
    assert (change.entity.over_at, change.entity.ended_by) == (LATER, EVE)
    assert change.entity.note == "done"
    assert change.events == (
        GrantRevoked(
            subject="r-1", at=LATER, actor=EVE, before=status, after="ending", reason="done"
        ),
    )


@pytest.mark.parametrize("status", sorted(set(GrantStatus) - LIVE))
def test_what_is_over_can_neither_be_revoked_nor_extended(status: GrantStatus) -> None:
    grant = a_grant(status=status)

    with pytest.raises(AlreadySettled, match="over already"):
        revoke(grant)
    with pytest.raises(AlreadySettled, match="over already"):
        grants.extend(grant, until=NOW + 24 * HOUR, by=ADA, now=LATER)


def test_extending_moves_the_end_and_nothing_else() -> None:
    grant = a_grant(status=GrantStatus.ACTIVE)
    until = NOW + 24 * HOUR

    change = grants.extend(grant, until=until, by=ADA, now=LATER)

    assert change.entity == a_grant(status=GrantStatus.ACTIVE, ends_at=until)
    assert change.events == (
        GrantExtended(subject="r-1", at=LATER, actor=ADA, before=END, after=until.isoformat()),
    )


def test_an_end_that_is_moved_to_where_it_is_changes_nothing() -> None:
    grant = a_grant()

    assert grants.extend(grant, until=NOW + 8 * HOUR, by=ADA, now=LATER) == Change(grant)


def test_an_end_is_never_moved_to_an_earlier_one_and_none_is_made() -> None:
    with pytest.raises(Refused, match="lasts longer"):
        grants.extend(a_grant(), until=NOW + 7 * HOUR, by=ADA, now=LATER)
    with pytest.raises(Refused, match="has no end"):
        grants.extend(a_grant(ends_at=None), until=NOW + 7 * HOUR, by=ADA, now=LATER)


def test_what_was_issued_by_a_clock_that_was_ahead_counts_from_now() -> None:
    now = NOW - 24 * HOUR

    change = grants.bring_forward(a_grant(status=GrantStatus.ACTIVE), now=now)

    until = now + 8 * HOUR
    assert change.entity == a_grant(status=GrantStatus.ACTIVE, issued_at=now, ends_at=until)
    assert change.events == (
        GrantExtended(subject="r-1", at=now, actor=CLOCK, before=END, after=until.isoformat()),
    )
    assert grants.bring_forward(change.entity, now=now) == Change(change.entity)


@pytest.mark.parametrize(
    "grant",
    [a_grant(issued_at=NOW - 24 * HOUR), a_grant(ends_at=None), a_grant(status=GrantStatus.ENDING)],
    ids=["issued before", "without an end", "over"],
)
def test_no_other_end_is_brought_forward(grant: Grant) -> None:
    assert grants.bring_forward(grant, now=NOW - HOUR) == Change(grant)


@pytest.mark.parametrize("ends_at", [NOW + 8 * HOUR, None], ids=["later", "never"])
def test_what_was_given_more_time_since_it_was_found_due_does_not_expire(
    ends_at: datetime | None,
) -> None:
    grant = a_grant(ends_at=ends_at)

    assert grants.expire(grant, now=NOW + 7 * HOUR) == Change(grant)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=1)])
def test_a_grant_whose_time_is_up_is_not_extended_though_nobody_has_ended_it_yet(
    late: timedelta,
) -> None:
    grant = a_grant(ends_at=NOW)

    with pytest.raises(AlreadySettled, match="ask again"):
        grants.extend(grant, until=NOW + 24 * HOUR, by=ADA, now=NOW + late)


def test_an_end_that_was_read_back_says_what_is_held_now_and_is_no_longer_stuck() -> None:
    grant = a_grant(status=GrantStatus.ENDING, stuck="W&B is down", note="done")

    change = grants.end(grant, held=VIEWER, note="", now=LATER)

    assert change.entity.status is GrantStatus.ENDED
    assert (change.entity.stuck, change.entity.note) == ("", "done")
    assert change.events == (
        GrantEnded(
            subject="r-1",
            at=LATER,
            actor=BOT,
            place="team:vision",
            before="member",
            after="viewer",
            note="",
        ),
        RevocationRecovered(subject="r-1", at=LATER, actor=BOT, person=EVE, place="team:vision"),
    )


def test_an_end_can_have_a_note_of_its_own() -> None:
    grant = a_grant(status=GrantStatus.ENDING, note="done")

    change = grants.end(grant, held=MEMBER, note="another grant gives it", now=LATER)

    assert change.entity.note == "another grant gives it"


def test_a_grant_that_never_came_to_be_says_why() -> None:
    change = fail(a_grant())

    assert change.entity.status is GrantStatus.FAILED
    assert (change.entity.over_at, change.entity.note) == (LATER, "no seat is left")
    assert change.events == (
        GrantFailed(
            subject="r-1",
            at=LATER,
            actor=BOT,
            place="team:vision",
            before="issued",
            after="failed",
            reason="no seat is left",
        ),
    )


def test_what_cannot_be_taken_back_is_told_once_with_its_first_reason() -> None:
    grant = a_grant(status=GrantStatus.ENDING)

    first = grants.stick(grant, reason="W&B is down", now=LATER)
    again = grants.stick(first.entity, reason="W&B is down", now=LATER + HOUR)
    other = grants.stick(first.entity, reason="the last admin", now=LATER + HOUR)

    assert first.events == (
        RevocationStuck(
            subject="r-1",
            at=LATER,
            actor=BOT,
            person=EVE,
            place="team:vision",
            reason="W&B is down",
        ),
    )
    assert again == Change(first.entity)
    assert other == Change(first.entity)


@pytest.mark.parametrize("status", sorted(set(GrantStatus) - {GrantStatus.ENDING}))
def test_only_what_is_ending_can_be_stuck(status: GrantStatus) -> None:
    grant = a_grant(status=status)

    assert grants.stick(grant, reason="W&B is down", now=LATER) == Change(grant)
