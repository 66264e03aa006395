"""Of several processes one leads, and another takes over."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from time import monotonic

import pytest

from tests.postgres import Postgres
from workflows.storage.database import Database
from workflows.storage.leadership import TRUST, Leader, key_for


class Counter:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it comes true in time."""
    end = monotonic() + seconds
    while not holds():
        if monotonic() > end:
            return False
    return True


def cut_off(postgres: Postgres, database: Database) -> None:
    """End every session of this database, as a restart of the server does."""
    with postgres.superuser() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [database.engine.url.database],
        )


def test_of_two_one_leads_and_the_other_takes_over_when_it_resigns(postgres: Postgres) -> None:
    with postgres.fresh() as url:
        one, two = Database(url), Database(url)
        first, second = Leader(one), Leader(two)
        first.start()
        second.start()
        assert (first.leads, second.leads) == (True, False)
        assert (first.state, second.state) == ("this process", "another")

        first.stop()

        assert not first.leads
        assert within(5, lambda: second.leads)
        second.stop()
        one.close()
        two.close()


def test_a_connection_that_is_cut_ends_the_lead_at_the_next_look_and_it_is_taken_again(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        leader = Leader(database)
        leader.look()
        assert leader.leads

        cut_off(postgres, database)
        with caplog.at_level(logging.INFO, logger="workflows.storage.leadership"):
            leader.look()
            assert not leader.leads
            assert leader.state == "unknown"
            leader.look()

        assert leader.leads
        assert leader.trouble == ""
        assert caplog.messages == ["no longer the leader", "this process is the leader"]
        leader.stop()
        database.close()


def test_who_cannot_look_for_some_seconds_does_not_lead(postgres: Postgres) -> None:
    with postgres.fresh() as url:
        database, count = Database(url), Counter()
        leader = Leader(database, count)
        leader.look()
        count.now += TRUST - 0.1
        assert leader.leads

        count.now += 0.2  # the machine slept, or the network is gone: nobody has said so yet

        assert not leader.leads
        leader.look()
        assert leader.leads
        leader.start()
        leader.stop()
        database.close()


def test_on_sqlite_the_only_process_leads_until_it_stops(sqlite: Database) -> None:
    leader = Leader(sqlite)
    leader.start()
    assert leader.leads
    assert leader.state == "this process"

    leader.stop()

    assert not leader.leads


def test_each_schema_has_a_lock_of_its_own_in_the_range_of_the_database() -> None:
    keys = {key_for(schema) for schema in ("public", "access", "staging")}

    assert len(keys) == 3
    assert all(-(2**63) <= key < 2**63 for key in keys)


PROGRAM = """
import sys, threading
from workflows.storage.database import Database
from workflows.storage.leadership import Leader
leader = Leader(Database(sys.argv[1]))
leader.start()
print(leader.leads, flush=True)
threading.Event().wait(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_process_that_is_killed_or_stands_still_loses_the_lead(
    postgres: Postgres, number: signal.Signals, long: bool
) -> None:
    if number is signal.SIGSTOP and not long:
        pytest.skip("takes ten seconds: --long")
    with postgres.fresh() as url:
        command = [sys.executable, "-c", PROGRAM, url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        database = Database(url)
        leader = Leader(database)
        leader.start()
        assert not leader.leads

        os.kill(process.pid, number)
        began = monotonic()
        taken = within(20, lambda: leader.leads)
        took = monotonic() - began

        leader.stop()
        database.close()
        process.kill()
        process.wait()
        process.stdout.close()
        assert taken
        assert took < (3 if number is signal.SIGKILL else 15)
