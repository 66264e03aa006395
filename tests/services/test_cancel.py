"""Taking a request back before it is decided."""

import pytest

from tests.builders import ADA, EVE
from tests.services.rig import Rig
from workflows.domain.requests import RequestStatus
from workflows.errors import AlreadySettled, NotFound, Refused
from workflows.services.requests import cancel_request


def test_the_requester_takes_it_back(rig: Rig) -> None:
    request = rig.submit()

    cancelled = cancel_request(rig.deps, request.id, by=EVE)

    assert cancelled.status is RequestStatus.CANCELLED
    assert rig.request(request.id) == cancelled
    assert rig.events() == ["RequestSubmitted", "RequestCancelled"]


def test_cancelling_twice_is_cancelling_once(rig: Rig) -> None:
    request = rig.submit()

    first = cancel_request(rig.deps, request.id, by=EVE)

    assert cancel_request(rig.deps, request.id, by=EVE) == first
    assert rig.events().count("RequestCancelled") == 1


def test_nobody_else_can_cancel(sqlite_rig: Rig) -> None:
    request = sqlite_rig.submit()

    with pytest.raises(Refused, match="Only the person who asked"):
        cancel_request(sqlite_rig.deps, request.id, by=ADA)


def test_what_is_decided_cannot_be_cancelled(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved()

    with pytest.raises(AlreadySettled, match="already been approved"):
        cancel_request(sqlite_rig.deps, id, by=EVE)


def test_what_was_cancelled_cannot_be_approved(sqlite_rig: Rig) -> None:
    request = sqlite_rig.submit()
    cancel_request(sqlite_rig.deps, request.id, by=EVE)

    with pytest.raises(AlreadySettled, match="cancelled by the requester"):
        sqlite_rig.approve(request.id)


def test_what_does_not_exist_cannot_be_cancelled(sqlite_rig: Rig) -> None:
    with pytest.raises(NotFound):
        cancel_request(sqlite_rig.deps, "nothing", by=EVE)


def test_after_cancelling_the_same_can_be_asked_for_again(rig: Rig) -> None:
    cancel_request(rig.deps, rig.submit().id, by=EVE)

    assert rig.submit().status is RequestStatus.PENDING
