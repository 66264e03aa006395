"""What is owed: leases, lanes, and asking again."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from tests.builders import NOW
from workflows.domain.reactions import JobKind
from workflows.storage.database import Database
from workflows.storage.outbox import LEASE, Job
from workflows.storage.unit_of_work import UnitOfWork, Work

ENSURE, NOTIFY = JobKind.ENSURE, JobKind.NOTIFY
SECOND = timedelta(seconds=1)


@pytest.fixture
def work(database: Database) -> Work:
    return Work(database)


def add(
    work: Work, subject: str, *, lane: str = "", at: datetime = NOW, kind: JobKind = ENSURE
) -> None:
    with work.begin() as begun:
        begun.outbox.add(kind, subject, lane=lane or subject, due_at=at)


def claim(work: Work, token: str, *, now: datetime = NOW) -> Job | None:
    with work.begin() as begun:
        return begun.outbox.claim([ENSURE], now=now, token=token)


def claimed(work: Work, token: str, *, now: datetime = NOW) -> Job:
    job = claim(work, token, now=now)
    assert job is not None
    return job


def finish(work: Work, job: Job, *, again_at: datetime | None = None) -> None:
    with work.begin() as begun:
        begun.outbox.finish(job, again_at=again_at)


def test_the_first_that_is_due_is_claimed_first(work: Work) -> None:
    add(work, "later", at=NOW - SECOND)
    add(work, "first", at=NOW - 2 * SECOND)
    add(work, "not yet", at=NOW + SECOND)

    assert [claimed(work, "a").subject, claimed(work, "b").subject] == ["first", "later"]
    assert claim(work, "c") is None


def test_only_the_kinds_asked_for_are_claimed(work: Work) -> None:
    add(work, "r-1", kind=NOTIFY)

    assert claim(work, "a") is None
    with work.look() as looked:
        assert looked.outbox.next_due([ENSURE], now=NOW) is None
        assert looked.outbox.next_due([NOTIFY], now=NOW) == NOW


def test_a_leased_job_is_nobody_elses_until_its_lease_runs_out(work: Work) -> None:
    add(work, "s")
    first = claimed(work, "a")
    assert claim(work, "b", now=NOW + LEASE) is None
    with work.look() as looked:
        assert looked.outbox.next_due([ENSURE], now=NOW) is None

    second = claimed(work, "b", now=NOW + LEASE + SECOND)

    with work.begin() as begun:
        assert not begun.outbox.hold(first, now=NOW)
        assert begun.outbox.hold(second, now=NOW)


def test_whoever_stores_under_a_lease_has_its_whole_time_again(work: Work) -> None:
    add(work, "s")
    job = claimed(work, "a")

    with work.begin() as begun:
        assert begun.outbox.hold(job, now=NOW + LEASE)

    assert claim(work, "b", now=NOW + LEASE + SECOND) is None
    assert claim(work, "b", now=NOW + LEASE + LEASE + SECOND) is not None


def test_a_renewed_lease_lasts(work: Work) -> None:
    add(work, "s")
    job = claimed(work, "a")
    with work.begin() as begun:
        begun.outbox.renew([job.token], now=NOW + LEASE)

    assert claim(work, "b", now=NOW + LEASE + SECOND) is None


def test_of_one_lane_only_one_is_leased_at_a_time(work: Work) -> None:
    add(work, "eve team:vision", lane="eve")
    add(work, "eve team:speech", lane="eve", at=NOW - SECOND)
    add(work, "bob team:vision", lane="bob")

    first = claimed(work, "a")
    assert first.subject == "eve team:speech"
    assert claimed(work, "b").subject == "bob team:vision"
    assert claim(work, "c") is None

    finish(work, first)
    assert claimed(work, "c").subject == "eve team:vision"


def test_a_dead_workers_lane_is_freed_through_its_own_job(work: Work) -> None:
    add(work, "eve team:vision", lane="eve", at=NOW - SECOND)
    add(work, "eve team:speech", lane="eve")
    claimed(work, "dead")
    later = NOW + LEASE + SECOND

    first = claimed(work, "b", now=later)
    assert first.subject == "eve team:vision"
    finish(work, first)
    assert claimed(work, "b", now=later).subject == "eve team:speech"


def test_what_is_finished_is_gone(work: Work) -> None:
    add(work, "s")
    finish(work, claimed(work, "a"))

    assert claim(work, "b", now=NOW + timedelta(days=1)) is None


def test_what_was_asked_for_again_while_it_ran_runs_again_at_once(work: Work) -> None:
    add(work, "s")
    job = claimed(work, "a")
    add(work, "s")
    assert claim(work, "b") is None  # it is still being worked on

    finish(work, job, again_at=NOW + timedelta(hours=1))

    again = claimed(work, "b")
    assert again.generation == job.generation + 1
    finish(work, again)
    assert claim(work, "c", now=NOW + timedelta(days=1)) is None


def test_what_was_asked_for_again_while_it_ran_is_not_gone_when_it_is_done(work: Work) -> None:
    add(work, "s")
    job = claimed(work, "a")
    add(work, "s")

    finish(work, job)

    assert claimed(work, "b").generation == job.generation + 1


def test_asking_again_while_it_waits_brings_it_forward_and_never_back(work: Work) -> None:
    add(work, "s", at=NOW + timedelta(hours=2))
    add(work, "s", at=NOW + timedelta(hours=1))
    add(work, "s", at=NOW + timedelta(hours=3))

    with work.look() as looked:
        assert looked.outbox.next_due([ENSURE], now=NOW) == NOW + timedelta(hours=1)


def test_what_is_looked_at_once_more_starts_with_no_failures(work: Work) -> None:
    add(work, "s")
    with work.begin() as begun:
        begun.outbox.postpone(claimed_in(begun, "a"), until=NOW, error="down")
    job = claimed(work, "b")
    assert job.attempts == 1
    finish(work, job, again_at=NOW + SECOND)

    assert claim(work, "c") is None
    assert claimed(work, "c", now=NOW + SECOND).attempts == 0


def claimed_in(begun: UnitOfWork, token: str) -> Job:
    job = begun.outbox.claim([ENSURE], now=NOW, token=token)
    assert job is not None
    return job


def test_a_postponed_job_counts_its_failures_and_says_why(work: Work) -> None:
    add(work, "s")
    for number in range(3):
        job = claimed(work, f"t{number}")
        with work.begin() as begun:
            begun.outbox.postpone(job, until=NOW, error="x" * 600)

    job = claimed(work, "last")
    assert (job.attempts, job.last_error) == (3, "x" * 500)
    with work.look() as looked:
        assert looked.outbox.trouble_with(ENSURE, "s") == "x" * 500
        assert looked.outbox.trouble_with(ENSURE, "other") == ""


def test_whoever_lost_the_lease_neither_finishes_nor_postpones(work: Work) -> None:
    add(work, "s")
    lost = claimed(work, "a")
    later = NOW + LEASE + SECOND
    job = claimed(work, "b", now=later)

    finish(work, lost)
    finish(work, lost, again_at=NOW + timedelta(days=9))
    with work.begin() as begun:
        begun.outbox.postpone(lost, until=NOW + timedelta(days=9), error="mine")

    with work.begin() as begun:
        assert begun.outbox.hold(job, now=NOW)
        assert begun.outbox.trouble_with(ENSURE, "s") == ""


@pytest.mark.parametrize("asked_again", [False, True])
def test_what_is_asked_for_again_while_it_runs_is_due_at_once_though_it_failed(
    work: Work, asked_again: bool
) -> None:
    add(work, "s")
    job = claimed(work, "a")
    if asked_again:
        add(work, "s", at=NOW + SECOND)
    until = NOW + timedelta(minutes=15)
    with work.begin() as begun:
        begun.outbox.postpone(job, until=until, error="down")

    with work.look() as looked:
        assert looked.outbox.next_due([ENSURE], now=NOW) == (NOW if asked_again else until)
    again = claim(work, "b", now=NOW + SECOND)
    assert (again is not None) is asked_again


def test_at_the_start_of_the_only_process_every_lease_comes_free(work: Work) -> None:
    add(work, "s")
    claimed(work, "dead")
    with work.begin() as begun:
        begun.outbox.free_all()

    assert claimed(work, "b").token == "b"


def test_failed_jobs_that_wait_can_be_made_due(work: Work) -> None:
    add(work, "failed")
    with work.begin() as begun:
        begun.outbox.postpone(claimed_in(begun, "a"), until=NOW + timedelta(hours=1), error="x")
    add(work, "a second look", at=NOW + timedelta(hours=1))

    with work.begin() as begun:
        begun.hasten(ENSURE, at=NOW)
        assert begun.owes
    with work.begin() as begun:
        begun.hasten(ENSURE, at=NOW)
        assert not begun.owes

    assert claimed(work, "b").subject == "failed"
    assert claim(work, "c") is None


def test_two_leases_on_one_lane_are_refused_by_the_database_itself(work: Work) -> None:
    add(work, "eve team:vision", lane="eve")
    add(work, "eve team:speech", lane="eve")

    with pytest.raises(IntegrityError), work.database.write() as connection:
        connection.exec_driver_sql("UPDATE job SET lease_token = key")


def test_owing_something_wakes_the_worker_after_the_commit(work: Work) -> None:
    woken: list[JobKind] = []
    work.on_owed(woken.extend)
    add(work, "s")
    assert woken == []  # the outbox alone tells nobody

    with work.begin() as begun:
        begun.redraw("r-1", at=NOW)
        assert woken == []
    assert woken == [JobKind.NOTIFY]
