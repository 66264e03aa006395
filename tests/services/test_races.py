"""Two and three at once, on both databases, with real threads that start at one barrier.

A few of each by default; `--long` plays ten times as many. The pairs that are also played by
processes are in `test_pairs`.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import pytest

from tests.builders import ADA, ADMIN, BOB, HOUR, MEMBER, VIEWER, VISION, terms
from tests.services.racing import add_people
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Team
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import Policy
from workflows.domain.requests import RequestStatus
from workflows.errors import AccessError, AlreadySettled, AskedAlready, Conflict
from workflows.services import expiry
from workflows.storage.outbox import Job
from workflows.worker import DIRECTORY

A_FEW = 15

Outcome = object


@pytest.fixture
def askers(rig: Rig, long: bool) -> Sequence[EmailAddress]:
    """One person a round."""
    return add_people(rig, 10 * A_FEW if long else A_FEW)


def at_once(*acts: Callable[[], object]) -> list[Outcome]:
    """What each of them came to: its result, or the error it raised."""
    barrier = threading.Barrier(len(acts))
    outcomes: list[Outcome] = [None] * len(acts)

    def run(number: int, act: Callable[[], object]) -> None:
        barrier.wait(timeout=20)
        try:
            outcomes[number] = act()
        except AccessError as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return outcomes


def errors(outcomes: Sequence[Outcome]) -> list[type[object]]:
    """The kinds of error among them."""
    return [type(one) for one in outcomes if isinstance(one, AccessError)]


def test_the_same_approval_twice_at_once_is_one_word(
    rig: Rig, askers: Sequence[EmailAddress]
) -> None:
    for person in askers:
        id = rig.submit(requester=person).id

        outcomes = at_once(partial(rig.approve, id, ADA), partial(rig.approve, id, ADA))

        assert errors(outcomes) == []
        assert rig.events(id) == ["RequestSubmitted", "RequestApproved", "GrantIssued"]


def test_an_approval_and_the_lapse_at_once_come_to_one_of_them(
    rig: Rig, askers: Sequence[EmailAddress]
) -> None:
    ids = [rig.submit(requester=person).id for person in askers]
    almost = rig.clock.now + timedelta(days=3) - timedelta(seconds=1)
    for id in ids:
        rig.clock.now = almost

        def lapse() -> int:
            rig.clock.now = almost + timedelta(seconds=1)
            return expiry.lapse_overdue_requests(rig.deps)

        at_once(partial(rig.approve, id, ADA), lapse)

        approved = rig.request(id).status is RequestStatus.APPROVED
        assert rig.events(id).count("GrantIssued") == int(approved)
        assert rig.events(id).count("RequestLapsed") == int(not approved)


def test_two_approvals_that_are_both_needed_both_count(
    rig: Rig, askers: Sequence[EmailAddress]
) -> None:
    rig.rewire(policy=Policy(defaults=terms(approvals=2)))
    for person in askers:
        id = rig.submit(requester=person).id

        outcomes = at_once(partial(rig.approve, id, ADA), partial(rig.approve, id, BOB))

        assert errors(outcomes) == []
        assert sorted(rig.grant(id).approvers) == [ADA, BOB]
        assert rig.events(id).count("GrantIssued") == 1


def test_an_end_and_a_giving_back_at_once_are_one_end(
    rig: Rig, askers: Sequence[EmailAddress]
) -> None:
    ids = [(rig.approved(requester=who, duration=Span(900)), who) for who in askers]
    rig.clock.advance(timedelta(minutes=15))
    for id, person in ids:
        outcomes = at_once(
            lambda: expiry.expire_due_grants(rig.deps),
            partial(rig.give_back, id, by=person),
        )

        assert set(errors(outcomes)) <= {AlreadySettled}
        ends = [name for name in rig.events(id) if name in ("GrantExpired", "GrantRevoked")]
        assert len(ends) == 1
        assert rig.grant(id).status is GrantStatus.ENDING


def test_two_sweeps_at_once_end_each_grant_once(rig: Rig, askers: Sequence[EmailAddress]) -> None:
    ids = [rig.approved(requester=who, duration=Span(900)) for who in askers]
    rig.clock.advance(timedelta(minutes=15))

    outcomes = at_once(*[lambda: expiry.expire_due_grants(rig.deps)] * 3)

    assert errors(outcomes) == []
    expiry.expire_due_grants(rig.deps)
    assert all(rig.events(id).count("GrantExpired") == 1 for id in ids)


def test_the_same_thing_submitted_twice_at_once_is_one_request(
    rig: Rig, askers: Sequence[EmailAddress]
) -> None:
    for person in askers:
        same = at_once(*[partial(rig.submit, requester=person, origin=f"form-{person}")] * 2)
        assert errors(same) == []
        assert same[0] == same[1]


def test_the_same_wish_in_two_forms_at_once_is_one_request(
    rig: Rig, askers: Sequence[EmailAddress]
) -> None:
    for person in askers:
        outcomes = at_once(*[partial(rig.submit, requester=person)] * 2)
        assert errors(outcomes) == [AskedAlready]


def claims(rig: Rig) -> Callable[[], list[Job]]:
    """A worker that takes all it can get and works on none."""

    def claim() -> list[Job]:
        jobs: list[Job] = []
        while True:
            try:
                with rig.work.begin() as work:
                    token = rig.deps.new_id()
                    job = work.outbox.claim(DIRECTORY, now=rig.clock(), token=token)
            except Conflict:
                continue
            if job is None:
                break
            jobs.append(job)
        return jobs

    return claim


def test_two_workers_never_lease_one_lane_twice(rig: Rig, askers: Sequence[EmailAddress]) -> None:
    rig.directory.put(ADA, Team("speech"), ADMIN)
    rig.rosters.read()
    for person in askers:
        rig.approved(requester=person)
        rig.approved(requester=person, place=Team("speech"))

    taken = [job for jobs in at_once(*[claims(rig)] * 3) if isinstance(jobs, list) for job in jobs]

    lanes = [job.lane for job in taken]
    assert len(lanes) == len(set(lanes)) == len(askers)


def test_several_workers_bring_everything_to_its_end(
    rig: Rig, askers: Sequence[EmailAddress]
) -> None:
    ids = [rig.approved(requester=who, duration=Span(900)) for who in askers]
    at_once(*[rig.run] * 3)
    rig.drain(timedelta(minutes=1))
    assert {rig.grant(id).status for id in ids} == {GrantStatus.ACTIVE}

    rig.clock.advance(timedelta(minutes=15))
    rig.tick()
    at_once(*[rig.run] * 3)
    rig.drain()

    assert {rig.grant(id).status for id in ids} == {GrantStatus.ENDED}
    posted = [(one.subject, one.audience) for one in rig.notifier.posted]
    assert len(posted) == len(set(posted))
    assert all(rig.events(id).count("GrantActivated") == 1 for id in ids)


def test_the_same_word_twice_at_once_is_one_of_the_two_that_are_needed(
    rig: Rig, askers: Sequence[EmailAddress]
) -> None:
    rig.rewire(policy=Policy(defaults=terms(approvals=2)))
    for person in askers:
        id = rig.submit(requester=person).id

        outcomes = at_once(partial(rig.approve, id, ADA), partial(rig.approve, id, ADA))

        assert errors(outcomes) == []
        assert rig.request(id).status is RequestStatus.PENDING
        assert rig.events(id) == ["RequestSubmitted", "ApprovalGiven"]


def test_a_second_grant_while_the_first_is_taken_back_keeps_what_was_before(
    rig: Rig, askers: Sequence[EmailAddress]
) -> None:
    people = askers[::4]  # a whole life each
    for person in people:
        rig.directory.put(person, VISION, VIEWER)
        first = rig.approved(requester=person, role=ADMIN)
        rig.run()
        second = rig.submit(requester=person, duration=Span(9 * 3600)).id
        rig.give_back(first, by=person)

        at_once(rig.run, partial(rig.approve, second, ADA), rig.run)
        rig.run()

        assert rig.held(person) == MEMBER
        assert rig.standing(person).prior == VIEWER
        assert rig.grant(first).status is GrantStatus.ENDED
        assert rig.grant(second).status is GrantStatus.ACTIVE
    rig.drain()
    assert {rig.held(person) for person in people} == {VIEWER}


def test_two_grants_in_one_place_at_once_are_the_higher_and_end_with_what_was_before(
    rig: Rig, askers: Sequence[EmailAddress]
) -> None:
    people = askers[::4]  # a whole life each
    for person in people:
        rig.directory.put(person, VISION, VIEWER)
        low = rig.submit(requester=person, role=MEMBER, duration=Span(10 * 3600)).id
        high = rig.submit(requester=person, role=ADMIN, duration=Span(9 * 3600)).id

        at_once(partial(rig.approve, low), partial(rig.approve, high, BOB), rig.run, rig.run)
        rig.run()

        assert rig.held(person) == ADMIN
        assert rig.standing(person).prior == VIEWER
    rig.wait(9 * HOUR)
    rig.drain(timedelta(minutes=1))
    assert {rig.held(person) for person in people} == {MEMBER}
    rig.drain()
    assert {rig.held(person) for person in people} == {VIEWER}


def test_what_is_given_back_while_it_is_given_is_gone_in_the_end(
    rig: Rig, askers: Sequence[EmailAddress]
) -> None:
    people = askers[::4]  # a whole life each
    for person in people:
        id = rig.approved(requester=person)

        outcomes = at_once(rig.run, partial(rig.give_back, id, by=person))
        rig.run()

        assert errors(outcomes) == []
        assert rig.held(person) is None
        assert rig.grant(id).status is GrantStatus.ENDED
        assert rig.events(id).count("GrantRevoked") == rig.events(id).count("GrantEnded") == 1
