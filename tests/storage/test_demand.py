"""Counting what is asked already: by the indexes, however much is stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Select, insert

from tests.builders import EVE, VISION
from workflows.domain.limits import Demand, Limits
from workflows.storage import demand
from workflows.storage.bookkeeping import table_of
from workflows.storage.database import Database
from workflows.storage.demand import Demands
from workflows.storage.driver import fetch
from workflows.storage.tables import RequestRow

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
LIMITS = Limits(requests_per_hour=2, pending_per_person=3, pending_per_team=4)
NEWEST = {"person": EVE, "before": 1}


def store(database: Database, count: int, **more: object) -> None:
    """Requests of Eve's in `vision`, one a minute, the last of them now."""
    row = RequestRow(
        id="",
        requester=EVE,
        place="team:vision",
        role="",
        duration="60",
        reason="",
        origin="",
        held="",
        invites=False,
        rule="defaults",
        needed=1,
        created_at=NOW,
        lapses_at=NOW,
        status="approved",
        settled_at=None,
        settled_by="",
        note="",
        version=1,
    ).model_dump()
    rows = [
        row
        | {"id": f"{more}{n}", "origin": f"{more}{n}", "role": f"role {n}"}
        | {"created_at": NOW - timedelta(minutes=n), "lapses_at": NOW + timedelta(hours=n + 1)}
        | more
        for n in range(count)
    ]
    with database.write() as connection:
        connection.execute(insert(table_of(RequestRow)), rows)


def demand_of(database: Database) -> Demand:
    with database.write() as connection:
        demands = Demands(connection)
        return demands.seen(fetch(connection, *demands.look(EVE, VISION, LIMITS))[0])


def test_of_nothing_there_is_nothing(database: Database) -> None:
    assert demand_of(database) == Demand(
        filled_since=None, of_person=0, of_person_until=None, at_place=0, at_place_until=None
    )


def test_it_is_counted_up_to_the_limits(database: Database) -> None:
    store(database, 9, status="pending")
    store(database, 9, requester="bob@corp.example", status="pending")

    found = demand_of(database)

    assert found.filled_since == NOW - timedelta(minutes=1)
    assert (found.of_person, found.at_place) == (3, 4)
    assert found.of_person_until is not None
    assert found.of_person_until > NOW


def test_what_is_settled_or_elsewhere_waits_no_longer(database: Database) -> None:
    store(database, 9)
    store(database, 2, place="team:speech", status="pending")

    found = demand_of(database)

    assert (found.of_person, found.at_place) == (2, 0)


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (demand._NTH_NEWEST, NEWEST),
        (demand._OF_PERSON, {"person": EVE, "most_of_person": 3}),
        (demand._AT_PLACE, {"place": "team:vision", "most_at_place": 3}),
        (
            demand._all_of_it(),
            NEWEST | {"place": "team:vision", "most_of_person": 3, "most_at_place": 3},
        ),
    ],
    ids=["of the hour", "of the person", "at the place", "all of it"],
)
def test_no_count_reads_what_is_settled(
    sqlite: Database, statement: Select[Any], values: dict[str, object]
) -> None:
    with sqlite.read() as connection:
        compiled = statement.compile(connection)
        given = compiled.construct_params(values)
        in_order = tuple(given[name] for name in compiled.positiontup or ())
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", in_order)
        steps = [row[-1] for row in plan if "access_request" in row[-1]]

    assert steps
    assert all(step.startswith("SEARCH") and "INDEX" in step for step in steps), steps
