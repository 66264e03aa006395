"""What is looked up again and again is found by an index, however many rows there are."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from tests.builders import EVE, NOW, VISION, an_ask
from workflows.domain.grants import LIVE, OPEN
from workflows.domain.reactions import JobKind
from workflows.domain.requests import RequestStatus
from workflows.storage.database import Database
from workflows.storage.tables import ENDS, IS_OPEN, IS_PENDING
from workflows.storage.unit_of_work import UnitOfWork, Work

LOOKUPS: dict[str, tuple[Callable[[UnitOfWork], object], str]] = {
    "what is due": (lambda work: work.grants.due(NOW, limit=100), "ix_access_grant_ends_at"),
    "the next end": (lambda work: work.grants.next_end(), "ix_access_grant_ends_at"),
    "open grants of a person": (lambda work: work.grants.open_of(EVE), "ix_access_grant_open"),
    "open grants there": (lambda work: work.grants.open_of(EVE, VISION), "ix_access_grant_open"),
    "a standing and its grants": (
        lambda work: work.standings.with_grants(EVE, VISION),
        "ix_access_grant_open",
    ),
    "the same, pending": (
        lambda work: work.requests.find_asked(an_ask()),
        "uq_access_request_pending",
    ),
    "overdue requests": (
        lambda work: work.requests.overdue(NOW, limit=100),
        "ix_access_request_lapses_at",
    ),
    "a person's requests": (
        lambda work: work.requests.of(EVE, limit=10),
        "ix_access_request_requester",
    ),
    "standings of an account": (
        lambda work: work.standings.find_by_account("1", VISION),
        "ix_standing_account",
    ),
    "late grants": (
        lambda work: work.attention.late_grants(over_by=NOW, issued_by=NOW, limit=10),
        "ix_access_grant_unsettled",
    ),
    "how many are late": (
        lambda work: work.attention.late_count(over_by=NOW, issued_by=NOW),
        "ix_access_grant_unsettled",
    ),
    "ends that wait": (
        lambda work: work.attention.ends_waiting(),
        "ix_access_grant_unsettled",
    ),
    "the oldest end": (lambda work: work.attention.oldest_end(), "ix_access_grant_unsettled"),
    "leftovers": (lambda work: work.attention.leftovers(limit=10), "ix_standing_leftover"),
    "how many leftovers": (
        lambda work: work.attention.leftover_count(),
        "ix_standing_leftover",
    ),
    "when access is due": (
        lambda work: work.outbox.next_due([JobKind.ENSURE], now=NOW),
        "ix_job_access",
    ),
    "access to see to, however many messages wait": (
        lambda work: work.outbox.claim([JobKind.ENSURE], now=NOW, token="one"),
        "ix_job_access (due_at<?)",
    ),
    "when a message is due": (
        lambda work: work.outbox.next_due([JobKind.NOTIFY, JobKind.ALERT], now=NOW),
        "ix_job_due_at",
    ),
    "a message to send": (
        lambda work: work.outbox.claim([JobKind.NOTIFY, JobKind.ALERT], now=NOW, token="one"),
        "ix_job_due_at (due_at<?)",
    ),
    "what has failed": (
        lambda work: work.outbox.hasten(JobKind.ENSURE, at=NOW),
        "ix_job_failed (kind=? AND due_at>?)",
    ),
    "one that has failed": (
        lambda work: work.outbox.hasten_one(JobKind.ENSURE, but="", at=NOW),
        "ix_job_failed (kind=?)",
    ),
    "one that has failed and waits long, however many are looked at again": (
        lambda work: work.outbox.hasten_long_waiting(JobKind.ENSURE, beyond=NOW, at=NOW),
        "ix_job_failed (kind=? AND due_at>?)",
    ),
}


def listened(database: Database) -> list[tuple[str, Any]]:
    """The statements that its driver is given from here on."""
    heard: list[tuple[str, Any]] = []

    class Cursor(sqlite3.Cursor):
        """Notes, and executes."""

        def execute(self, sql: str, given: Any = (), /) -> "Cursor":
            """As ever."""
            heard.append((sql, given))
            return super().execute(sql, given)

    class Connection(sqlite3.Connection):
        """Has such cursors."""

        def cursor(self, _factory: Any = None) -> Any:
            """One that notes."""
            return super().cursor(Cursor)

    def connect(_dialect: Any, _entry: Any, where: list[Any], how: dict[str, Any]) -> Connection:
        return Connection(*where, **how)

    event.listen(database.engine, "do_connect", connect)
    return heard


@pytest.mark.parametrize("name", LOOKUPS)
def test_a_lookup_reads_no_whole_table(name: str, sqlite_url: str) -> None:
    look_up, index = LOOKUPS[name]
    database = Database(sqlite_url)
    heard = listened(database)
    with Work(database).begin() as work:
        look_up(work)
    asked = [(text, given) for text, given in heard if "FROM" in text or "UPDATE" in text]
    with database.read() as connection:
        plans = [
            row[3]
            for text, given in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple(given))
        ]
    database.close()

    assert any(index in plan for plan in plans), plans
    read = [plan for plan in plans if plan.startswith("SCAN") and "USING" not in plan]
    assert not set(read) - {"SCAN CONSTANT ROW", "SCAN somewhere"}  # the one row of no table


def test_the_conditions_of_the_indexes_name_every_state() -> None:
    def quoted(states: frozenset[str]) -> set[str]:
        return {f"'{state}'" for state in states}

    def named(condition: str) -> set[str]:
        return {word.strip("(),") for word in condition.split() if "'" in word}

    assert named(IS_PENDING.text) == quoted(frozenset({RequestStatus.PENDING}))
    assert named(ENDS.text) == quoted(LIVE)
    assert named(IS_OPEN.text) == quoted(OPEN)
