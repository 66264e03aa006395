"""A request's life: every transition, and every one that is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from tests.builders import ADA, BOB, EVE, HOUR, MEMBER, NOW, OLGA, VIEWER, a_request, an_ask
from workflows.domain import requests
from workflows.domain.durations import Until
from workflows.domain.events import (
    CLOCK,
    ApprovalGiven,
    Change,
    RequestApproved,
    RequestCancelled,
    RequestDenied,
    RequestLapsed,
    RequestSubmitted,
)
from workflows.domain.requests import TRANSITIONS, AccessRequest, Decision, RequestStatus
from workflows.errors import AlreadySettled, Refused

LATER = NOW + HOUR
SETTLED = [status for status in RequestStatus if status is not RequestStatus.PENDING]


def approve(request: AccessRequest) -> Change[AccessRequest]:
    return requests.decide(request, by=ADA, approved=True, comment="", now=LATER)


def deny(request: AccessRequest) -> Change[AccessRequest]:
    return requests.decide(request, by=ADA, approved=False, comment="not now", now=LATER)


def cancel(request: AccessRequest) -> Change[AccessRequest]:
    return requests.cancel(request, by=EVE, now=LATER)


def lapse(request: AccessRequest) -> Change[AccessRequest]:
    return requests.lapse(request, now=LATER, reason="nobody decided in time")


MOVES: dict[RequestStatus, Callable[[AccessRequest], Change[AccessRequest]]] = {
    RequestStatus.APPROVED: approve,
    RequestStatus.DENIED: deny,
    RequestStatus.CANCELLED: cancel,
    RequestStatus.LAPSED: lapse,
}


@pytest.mark.parametrize(("before", "after"), list(product(RequestStatus, MOVES)))
def test_a_request_moves_along_the_table_and_not_otherwise(
    before: RequestStatus, after: RequestStatus
) -> None:
    request = a_request(status=before)

    try:
        change = MOVES[after](request)
    except AlreadySettled:
        moved = False
    else:
        moved = change.entity.status is not before
        assert moved == bool(change.events)

    assert moved == (after in TRANSITIONS[before])


def test_the_table_names_every_status() -> None:
    assert set(TRANSITIONS) == set(RequestStatus)
    assert all(not TRANSITIONS[status] for status in SETTLED)


def test_an_ask_becomes_a_request_that_says_what_was_asked() -> None:
    ask = an_ask()

    change = requests.submit(
        ask,
        id="r-7",
        now=NOW,
        lapses_at=NOW + timedelta(days=3),
        rule="two people",
        needed=2,
        held=VIEWER,
        invites=True,
    )

    assert change.entity == a_request(
        id="r-7", rule="two people", needed=2, held=VIEWER, invites=True
    )
    assert change.events == (
        RequestSubmitted(
            subject="r-7",
            at=NOW,
            actor=EVE,
            place="team:vision",
            before="viewer",
            after="member",
            duration="28800",
            reason=ask.reason,
            rule="two people",
            approvals_needed=2,
            invites=True,
        ),
    )


@pytest.mark.parametrize(("end", "lapses"), [(1, 1), (72, 72), (73, 72), (1000, 72)])
def test_a_request_with_a_fixed_end_waits_no_longer_than_to_that_end(end: int, lapses: int) -> None:
    change = requests.submit(
        an_ask(duration=Until(NOW + end * HOUR)),
        id="r-1",
        now=NOW,
        lapses_at=NOW + 72 * HOUR,
        rule="defaults",
        needed=1,
        held=None,
        invites=False,
    )

    assert change.entity.lapses_at == NOW + lapses * HOUR


def test_the_one_approval_that_is_needed_approves() -> None:
    change = approve(a_request(rule="some rule"))

    assert change.entity.status is RequestStatus.APPROVED
    assert change.entity.decisions == (Decision(ADA, True, "", LATER),)
    assert (change.entity.settled_at, change.entity.settled_by) == (LATER, ADA)
    assert change.events == (
        RequestApproved(
            subject="r-1",
            at=LATER,
            actor=ADA,
            before="pending",
            after="approved",
            approvers=(ADA,),
            rule="some rule",
        ),
    )


def test_two_approvals_need_two_different_people() -> None:
    first = approve(a_request(needed=2))
    again = approve(first.entity)
    second = requests.decide(again.entity, by=BOB, approved=True, comment="ok", now=LATER)

    assert first.entity.status is RequestStatus.PENDING
    assert first.events == (
        ApprovalGiven(
            subject="r-1",
            at=LATER,
            actor=ADA,
            approvals=1,
            approvals_needed=2,
            rule="defaults",
        ),
    )
    assert again == Change(first.entity)
    assert second.entity.status is RequestStatus.APPROVED
    assert [one.approver for one in second.entity.approvals] == [ADA, BOB]


def test_one_denial_settles_it_and_keeps_its_reason() -> None:
    waiting = requests.decide(
        a_request(needed=3), by=BOB, approved=True, comment="", now=NOW
    ).entity

    change = deny(waiting)

    assert change.entity.status is RequestStatus.DENIED
    assert change.entity.note == "not now"
    assert [one.approver for one in change.entity.approvals] == [BOB]
    assert change.events == (
        RequestDenied(
            subject="r-1",
            at=LATER,
            actor=ADA,
            before="pending",
            after="denied",
            reason="not now",
            rule="defaults",
        ),
    )


def test_the_same_denial_again_changes_nothing_and_another_comes_too_late() -> None:
    denied = deny(a_request()).entity

    assert deny(denied) == Change(denied)
    with pytest.raises(AlreadySettled):
        requests.decide(denied, by=ADA, approved=False, comment="another reason", now=LATER)
    with pytest.raises(AlreadySettled):
        requests.decide(denied, by=ADA, approved=True, comment="", now=LATER)


def test_who_approved_can_still_say_no_while_it_is_pending() -> None:
    waiting = approve(a_request(needed=2)).entity

    change = deny(waiting)

    assert change.entity.status is RequestStatus.DENIED
    assert change.entity.decisions == (Decision(ADA, False, "not now", LATER),)


@pytest.mark.parametrize("comment", ["", "  ", "\n"])
def test_a_denial_without_a_reason_is_refused(comment: str) -> None:
    with pytest.raises(Refused, match="Say why"):
        requests.decide(a_request(), by=ADA, approved=False, comment=comment, now=NOW)


def test_the_same_approval_again_changes_nothing_also_when_it_was_the_last() -> None:
    approved = approve(a_request()).entity

    assert approve(approved) == Change(approved)


@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1)])
def test_a_word_after_the_time_has_passed_comes_too_late(approved: bool, late: timedelta) -> None:
    request = a_request(lapses_at=NOW)

    with pytest.raises(AlreadySettled, match="Too late"):
        requests.decide(request, by=ADA, approved=approved, comment="x", now=NOW + late)


@pytest.mark.parametrize(
    ("status", "by", "words"),
    [
        (RequestStatus.APPROVED, ADA, f"has already been approved by {ADA}."),
        (RequestStatus.DENIED, ADA, f"has already been denied by {ADA}."),
        (RequestStatus.CANCELLED, EVE, "was cancelled by the requester."),
        (RequestStatus.LAPSED, CLOCK, "has lapsed."),
    ],
)
def test_who_is_late_is_told_what_happened(status: RequestStatus, by: str, words: str) -> None:
    request = a_request(status=status, settled_by=by)

    with pytest.raises(AlreadySettled) as refused:
        requests.decide(request, by=OLGA, approved=True, comment="", now=NOW)

    assert str(refused.value) == f"Nothing changed: this request {words}"


def test_the_requester_can_take_it_back() -> None:
    change = cancel(a_request())

    assert change.entity.status is RequestStatus.CANCELLED
    assert (change.entity.settled_at, change.entity.settled_by) == (LATER, EVE)
    assert change.events == (
        RequestCancelled(subject="r-1", at=LATER, actor=EVE, before="pending", after="cancelled"),
    )


def test_nobody_else_can_cancel_it() -> None:
    with pytest.raises(Refused, match="Only the person who asked"):
        requests.cancel(a_request(), by=ADA, now=NOW)


def test_cancelled_once_more_nothing_happens() -> None:
    cancelled = cancel(a_request()).entity

    assert cancel(cancelled) == Change(cancelled)


def test_what_nobody_decides_lapses() -> None:
    change = lapse(a_request())

    assert change.entity.status is RequestStatus.LAPSED
    assert (change.entity.settled_by, change.entity.note) == (CLOCK, "nobody decided in time")
    assert change.events == (
        RequestLapsed(
            subject="r-1",
            at=LATER,
            actor=CLOCK,
            before="pending",
            after="lapsed",
            reason="nobody decided in time",
        ),
    )


@pytest.mark.parametrize("status", SETTLED)
def test_what_is_settled_does_not_lapse(status: RequestStatus) -> None:
    request = replace(a_request(role=MEMBER), status=status)

    assert lapse(request) == Change(request)
