"""Who looks before they store waits for whoever looks at the same."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from tests.builders import ADMIN, EVE, MEMBER, NOW, VISION, a_standing, an_ask
from tests.postgres import Postgres
from workflows.domain import requests
from workflows.domain.entitlements import EmailAddress, Team
from workflows.domain.events import Change
from workflows.domain.limits import Demand, Limits
from workflows.domain.requests import AccessRequest
from workflows.domain.standings import Standing
from workflows.storage.database import Database
from workflows.storage.unit_of_work import UnitOfWork, Work

FORMER = EmailAddress("eve.before@corp.example")
SPEECH = Team("speech")
WAITING = (  # in this database: others on the server have tests of their own
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
    "WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
)


@contextmanager
def two_at_once(
    postgres: Postgres,
    first: Callable[[UnitOfWork], object],
    second: Callable[[UnitOfWork], object],
) -> Iterator[tuple[UnitOfWork, bool]]:
    """In the transaction of `first`, as soon as that of `second` is through or waits for it, and
    whether it waits; at the end both are committed.
    """

    def do_too() -> None:
        with work.begin() as begun:
            second(begun)

    with postgres.fresh() as url, psycopg.connect(url.replace("+psycopg", "")) as watcher:
        watcher.autocommit = True
        database = Database(url)
        work = Work(database)
        other = threading.Thread(target=do_too)
        with work.begin() as begun:
            first(begun)
            other.start()
            while other.is_alive() and watcher.execute(WAITING).fetchone() == (0,):
                other.join(0.01)
            yield begun, other.is_alive()
        other.join()
        database.close()


def test_of_two_addresses_of_one_account_the_second_sees_what_was_noted_for_the_first(
    postgres: Postgres,
) -> None:
    found: list[list[Standing]] = []

    def look(begun: UnitOfWork) -> None:
        found.append(begun.standings.find_by_account("7", VISION))

    with two_at_once(postgres, look, look) as (begun, waits):
        noted = replace(a_standing(noted=True), person=FORMER, account="7", last_seen=ADMIN)
        begun.standings.save(noted)

    assert waits
    assert found[0] == []
    assert [(one.person, one.noted) for one in found[1]] == [(FORMER, True)]


@pytest.mark.parametrize(
    ("person", "place", "counted"),
    [(EVE, SPEECH, (1, 0)), (FORMER, VISION, (0, 1)), (FORMER, SPEECH, (0, 0))],
    ids=["the same person", "the same place", "nothing the same"],
)
def test_who_asks_counts_what_was_asked_by_whoever_it_waited_for(
    postgres: Postgres, person: EmailAddress, place: Team, counted: tuple[int, int]
) -> None:
    found: list[Demand] = []

    def ask(begun: UnitOfWork) -> None:
        begun.standings.with_grants(person, place, to_ask=True)
        found.append(begun.record_asked(asked(person, place, "second"), Limits())[1])

    def take_turn(begun: UnitOfWork) -> None:
        begun.standings.with_grants(EVE, VISION, to_ask=True)

    with two_at_once(postgres, take_turn, ask) as (begun, waits):
        _, demand = begun.record_asked(asked(EVE, VISION, "first"), Limits())

    assert waits == (counted != (0, 0))
    assert (demand.of_person, demand.at_place) == (0, 0)
    assert [(one.of_person, one.at_place) for one in found] == [counted]


def asked(person: EmailAddress, place: Team, id: str) -> Change[AccessRequest]:
    """A new request."""
    return requests.submit(
        an_ask(requester=person, place=place, role=MEMBER, origin=id),
        id=id,
        now=NOW,
        lapses_at=NOW,
        rule="defaults",
        needed=1,
        held=None,
        invites=False,
    )
