"""Writes that land when nobody expects them any more, and a crash after the answer."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, HOUR, MEMBER, OLGA, VISION
from tests.services.crashing import Crash, restart
from tests.services.rig import DirectRosters, Rig
from workflows.domain.durations import Span
from workflows.domain.entitlements import Role
from workflows.domain.grants import GrantStatus
from workflows.domain.standings import LAG
from workflows.errors import DirectoryRejected, DirectoryUnavailable
from workflows.worker import Worker

LEFTOVER = [("LeftoverFound", f"approver:{OLGA}")]
ONE_HOUR = Span(3600)


def landed_late(rig: Rig, role: Role) -> str:
    """A grant that ended before its unanswered write landed; the first looks are behind us."""
    id = rig.approved(role=role, duration=ONE_HOUR)
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role")
    rig.run()
    rig.clock.advance(LAG)
    rig.give_back(id)
    rig.run()
    assert rig.grant(id).status is GrantStatus.ENDED
    rig.wait(timedelta(minutes=1))
    rig.wait(timedelta(minutes=14))
    rig.directory.put(EVE, VISION, role)
    return id


def test_what_landed_late_and_meets_a_fence_is_told_once_and_taken_back_when_it_can_be(
    rig: Rig,
) -> None:
    landed_late(rig, ADMIN)
    rig.directory.put(ADA, VISION, None)
    rig.directory.put(BOB, VISION, None)
    rig.rosters.read()

    rig.drain(5 * HOUR)

    assert rig.held() == ADMIN
    assert [one["kind"] for one in rig.jobs()] == ["ensure"]
    assert rig.notifier.alerts() == LEFTOVER
    assert rig.events().count("LeftoverFound") == 1

    rig.directory.put(ADA, VISION, ADMIN)
    rig.rosters.read()
    rig.drain(5 * HOUR)

    assert rig.held() is None
    assert rig.jobs() == []
    assert rig.notifier.alerts() == [*LEFTOVER, ("LeftoverGone", f"approver:{OLGA}")]


def test_what_landed_late_and_met_one_no_at_the_last_look_is_taken_back_after_it(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    landed_late(rig, MEMBER)
    rig.directory.fail_next(DirectoryRejected("not today"), on="set_role")
    rig.wait(HOUR)
    assert rig.held() == MEMBER
    assert rig.notifier.alerts() == LEFTOVER
    (found,) = [one for one in rig.audit() if one.event == "LeftoverFound"]
    assert found.detail["reason"] == "not today"

    rig.drain(HOUR)

    assert rig.held() is None
    assert rig.jobs() == []


class DyingRosters(DirectRosters):
    """The process dies when it asks for a newer roster: answered, noted, and not settled."""

    def ask(self, *, soon: bool = False) -> None:
        """See `Crash`."""
        raise Crash("answered and noted")


def test_a_grant_that_was_given_and_not_settled_ends_when_the_right_to_approve_is_lost(
    rig: Rig,
) -> None:
    id = rig.approved(by=ADA)
    dying = DyingRosters(rig.directory, rig.groups, rig.work)
    rig.deps = replace(rig.deps, rosters=dying)
    rig.worker = Worker(rig.deps, random=Random(0))
    with pytest.raises(Crash):
        rig.run()
    assert rig.held() == MEMBER
    assert (rig.grant(id).status, rig.standing().unanswered) == (GrantStatus.ISSUED, (MEMBER,))

    rig.directory.put(ADA, VISION, None)
    again = restart(rig, frees=True)
    again.wait(timedelta(minutes=1))

    assert again.held() is None
    grant = again.grant(id)
    assert grant.status is GrantStatus.ENDED
    assert f"{ADA} approved it" in grant.note
    assert "GrantFailed" not in again.events(id)
