"""A loop of real processes that are killed while they give access and while they take it back.

Nothing of a process that is killed can tidy up: SIGKILL, half of the times at a named moment
(around a commit, a call of W&B, a call of Slack), half of the times at any. On PostgreSQL two run
at a time.
"""

import threading
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from time import monotonic

import pytest

from tests.postgres import Postgres
from tests.replicas.conftest import Fleets
from tests.replicas.fleet import Fleet, Nursery

POINTS = (
    "about to commit",
    "committed",
    "about to ask W&B",
    "W&B answered",
    "about to ask Slack",
    "Slack answered",
)
LEASE = 2.0  # seconds, in place of 20: else most of the loop would be spent waiting for them
LIFE = 1.5  # seconds; one that has not come to its moment by then is killed within as many more
EACH = 5  # grants a kill: so that there is always something to be in the middle of


@dataclass
class Loop:
    """Kills, one after the other in each slot."""

    nursery: Nursery
    random: Random
    slots: int

    def run(self, kills: int) -> None:
        """Start, let die, start anew, until so many have been killed."""
        living: dict[int, float] = {}
        killed = 0
        while killed < kills:
            while len(living) < self.slots:
                living[self._start()] = monotonic() + LIFE * (1 + self.random.random())
            for pid, until in list(living.items()):
                if monotonic() > until or pid in self.nursery.died:
                    assert self.nursery.kill(pid) == -9, "it ended by itself: see mortals.log"
                    del living[pid]
                    killed += 1
            threading.Event().wait(0.01)
        for pid in living:
            self.nursery.kill(pid)

    def _start(self) -> int:
        point = self.random.choice(POINTS)
        return self.nursery.bear(point, self.random.randint(1, 120), lease=LEASE)


def killed_again_and_again(fleet: Fleet, kills: int, *, slots: int) -> None:
    """Half of the kills while everything is given, half while everything is taken back."""
    half = kills // 2
    with fleet.nursery() as nursery:
        loop = Loop(nursery, Random(kills), slots)
        loop.run(half)
        last = nursery.bear(lease=LEASE)
        fleet.until_all("active", 60 + 3 * kills)
        nursery.kill(last)
        fleet.end_within(timedelta(seconds=LIFE * half / slots))
        loop.run(half)
        nursery.bear(lease=LEASE)
        fleet.until_all("ended", 60 + 3 * kills)
    fleet.verdict()


@pytest.mark.timeout(3600)
def test_killed_again_and_again_on_sqlite_nothing_is_lost_and_nothing_is_done_twice(
    sqlite_url: str, fleets: Fleets, long: bool
) -> None:
    kills = 200 if long else 6
    killed_again_and_again(fleets(sqlite_url, kills * EACH), kills, slots=1)


@pytest.mark.timeout(3600)
def test_killed_again_and_again_on_postgresql_nothing_is_lost_and_nothing_is_done_twice(
    postgres: Postgres, fleets: Fleets, long: bool
) -> None:
    kills = 200 if long else 6
    with postgres.fresh() as url:
        killed_again_and_again(fleets(url, kills * EACH), kills, slots=2)
