"""Two at once, on both databases, with real threads that start at one barrier."""

import os
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from tests.builders import ADA, ADMIN, BOB, terms
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Team
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import Policy
from workflows.domain.requests import RequestStatus
from workflows.errors import AccessError, AlreadySettled, Conflict, PolicyRefused
from workflows.services import expiry
from workflows.services.requests import cancel_request
from workflows.storage.outbox import Job
from workflows.worker import DIRECTORY

# Of each race on each database; the environment asks for more.
ROUNDS = int(os.environ.get("RACE_ROUNDS", "15"))

Outcome = object


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


def askers(rig: Rig) -> Sequence[EmailAddress]:
    """One person a round."""
    people = [EmailAddress(f"p{number}@corp.example") for number in range(ROUNDS)]
    for person in people:
        rig.directory.add_person(person)
    rig.rosters.read()
    return people


def errors(outcomes: Sequence[Outcome]) -> list[type[object]]:
    """The kinds of error among them."""
    return [type(one) for one in outcomes if isinstance(one, AccessError)]


def test_of_two_approvals_at_once_one_makes_the_grant(rig: Rig) -> None:
    for person in askers(rig):
        id = rig.submit(requester=person).id

        outcomes = at_once(partial(rig.approve, id, ADA), partial(rig.approve, id, BOB))

        assert errors(outcomes) == [AlreadySettled]
        assert rig.events(id).count("GrantIssued") == 1
        assert len(rig.grant(id).approvers) == 1


def test_the_same_approval_twice_at_once_is_one_word(rig: Rig) -> None:
    for person in askers(rig):
        id = rig.submit(requester=person).id

        outcomes = at_once(partial(rig.approve, id, ADA), partial(rig.approve, id, ADA))

        assert errors(outcomes) == []
        assert rig.events(id) == ["RequestSubmitted", "RequestApproved", "GrantIssued"]


def test_an_approval_and_a_denial_at_once_come_to_one_of_them(rig: Rig) -> None:
    for person in askers(rig):
        id = rig.submit(requester=person).id

        outcomes = at_once(partial(rig.approve, id, ADA), partial(rig.deny, id, BOB))

        assert errors(outcomes) == [AlreadySettled]
        approved = rig.request(id).status is RequestStatus.APPROVED
        assert rig.events(id).count("GrantIssued") == int(approved)
        assert rig.events(id).count("RequestDenied") == int(not approved)


def test_an_approval_and_a_cancelling_at_once_come_to_one_of_them(rig: Rig) -> None:
    for person in askers(rig):
        id = rig.submit(requester=person).id

        outcomes = at_once(
            partial(rig.approve, id, ADA),
            partial(cancel_request, rig.deps, id, by=person),
        )

        assert errors(outcomes) == [AlreadySettled]
        approved = rig.request(id).status is RequestStatus.APPROVED
        assert rig.events(id).count("GrantIssued") == int(approved)
        assert rig.events(id).count("RequestCancelled") == int(not approved)


def test_an_approval_and_the_lapse_at_once_come_to_one_of_them(rig: Rig) -> None:
    people = askers(rig)
    ids = [rig.submit(requester=person).id for person in people]
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


def test_two_approvals_that_are_both_needed_both_count(rig: Rig) -> None:
    rig.rewire(policy=Policy(defaults=terms(approvals=2)))
    for person in askers(rig):
        id = rig.submit(requester=person).id

        outcomes = at_once(partial(rig.approve, id, ADA), partial(rig.approve, id, BOB))

        assert errors(outcomes) == []
        assert sorted(rig.grant(id).approvers) == [ADA, BOB]
        assert rig.events(id).count("GrantIssued") == 1


def test_an_end_and_a_giving_back_at_once_are_one_end(rig: Rig) -> None:
    ids = [(rig.approved(requester=who, duration=Span(900)), who) for who in askers(rig)]
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


def test_two_sweeps_at_once_end_each_grant_once(rig: Rig) -> None:
    ids = [rig.approved(requester=who, duration=Span(900)) for who in askers(rig)]
    rig.clock.advance(timedelta(minutes=15))

    outcomes = at_once(*[lambda: expiry.expire_due_grants(rig.deps)] * 3)

    assert errors(outcomes) == []
    expiry.expire_due_grants(rig.deps)
    assert all(rig.events(id).count("GrantExpired") == 1 for id in ids)


def test_the_same_thing_submitted_twice_at_once_is_one_request(rig: Rig) -> None:
    for person in askers(rig):
        same = at_once(*[partial(rig.submit, requester=person, origin=f"form-{person}")] * 2)
        assert errors(same) == []
        assert same[0] == same[1]


def test_the_same_wish_in_two_forms_at_once_is_one_request(rig: Rig) -> None:
    for person in askers(rig):
        outcomes = at_once(*[partial(rig.submit, requester=person)] * 2)
        assert errors(outcomes) == [PolicyRefused]


def claims(rig: Rig) -> Callable[[], list[Job]]:
    """A worker that takes all it can get and works on none."""

    def claim() -> list[Job]:
        jobs: list[Job] = []
        for _ in range(3 * ROUNDS):
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


def test_two_workers_never_lease_one_lane_twice(rig: Rig) -> None:
    rig.directory.put(ADA, Team("speech"), ADMIN)
    for person in askers(rig):
        rig.approved(requester=person)
        rig.approved(requester=person, place=Team("speech"))

    taken = [job for jobs in at_once(*[claims(rig)] * 3) if isinstance(jobs, list) for job in jobs]

    lanes = [job.lane for job in taken]
    assert len(lanes) == len(set(lanes)) == ROUNDS


def test_several_workers_bring_everything_to_its_end(rig: Rig) -> None:
    ids = [rig.approved(requester=who, duration=Span(900)) for who in askers(rig)]
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
