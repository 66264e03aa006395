"""Three replicas on PostgreSQL while many grants end within a short time, and not all goes well."""

import threading
from datetime import timedelta
from itertools import cycle
from time import monotonic

import pytest

from tests.postgres import Postgres
from tests.replicas.conftest import Fleets
from tests.replicas.fleet import Fleet, Nursery

REPLICAS = 3
LAG = 5.0  # seconds
CLAIM = 2.0  # seconds from a lease that has run out to somebody's claim, at most


def given(fleet: Fleet, nursery: Nursery, seconds: float, *, lease: float) -> list[int]:
    """Replicas that have given everything."""
    replicas = [nursery.bear(lease=lease) for _ in range(REPLICAS)]
    fleet.until_all("active", seconds)
    return replicas


@pytest.mark.timeout(1800)
def test_many_ends_while_one_replica_after_the_other_is_killed_are_all_in_time_and_none_twice(
    postgres: Postgres, fleets: Fleets, long: bool
) -> None:
    people, spread, every, lease = (2000, 60.0, 5.0, 20.0) if long else (60, 6.0, 2.0, 2.0)
    with postgres.fresh() as url:
        fleet = fleets(url, people)
        with fleet.nursery() as nursery:
            replicas = given(fleet, nursery, 60 + people / 5, lease=lease if long else 2.0)
            fleet.end_within(timedelta(seconds=spread), from_now=timedelta(seconds=1))
            over = monotonic() + spread + 1
            for number in cycle(range(REPLICAS)):
                threading.Event().wait(min(every, max(0.0, over - monotonic())))
                if monotonic() >= over:
                    break
                assert nursery.kill(replicas[number]) == -9
                replicas[number] = nursery.bear(lease=lease)
            fleet.until_all("ended", 60 + people / 5)
        fleet.verdict()
        lags = fleet.lags()
        p99 = lags[len(lags) * 99 // 100]
        assert p99 < LAG + lease + CLAIM, lags[-20:]
        # Those that no killed process had in its hands are in time without any taking over.
        assert lags[len(lags) // 2] < LAG, lags


@pytest.mark.timeout(600)
def test_a_database_that_crashes_under_load_loses_nothing_and_doubles_nothing(
    postgres: Postgres, fleets: Fleets, long: bool
) -> None:
    people, crashes = (600, 10) if long else (40, 1)
    with postgres.fresh() as url:
        fleet = fleets(url, people)
        with fleet.nursery() as nursery:
            given(fleet, nursery, 60 + people / 5, lease=2.0)
            fleet.end_within(timedelta(seconds=3.0 * crashes))
            for _ in range(crashes):
                threading.Event().wait(1.5)
                postgres.crash()
            fleet.until_all("ended", 60 + people / 5)
        fleet.verdict()
