"""What time it is: by the database, or by a machine whose clock is set."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from tests.builders import NOW
from tests.postgres import Postgres
from tests.services.stand_ins import FakeClock
from workflows.storage.clocks import MEASURE_EVERY, DatabaseClock, SteadyClock, counted
from workflows.storage.database import Database

HOUR, DAY, NOTHING = timedelta(hours=1), timedelta(days=1), timedelta(0)
ABOUT = timedelta(seconds=20)


class Counter:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Machine:
    """A machine with both of its clocks."""

    def __init__(self) -> None:
        self.wall, self.count = FakeClock(NOW), Counter()
        self.clock = SteadyClock(self.wall, self.count)

    def passes(self, by: timedelta) -> None:
        """Time goes on."""
        self.wall.advance(by)
        self.count.now += by.total_seconds()


def test_a_clock_that_is_set_back_is_counted_on_from_where_it_was() -> None:
    machine = Machine()
    machine.passes(HOUR)
    machine.wall.advance(-3 * HOUR)
    assert machine.clock() == NOW + HOUR

    machine.passes(HOUR)

    assert machine.clock() == NOW + 2 * HOUR
    assert machine.clock.jump() == -3 * HOUR
    assert machine.clock.jump() == NOTHING


def test_a_step_forward_that_is_undone_is_gone_again_and_counts_for_nothing() -> None:
    machine = Machine()
    machine.wall.advance(365 * DAY)
    assert machine.clock() == NOW + 365 * DAY
    machine.passes(HOUR)
    machine.wall.advance(-365 * DAY)

    assert machine.clock() == NOW + HOUR
    assert machine.clock.jump() == -365 * DAY
    machine.passes(HOUR)
    assert machine.clock() == NOW + 2 * HOUR


def test_set_back_by_more_than_it_had_been_set_forward_what_was_counted_has_passed() -> None:
    machine = Machine()
    machine.passes(HOUR)
    machine.wall.advance(2 * HOUR)
    assert machine.clock() == NOW + 3 * HOUR
    machine.wall.advance(-10 * HOUR)

    assert machine.clock() == NOW + HOUR
    machine.wall.advance(-HOUR)
    machine.passes(HOUR)
    assert machine.clock() == NOW + 2 * HOUR


def test_a_step_forward_can_be_undone_in_parts_and_a_correction_undoes_nothing() -> None:
    machine = Machine()
    machine.wall.advance(3 * HOUR)
    assert machine.clock() == NOW + 3 * HOUR
    machine.wall.advance(timedelta(seconds=-50))
    assert machine.clock() == NOW + 3 * HOUR

    machine.wall.advance(-HOUR)
    assert machine.clock() == machine.wall()
    machine.wall.advance(-2 * HOUR)
    assert machine.clock() == NOW


def test_set_back_and_right_again_it_is_as_if_nothing_had_been() -> None:
    machine = Machine()
    machine.wall.advance(-HOUR)
    machine.passes(timedelta(minutes=1))
    machine.wall.advance(HOUR)

    assert machine.clock() == NOW + timedelta(minutes=1)


def test_after_a_sleep_it_is_as_late_as_the_machine_says() -> None:
    machine = Machine()
    machine.wall.advance(8 * HOUR)  # what counts the seconds was asleep as well

    assert machine.clock() == NOW + 8 * HOUR
    assert machine.clock.jump() == 8 * HOUR


def test_a_small_correction_is_nobodys_business() -> None:
    machine = Machine()
    for by in (30, -50, 20):
        machine.wall.advance(timedelta(seconds=by))
        machine.passes(timedelta(seconds=5))
        assert machine.clock.jump() == NOTHING


def test_seconds_are_counted_forward() -> None:
    first = counted()

    assert counted() >= first


# -- by the database -----------------------------------------------------------------------------


def theirs(database: Database) -> datetime:
    with database.read() as connection:
        moment: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return moment


def test_with_several_processes_the_database_has_the_clock(postgres: Postgres) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        count = Counter()
        clock = DatabaseClock(database, count)

        assert abs(clock() - theirs(database)) < ABOUT
        assert clock().tzinfo is UTC
        count.now += 5
        assert abs(clock() - theirs(database) - timedelta(seconds=5)) < ABOUT
        database.close()


def test_it_is_measured_again_and_again_and_a_large_difference_is_the_databases_to_rule(
    postgres: Postgres,
) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        count = Counter()
        clock = DatabaseClock(database, count)
        clock()

        count.now += 3600  # an hour by our count, and none by theirs
        assert abs(clock() - theirs(database)) < ABOUT
        assert abs(clock.jump() + HOUR) < ABOUT
        assert clock.jump() == NOTHING
        database.close()


def test_a_small_difference_never_makes_it_go_back(postgres: Postgres) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        count = Counter()
        clock = DatabaseClock(database, count)
        count.now += MEASURE_EVERY - 1
        before = clock()
        count.now += 1  # measured anew: half a minute less has passed than was counted

        assert clock() == before
        assert clock.jump() == NOTHING
        database.close()


def test_while_the_database_does_not_answer_it_is_counted_on_from_its_last_word(
    postgres: Postgres,
) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        count = Counter()
        clock = DatabaseClock(database, count)
        before = clock()
        with postgres.superuser() as connection:
            name = database.engine.url.database
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )

        count.now += 300
        assert clock() - before == timedelta(seconds=300)
        assert clock.jump() == NOTHING
        database.close()


def test_a_database_that_never_answered_has_no_clock() -> None:
    database = Database("postgresql+psycopg://nobody@/nothing?host=/nowhere")
    with pytest.raises(OperationalError):
        DatabaseClock(database)
    database.close()


def test_a_large_step_forward_is_believed_and_told() -> None:
    machine = Machine()
    machine.wall.advance(HOUR)

    assert machine.clock() == NOW + HOUR
    assert machine.clock.jump() == HOUR
