"""Letting access last longer: who may, how long, and never after its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, HOUR, MEMBER, NOW, OLGA, VISION, terms
from tests.services.rig import Rig
from workflows.domain.durations import Permanent, Span
from workflows.domain.entitlements import EmailAddress
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.policy import Policy
from workflows.errors import AlreadySettled, Conflict, NotAnApprover, NotFound, Refused
from workflows.services import expiry
from workflows.services.grants import extend_grant
from workflows.storage.unit_of_work import UnitOfWork

LATER = NOW + 24 * HOUR


def extend(
    rig: Rig, id: str, by: EmailAddress = ADA, until: timedelta = timedelta(hours=24)
) -> Grant:
    """So long from the beginning of the test."""
    return extend_grant(rig.deps, id, until=NOW + until, by=by)


def test_an_approver_lets_it_last_longer_and_it_is_never_interrupted(rig: Rig) -> None:
    id = rig.approved()
    rig.run()

    extended = extend(rig, id, BOB)
    rig.wait(8 * HOUR)

    assert extended.ends_at == LATER
    assert rig.held() == MEMBER
    assert len(rig.writes()) == 1
    assert rig.grant(id).status is GrantStatus.ACTIVE
    rig.wait(16 * HOUR)
    assert rig.held() is None


def test_what_was_extended_has_its_row_and_is_shown(rig: Rig) -> None:
    id = rig.approved()
    rig.run()

    extend(rig, id)
    rig.run()

    (row,) = [entry for entry in rig.audit(id) if entry.event == "GrantExtended"]
    assert row.actor == ADA
    assert row.detail["before"] == (NOW + 8 * HOUR).isoformat()
    assert row.detail["after"] == LATER.isoformat()
    shown = rig.notifier.notice(id).grant
    assert shown is not None
    assert shown.ends_at == LATER


def test_what_is_not_carried_out_yet_can_last_longer(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()

    extend(rig, id)
    rig.wait(8 * HOUR)

    assert rig.held() == MEMBER


def test_the_same_extension_said_twice_is_one(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved()

    assert extend(sqlite_rig, id) == extend(sqlite_rig, id, BOB)
    assert sqlite_rig.events(id).count("GrantExtended") == 1


@pytest.mark.parametrize("by", [EVE, EmailAddress("eve+admin@corp.example"), OLGA])
def test_nobody_extends_their_own_and_only_an_approver_extends(
    sqlite_rig: Rig, by: EmailAddress
) -> None:
    rig = sqlite_rig
    if by != OLGA:
        rig.directory.put(EVE, VISION, None)
        rig.directory.add_person("eve+admin@corp.example")
        rig.directory.put("eve+admin@corp.example", VISION, ADMIN)
        rig.rosters.read()
    id = rig.approved()

    with pytest.raises(NotAnApprover):
        extend(rig, id, by)

    assert rig.grant(id).ends_at == NOW + 8 * HOUR


def test_whoever_has_lost_the_right_to_approve_extends_nothing(rig: Rig) -> None:
    id = rig.approved(by=BOB)
    rig.directory.put(ADA, VISION, MEMBER)
    rig.clock.advance(timedelta(minutes=2))

    with pytest.raises(NotAnApprover):
        extend(rig, id, ADA)


def test_nobody_extends_while_w_and_b_cannot_say_who_may(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved()
    sqlite_rig.rosters.stuck = True
    sqlite_rig.clock.advance(timedelta(minutes=2))

    with pytest.raises(Refused, match="W&B does not answer"):
        extend(sqlite_rig, id)


def test_it_lasts_no_longer_than_the_policy_allows_from_now_on(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(defaults=terms(max_duration=86_400)))
    id = rig.approved()
    rig.clock.advance(HOUR)

    with pytest.raises(Refused, match="at most 1 day from now"):
        extend(rig, id, until=timedelta(hours=25, seconds=1))
    assert extend(rig, id, until=timedelta(hours=25)).ends_at == NOW + 25 * HOUR


def test_an_end_is_only_ever_moved_to_a_later_one(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved()

    with pytest.raises(Refused, match="lasts longer than that already"):
        extend(sqlite_rig, id, until=timedelta(hours=7))


def test_what_has_no_end_is_not_extended(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(defaults=terms(permanent=True)))
    id = rig.approved(duration=Permanent())

    with pytest.raises(Refused, match="has no end"):
        extend(rig, id)


def test_what_takes_two_approvals_is_not_extended_by_one_person(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(defaults=terms(approvals=2)))
    id = rig.submit().id
    rig.approve(id, ADA)
    rig.approve(id, BOB)

    with pytest.raises(Refused, match="takes 2 approvals"):
        extend(rig, id)


def test_what_the_policy_no_longer_allows_is_not_extended(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved()
    sqlite_rig.rewire(policy=Policy(defaults=terms(allowed=False)))

    with pytest.raises(Refused, match="no longer allows"):
        extend(sqlite_rig, id)


@pytest.mark.parametrize("swept", [False, True])
def test_what_is_over_is_not_extended_whether_it_was_swept_or_not(rig: Rig, swept: bool) -> None:
    id = rig.approved()
    rig.clock.advance(8 * HOUR)
    if swept:
        rig.tick()

    with pytest.raises(AlreadySettled, match="over already"):
        extend(rig, id)

    rig.tick()
    assert rig.events(id)[-1] == "GrantExpired"


def test_what_was_given_back_or_never_granted_is_not_extended(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    rig.give_back(id)

    with pytest.raises(AlreadySettled):
        extend(rig, id)
    with pytest.raises(NotFound):
        extend(rig, rig.submit(role=ADMIN).id)


def test_a_sweep_that_takes_rows_one_by_one_looks_again_whether_their_time_is_up(rig: Rig) -> None:
    """The batch lost its race to the extension of one of its grants."""
    rig.directory.add_person("mia@corp.example")
    rig.rosters.read()
    extended = rig.approved(duration=Span(3600))
    other = rig.approved(requester=EmailAddress("mia@corp.example"), duration=Span(3600))
    rig.clock.advance(HOUR)
    begin, first = rig.deps.begin, iter((True,))

    @contextmanager
    def losing() -> Iterator[UnitOfWork]:
        with begin() as work:
            yield work
            if next(first, False):
                raise Conflict("somebody else was first")

    look = rig.deps.look
    looked = iter((True,))

    @contextmanager
    def moved_after_the_look() -> Iterator[UnitOfWork]:
        with look() as work:
            yield work
        if next(looked, False):
            rig.clock.advance(-timedelta(seconds=1))
            extend_grant(plain, extended, until=LATER, by=ADA)
            rig.clock.advance(timedelta(seconds=1))

    plain = rig.deps
    rig.rewire(begin=losing, look=moved_after_the_look)

    expiry.expire_due_grants(rig.deps)

    assert rig.grant(other).status is GrantStatus.ENDING
    assert rig.grant(extended).status is GrantStatus.ISSUED
    assert rig.grant(extended).ends_at == LATER


def test_the_request_keeps_what_was_asked_for(sqlite_rig: Rig) -> None:
    id = sqlite_rig.approved(duration=Span(3600))

    extend(sqlite_rig, id)

    assert sqlite_rig.request(id).duration == Span(3600)
