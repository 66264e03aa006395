"""Who writes has the lease when it begins to, and for as long as it takes; or does not write."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.builders import MEMBER
from tests.services.crashing import CrashingDirectory, Points
from tests.services.rig import Rig
from workflows.services import standings
from workflows.services.leased import WRITE_WITHIN
from workflows.storage.bookkeeping import JobRow, table_of
from workflows.storage.outbox import LEASE
from workflows.storage.unit_of_work import UnitOfWork

SECOND = timedelta(seconds=1)


def slow_commits(rig: Rig, by: timedelta) -> None:
    """Let the commit that notes what is about to be sent take so long."""
    begin = rig.work.begin

    @contextmanager
    def slow() -> Iterator[UnitOfWork]:
        with begin() as work:
            yield work
        if "RoleSent" in rig.events():
            rig.rewire(begin=begin)
            rig.clock.advance(by)

    rig.rewire(begin=slow)


def test_the_commit_before_a_write_begins_the_lease_anew(rig: Rig) -> None:
    rig.approved()
    seen: list[timedelta] = []
    until = select(table_of(JobRow).c.lease_until).where(table_of(JobRow).c.kind == "ensure")

    class Looking(Points):
        def reach(self, name: str) -> None:
            if name == "read asked" and not seen:
                rig.clock.advance(LEASE - SECOND)
            if name == "set_role asked":
                with rig.database.read() as connection:
                    seen.append(connection.execute(until).scalar_one() - rig.clock())

    rig.rewire(directory=CrashingDirectory(rig.directory, Looking()))
    rig.run()

    assert seen[0] == LEASE
    assert rig.held() == MEMBER


@pytest.mark.parametrize("late", [False, True])
def test_a_write_does_not_begin_long_after_its_lease_was_seen(rig: Rig, late: bool) -> None:
    rig.approved()
    slow_commits(rig, WRITE_WITHIN + SECOND if late else WRITE_WITHIN)

    rig.run()

    assert bool(rig.writes()) is not late
    rig.drain(timedelta(minutes=2))
    assert rig.held() == MEMBER


def test_who_cannot_reach_the_database_does_not_write(rig: Rig) -> None:
    rig.approved()
    job = rig.claim()

    @contextmanager
    def cut() -> Iterator[UnitOfWork]:
        raise OSError("the database is gone")
        yield

    rig.rewire(begin=cut)
    with pytest.raises(OSError, match="gone"):
        standings.ensure(rig.deps, job)

    assert rig.writes() == []
