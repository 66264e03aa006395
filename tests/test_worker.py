"""The worker: claims, runs, settles, and never loses what is owed."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from time import monotonic
from typing import Any

import pytest

from tests.builders import EVE, MEMBER, OLGA
from tests.services.crashing import CrashingDirectory, Points
from tests.services.rig import Rig
from workflows import worker as working
from workflows.domain.entitlements import Team
from workflows.domain.grants import GrantStatus
from workflows.domain.reactions import JobKind
from workflows.errors import Conflict, DirectoryUnavailable
from workflows.ports import APPROVER, Alert
from workflows.services import start
from workflows.storage.outbox import LEASE, Job
from workflows.storage.unit_of_work import UnitOfWork
from workflows.worker import DIRECTORY, MESSAGES, Worker


def owed(rig: Rig, kind: str = "ensure") -> list[dict[str, Any]]:
    """The jobs of one kind."""
    return [dict(job) for job in rig.jobs() if job["kind"] == kind]


def test_everything_that_is_due_is_done_and_counted(rig: Rig) -> None:
    rig.approved()

    assert rig.worker.run_due(DIRECTORY) == 1
    assert rig.worker.run_due(MESSAGES) == 1
    assert rig.worker.run_due() == 0
    assert rig.held() == MEMBER


def test_what_is_not_due_waits(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.submit()
    rig.run()
    with rig.work.begin() as work:
        work.redraw("id-2", at=rig.clock() + timedelta(seconds=5))

    assert rig.run() == 0
    rig.clock.advance(timedelta(seconds=5))
    assert rig.run() == 1


def test_a_failed_job_is_tried_again_later_with_its_reason(rig: Rig) -> None:
    rig.approved()
    rig.directory.fail_next(DirectoryUnavailable("W&B answered 502."), on="read")

    rig.run()

    (job,) = owed(rig)
    assert (job["attempts"], job["last_error"]) == (1, "W&B answered 502.")
    assert job["due_at"] > rig.clock()
    assert job["lease_token"] is None


def test_a_bug_in_a_handler_is_logged_and_the_job_stays_owed(
    sqlite_rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig = sqlite_rig
    id = rig.approved()

    def bug(method: str) -> None:
        rig.directory.before = lambda method: None
        raise ZeroDivisionError("secret detail")

    rig.directory.before = bug
    with caplog.at_level(logging.ERROR, logger="workflows.worker"):
        rig.run()

    assert "a job failed" in caplog.messages
    assert owed(rig)[0]["last_error"] == "ZeroDivisionError"
    rig.drain(timedelta(minutes=1))
    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_a_claim_that_loses_its_race_finds_nothing_this_time(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved()

    class Unlucky:
        def __enter__(self) -> None:
            raise Conflict

        def __exit__(self, *_: object) -> None: ...

    begin = rig.deps.begin
    rig.rewire(begin=Unlucky)  # type: ignore[arg-type]  # it never gets as far as a unit of work
    assert rig.run() == 0
    rig.rewire(begin=begin)
    assert rig.run() > 0


def within(seconds: float, holds: Callable[[], bool], woken: threading.Condition) -> bool:
    """Wait until it holds; whoever changes something notifies."""
    with woken:
        return woken.wait_for(holds, seconds)


class Watched:
    """A rig whose worker's threads run, and that notices each write to W&B."""

    def __init__(self, rig: Rig, *, is_rush: bool = False) -> None:
        self.rig = rig
        self.changed = threading.Condition()
        rig.directory.after = self._notice
        rig.notifier.after = self._notice
        self.worker = Worker(rig.deps, random=Random(0), is_rush=lambda: is_rush)
        rig.work.on_owed(self.worker.wake)

    def _notice(self, what: str) -> None:
        with self.changed:
            self.changed.notify_all()

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for it."""
        assert within(20, holds, self.changed)


def test_its_threads_do_what_is_owed_as_soon_as_it_is_stored(sqlite_rig: Rig) -> None:
    watched = Watched(sqlite_rig)
    assert not watched.worker.is_running
    watched.worker.start()
    try:
        assert watched.worker.is_running
        sqlite_rig.approved()
        watched.until(lambda: sqlite_rig.held() == MEMBER)
        watched.until(lambda: bool(sqlite_rig.notifier.posted))
    finally:
        watched.worker.stop()

    assert not watched.worker.is_running


def test_access_that_is_given_or_taken_back_late_goes_before_messages(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved()
    rig.clock.advance(timedelta(seconds=1))
    rig.worker.run_due(DIRECTORY)
    in_time = rig.worker.is_behind
    rig.approved(place=Team("speech"), by=OLGA)
    rig.clock.advance(timedelta(seconds=3))

    rig.worker.run_due(DIRECTORY)

    assert not in_time
    assert rig.worker.is_behind


def test_an_alarm_does_not_wait_behind_the_messages(sqlite_rig: Rig) -> None:
    rig, watched = sqlite_rig, Watched(sqlite_rig)
    rig.approved()
    rig.clock.advance(timedelta(seconds=3))
    start.clock_was_set(rig.deps, timedelta(hours=1))
    watched.worker.run_due(DIRECTORY)
    watched.worker.start()
    try:
        watched.until(lambda: len(rig.notifier.posted) > 1)
    finally:
        watched.worker.stop()

    first = rig.notifier.posted[0]
    assert (first.audience, type(first.shows)) == (APPROVER + OLGA, Alert)


def test_while_people_wait_for_an_answer_only_alarms_are_sent(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "GIVE_WAY", 60.0)
    rig, watched = sqlite_rig, Watched(sqlite_rig, is_rush=True)
    rig.approved()
    start.clock_was_set(rig.deps, timedelta(hours=1))
    watched.worker.start()
    try:
        watched.until(lambda: rig.held() == MEMBER)
        watched.until(lambda: rig.notifier.posted)
        threading.Event().wait(0.3)
    finally:
        watched.worker.stop()

    assert [(one.audience, type(one.shows)) for one in rig.notifier.posted] == [
        (APPROVER + OLGA, Alert)
    ]


def test_while_people_wait_for_an_answer_messages_go_on_slowly(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "GIVE_WAY", 0.01)
    rig, watched = sqlite_rig, Watched(sqlite_rig, is_rush=True)
    rig.approved()
    watched.worker.start()
    try:
        watched.until(lambda: rig.notifier.posted)
    finally:
        watched.worker.stop()


def test_what_is_stored_wakes_only_those_who_do_such_things(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = sqlite_rig
    monkeypatch.setattr(working, "POLL", 60.0)
    id = rig.approved()
    rig.run()
    looked: Counter[str] = Counter()
    changed = threading.Condition()
    look = rig.deps.look

    def counted() -> AbstractContextManager[UnitOfWork]:
        with changed:
            looked[threading.current_thread().name.partition("-")[0]] += 1
            changed.notify_all()
        return look()

    rig.rewire(look=counted)
    worker = Worker(rig.deps, random=Random(0))
    rig.work.on_owed(worker.wake)
    worker.start()
    try:
        assert within(20, lambda: looked["access"] == 4 and looked["messages"] == 2, changed)
        with rig.work.begin() as work:
            work.redraw(id, at=rig.clock())
        assert within(20, lambda: looked["messages"] >= 4, changed)
        assert looked["access"] == 4
    finally:
        worker.stop()


def test_what_is_tried_again_is_not_late(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved()
    rig.directory.fail_next(DirectoryUnavailable("W&B answered 502."), on="read")
    rig.run()
    rig.clock.advance(timedelta(minutes=1))

    assert rig.worker.run_due(DIRECTORY) == 1
    assert rig.held() == MEMBER
    assert not rig.worker.is_behind


def test_messages_go_on_while_access_is_late(sqlite_rig: Rig) -> None:
    rig, watched = sqlite_rig, Watched(sqlite_rig)
    rig.approved()
    rig.clock.advance(timedelta(seconds=3))
    watched.worker.run_due(DIRECTORY)
    began = watched.worker.is_behind
    watched.worker.start()
    try:
        watched.until(lambda: bool(rig.notifier.posted))
    finally:
        watched.worker.stop()

    assert began


def test_a_lease_is_renewed_while_its_job_runs(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = sqlite_rig
    monkeypatch.setattr(working, "LEASE", timedelta(milliseconds=40))
    rig.approved()
    renewed, go_on = threading.Event(), threading.Event()

    def hold(method: str) -> None:
        go_on.wait(20)

    rig.directory.before = hold
    worker = Worker(rig.deps, random=Random(0))

    def lease() -> datetime | None:
        (job,) = owed(rig)
        until = job["lease_until"]
        assert until is None or isinstance(until, datetime)
        return until

    worker.start()
    try:
        while (first := lease()) is None:
            renewed.wait(0.01)
        rig.clock.advance(timedelta(seconds=5))
        for _ in range(500):
            if lease() == first + timedelta(seconds=5):
                renewed.set()
                break
            renewed.wait(0.01)
        assert renewed.is_set()
        assert first == rig.clock() - timedelta(seconds=5) + LEASE
    finally:
        go_on.set()
        worker.stop()


def test_a_database_that_fails_ends_no_thread(
    sqlite_rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig = sqlite_rig
    failed = threading.Event()
    look = rig.deps.look

    def failing() -> object:
        if not failed.is_set():
            failed.set()
            raise OSError("disk I/O error")
        return look()

    rig.rewire(look=failing)  # type: ignore[arg-type]  # fails before it gives a unit of work
    watched = Watched(rig)
    watched.worker.start()
    try:
        assert failed.wait(20)
        rig.rosters.read()
        with rig.work.begin():
            pass
        rig.approved()
        watched.until(lambda: rig.held() == MEMBER)
        assert watched.worker.is_running
    finally:
        watched.worker.stop()
    assert "the outbox could not be worked on" in caplog.messages


def test_a_job_knows_its_kind_and_subject(sqlite_rig: Rig) -> None:
    sqlite_rig.approved()
    job = sqlite_rig.claim()

    assert isinstance(job, Job)
    assert (job.kind, job.subject) == (JobKind.ENSURE, f"{EVE} team:vision")


def test_a_stop_hands_back_what_does_not_finish_in_time(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = sqlite_rig
    monkeypatch.setattr(working, "DRAIN", 0.1)
    rig.approved()
    begun, go_on = threading.Event(), threading.Event()

    def hang(method: str) -> None:
        begun.set()
        go_on.wait(20)

    rig.directory.before = hang
    worker = Worker(rig.deps, random=Random(0))
    worker.start()
    assert begun.wait(10)
    leased = owed(rig)[0]["lease_token"]
    began = monotonic()
    worker.stop()
    took = monotonic() - began
    (handed_back,) = owed(rig)
    rig.directory.before = lambda method: None
    go_on.set()

    assert leased
    assert took < 5
    assert handed_back["lease_token"] is None
    assert rig.run() > 0
    assert rig.held() == MEMBER


def test_what_lost_its_lease_in_a_stop_sends_nothing_more(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = sqlite_rig
    monkeypatch.setattr(working, "DRAIN", 0.1)
    rig.approved()
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    class Hanging(Points):
        def reach(self, name: str) -> None:
            if name == "read answered":  # and nothing is written yet
                begun.set()
                go_on.wait(20)

    rig.rewire(directory=CrashingDirectory(rig.directory, Hanging()))
    worker = Worker(rig.deps, random=Random(0))

    def work() -> None:
        worker.run_one(DIRECTORY)
        over.set()

    threading.Thread(target=work).start()
    assert begun.wait(10)
    worker.stop()
    go_on.set()

    assert over.wait(10)
    assert rig.writes() == []


def test_a_job_that_could_not_be_settled_is_given_back_at_the_next_beat(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = rig.approved()
    begin, mended = rig.deps.begin, threading.Event()

    def failing() -> object:
        active = rig.grant(id).status is GrantStatus.ACTIVE  # the next commit settles the job
        if active and not mended.is_set():
            raise OSError("the connection was cut")
        return begin()

    rig.rewire(begin=failing)  # type: ignore[arg-type]  # fails before it gives a unit of work
    with pytest.raises(OSError, match="cut"):
        rig.worker.run_one(DIRECTORY)
    (before,) = owed(rig)
    mended.set()
    rig.worker.start()
    given_back = threading.Condition()
    try:
        with given_back:
            while owed(rig) and owed(rig)[0]["lease_token"] == before["lease_token"]:
                given_back.wait(0.01)
    finally:
        rig.worker.stop()

    assert before["lease_token"]
    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_leases_that_cannot_be_handed_back_run_out(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = sqlite_rig
    monkeypatch.setattr(working, "DRAIN", 0.1)
    rig.approved()
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()
    begin = rig.deps.begin

    def hang(method: str) -> None:
        begun.set()
        go_on.wait(20)

    def failing() -> object:
        if begun.is_set() and not go_on.is_set():
            raise OSError("the database is gone")
        return begin()

    rig.rewire(begin=failing)  # type: ignore[arg-type]  # fails before it gives a unit of work
    rig.directory.before = hang
    worker = Worker(rig.deps, random=Random(0))

    def work() -> None:
        worker.run_one(DIRECTORY)
        over.set()

    threading.Thread(target=work).start()
    assert begun.wait(10)
    worker.stop()
    go_on.set()

    assert over.wait(10)
    assert "leases could not be handed back" in caplog.messages


def test_jobs_wait_for_the_first_reading_without_being_tried(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved()
    looked, read = threading.Event(), threading.Event()

    def held_up() -> str:
        looked.set()
        return "" if read.is_set() else "W&B has not been read."

    rig.deps = replace(rig.deps, held_up=held_up)
    watched = Watched(rig)
    watched.worker.start()
    try:
        assert looked.wait(10)
        (waiting,) = owed(rig)
        read.set()
        watched.until(lambda: rig.held() == MEMBER)
    finally:
        watched.worker.stop()

    assert (waiting["attempts"], waiting["lease_token"]) == (0, None)


def test_a_stop_before_the_first_reading_ends_at_once(sqlite_rig: Rig) -> None:
    sqlite_rig.deps = replace(sqlite_rig.deps, held_up=lambda: "W&B has not been read.")
    worker = Worker(sqlite_rig.deps, random=Random(0))
    worker.start()

    began = monotonic()
    worker.stop()

    assert monotonic() - began < 5
    assert not worker.is_running
