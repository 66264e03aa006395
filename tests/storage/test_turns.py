"""Who looks before they store waits for whoever looks at the same."""

import threading
from dataclasses import replace

import psycopg

from tests.builders import ADMIN, VISION, a_standing
from tests.postgres import Postgres
from workflows.domain.entitlements import EmailAddress
from workflows.domain.standings import Standing
from workflows.storage.database import Database
from workflows.storage.unit_of_work import Work

FORMER = EmailAddress("eve.before@corp.example")
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_of_two_addresses_of_one_account_the_second_sees_what_was_noted_for_the_first(
    postgres: Postgres,
) -> None:
    found: list[Standing] = []

    def look_too(work: Work) -> None:
        with work.begin() as begun:
            found.extend(begun.standings.find_by_account("7", VISION))

    with postgres.fresh() as url, psycopg.connect(url.replace("+psycopg", "")) as watcher:
        watcher.autocommit = True
        database = Database(url)
        work = Work(database)
        second = threading.Thread(target=look_too, args=(work,))
        with work.begin() as begun:
            assert begun.standings.find_by_account("7", VISION) == []
            second.start()
            while second.is_alive() and watcher.execute(WAITING).fetchone() == (0,):
                second.join(0.01)
            noted = replace(a_standing(noted=True), person=FORMER, account="7", last_seen=ADMIN)
            begun.standings.save(noted)
        second.join()
        database.close()

    assert [(one.person, one.noted) for one in found] == [(FORMER, True)]
