"""Two deployments, each with a database of its own, on one W&B organization: neither knows of the
other, and W&B has no place for a mark of whose a role is. Each takes the other for a hand.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.builders import ADMIN, HOUR, MEMBER
from tests.postgres import Postgres
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import Policy
from workflows.domain.standings import LAG
from workflows.services import reconcile
from workflows.storage.database import Database


@pytest.fixture
def other(sqlite_rig: Rig, postgres: Postgres) -> Iterator[Rig]:
    """The second deployment, in the world of the first."""
    with postgres.fresh() as url:
        database = Database(url)
        rig = Rig(database, on=sqlite_rig)
        rig.rosters.read()
        yield rig
        database.close()


def told(rig: Rig) -> int:
    """How many findings its admins were told of."""
    return rig.events().count("DriftFound")


def test_what_the_other_raised_is_left_and_told(sqlite_rig: Rig, other: Rig) -> None:
    one = sqlite_rig
    first = one.approved(role=MEMBER, duration=Span(3600))
    one.run()
    one.clock.advance(LAG)
    other.approved(role=ADMIN, duration=Span(2 * 3600))
    other.run()

    one.wait(HOUR)
    assert one.held() == ADMIN
    assert one.grant(first).status is GrantStatus.ENDED
    assert "set by hand" in one.grant(first).note
    other.drain()

    assert other.held() == MEMBER  # what the other found before it: a person has to look
    assert told(one) == 1


def test_two_that_enforce_against_each_other_stop_after_a_few_times(
    sqlite_rig: Rig, other: Rig
) -> None:
    rigs = (sqlite_rig, other)
    for rig in rigs:
        rig.rewire(policy=Policy(enforces=True))
    sqlite_rig.approved(duration=Span(48 * 3600))
    sqlite_rig.run()
    sqlite_rig.clock.advance(LAG)
    held_anyway = other.approved(role=ADMIN, duration=Span(900))
    other.run()
    other.wait(timedelta(seconds=900))
    assert other.grant(held_anyway).status is GrantStatus.ENDED

    for _ in range(12):
        for rig in rigs:
            rig.clock.advance(HOUR)
            reconcile.reconcile(rig.deps, dry_run=False)
            rig.run()

    assert len(sqlite_rig.writes()) < 10
    assert sqlite_rig.held() == MEMBER
