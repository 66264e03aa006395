"""Ending one's own access before its time."""

from datetime import timedelta

import pytest

from tests.builders import ADA, EVE
from tests.services.rig import Rig
from workflows.domain.grants import GrantStatus
from workflows.errors import AlreadySettled, NotFound, Refused


def test_what_is_given_back_is_gone_after_the_worker_ran(rig: Rig) -> None:
    id = rig.approved()
    rig.run()

    given = rig.give_back(id)

    assert given.status is GrantStatus.ENDING
    assert (given.ended_by, given.note) == (EVE, "given back")
    rig.run()
    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED


def test_what_was_never_given_can_be_given_back(rig: Rig) -> None:
    id = rig.approved()

    rig.give_back(id)
    rig.run()

    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.writes() == []


def test_nobody_else_can_give_it_back(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved()

    with pytest.raises(Refused, match="Only the person"):
        sqlite_rig.give_back(id, by=ADA)


def test_what_is_over_cannot_be_given_back(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved()
    sqlite_rig.wait(timedelta(hours=8))

    with pytest.raises(AlreadySettled, match="over already"):
        sqlite_rig.give_back(id)


def test_what_was_never_granted_cannot_be_given_back(sqlite_rig: Rig) -> None:
    request = sqlite_rig.submit()

    with pytest.raises(NotFound):
        sqlite_rig.give_back(request.id)
