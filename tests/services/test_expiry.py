"""What the clock asks for: ends and lapses, oldest first, none held up by another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, HOUR, MEMBER, NOW, VISION
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress
from workflows.domain.grants import GrantStatus
from workflows.domain.requests import RequestStatus
from workflows.errors import Conflict
from workflows.services import expiry
from workflows.storage.unit_of_work import UnitOfWork


def people(rig: Rig, count: int) -> list[EmailAddress]:
    """So many new accounts."""
    found = [EmailAddress(f"p{number:03}@corp.example") for number in range(count)]
    for email in found:
        rig.directory.add_person(email)
    rig.rosters.read()
    return found


def losing(rig: Rig, times: Callable[[int], bool]) -> None:
    """Let those of the next write transactions lose their race whose number `times` names."""
    numbers = iter(range(10_000))
    begin = rig.deps.begin

    @contextmanager
    def losing_begin() -> Iterator[UnitOfWork]:
        with begin() as work:
            yield work
            if times(next(numbers)):
                raise Conflict("somebody else was first")

    rig.rewire(begin=losing_begin)


def ended(rig: Rig) -> list[str]:
    """The ids of grants in the order in which they expired."""
    return [entry.subject for entry in rig.audit() if entry.event == "GrantExpired"]


def test_what_is_due_ends_and_the_rest_stays(rig: Rig) -> None:
    due, later = rig.approved(duration=Span(3600)), rig.approved(role=ADMIN, by=ADA)
    rig.clock.advance(HOUR)

    assert expiry.expire_due_grants(rig.deps) == 1

    assert rig.grant(due).status is GrantStatus.ENDING
    assert rig.grant(later).status is GrantStatus.ISSUED
    assert rig.audit(due)[-1].actor == "clock"
    assert expiry.expire_due_grants(rig.deps) == 0


def test_the_next_end_is_known(rig: Rig) -> None:
    assert expiry.next_end(rig.deps) is None
    rig.approved(duration=Span(7200))
    rig.approved(role=ADMIN, duration=Span(3600))

    assert expiry.next_end(rig.deps) == NOW + HOUR


def test_more_than_one_batch_ends_with_the_oldest_end_first(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "BATCH", 10)
    ids = []
    for number, person in enumerate(people(rig, expiry.BATCH + 5)):
        span = Span(7200 - number)
        ids.append(rig.approved(requester=person, duration=span))
    rig.clock.advance(2 * HOUR)

    assert expiry.expire_due_grants(rig.deps) == expiry.BATCH + 5
    assert ended(rig) == ids[::-1]


def test_two_ends_of_one_standing_in_one_batch_are_owed_once(rig: Rig) -> None:
    member = rig.approved(duration=Span(3600))
    admin = rig.approved(role=ADMIN, duration=Span(1800), by=ADA)
    rig.run()
    rig.clock.advance(HOUR)

    assert expiry.expire_due_grants(rig.deps) == 2
    assert [job["kind"] for job in rig.jobs()].count("ensure") == 1
    rig.run()

    assert {rig.grant(id).status for id in (member, admin)} == {GrantStatus.ENDED}
    assert rig.held() is None


def test_a_row_that_loses_its_race_holds_up_no_other(rig: Rig) -> None:
    ids = [rig.approved(requester=person, duration=Span(900)) for person in people(rig, 4)]
    rig.clock.advance(HOUR)
    losing(rig, lambda number: number in (0, 2))  # the batch, and then the second row by itself

    assert expiry.expire_due_grants(rig.deps) == 3
    assert len(ended(rig)) == 3
    assert expiry.expire_due_grants(rig.deps) == 1
    assert sorted(ended(rig)) == sorted(ids)


def test_requests_that_nobody_decided_lapse_and_the_rest_waits(rig: Rig) -> None:
    old = rig.submit()
    rig.clock.advance(timedelta(days=2))
    young = rig.submit(role=ADMIN)
    rig.clock.advance(timedelta(days=1))

    assert expiry.lapse_overdue_requests(rig.deps) == 1

    lapsed = rig.request(old.id)
    assert (lapsed.status, lapsed.note) == (RequestStatus.LAPSED, "Nobody decided in time.")
    assert rig.request(young.id).status is RequestStatus.PENDING
    assert rig.events(old.id)[-1] == "RequestLapsed"


def test_a_lapse_that_loses_its_race_holds_up_no_other(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    for person in people(rig, 3):
        rig.submit(requester=person)
    rig.clock.advance(timedelta(days=3))
    losing(rig, lambda number: number == 1)

    assert expiry.lapse_overdue_requests(rig.deps) == 2
    assert expiry.lapse_overdue_requests(rig.deps) == 1


def test_ends_that_came_while_the_process_was_down_are_handled_at_the_first_tick(
    rig: Rig,
) -> None:
    id = rig.approved(role=MEMBER, duration=Span(900))
    rig.run()
    rig.clock.advance(timedelta(days=7))

    restarted = Rig(rig.database, on=rig)
    restarted.tick()
    restarted.run()

    assert restarted.held(place=VISION) is None
    assert restarted.grant(id).status is GrantStatus.ENDED
