"""Statements that go straight to the driver: its errors, what they show, and broken connections."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from tests.builders import NOW, a_grant, a_request
from tests.postgres import Postgres
from workflows.errors import Conflict
from workflows.storage.bookkeeping import JobRow, MetaRow, table_of
from workflows.storage.database import Database
from workflows.storage.driver import change, fetch
from workflows.storage.prepared import Prepared
from workflows.storage.rows import Writing, adding, changing, store
from workflows.storage.tables import GrantRow
from workflows.storage.unit_of_work import Work

META = table_of(MetaRow)
GRANTS = table_of(GrantRow)
JOBS = table_of(JobRow)
REMEMBER = adding(META)
VALUE = Prepared(select(META.c.value).where(META.c.key == bindparam("of_key")))


def test_an_error_is_sqlalchemys_and_shows_nothing_that_was_sent(database: Database) -> None:
    secret = Writing(REMEMBER, [("twice", "what somebody wrote")])
    with database.write() as connection:
        store(connection, secret)

    with pytest.raises(IntegrityError) as failed, database.write() as connection:
        store(connection, secret)

    assert "what somebody wrote" not in str(failed.value)


def test_a_statement_that_is_none_is_an_error_of_the_same_family(database: Database) -> None:
    with (
        pytest.raises((OperationalError, ProgrammingError)),
        database.read() as connection,
    ):
        fetch(connection, "SELECT nothing FROM nowhere", ())


def test_after_an_error_the_transaction_is_taken_back_and_the_next_one_works(
    database: Database,
) -> None:
    one, other = Writing(REMEMBER, [("a", "1")]), Writing(REMEMBER, [("a", "2")])
    with pytest.raises(DBAPIError), database.write() as connection:
        store(connection, one, other)

    with database.write() as connection:
        assert VALUE.first(connection, of_key="a") is None
        store(connection, other)
    with database.read() as connection:
        assert VALUE.all(connection, of_key="a") == [{"value": "2"}]


def test_a_connection_that_the_server_has_ended_is_not_used_again(postgres: Postgres) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        backends = []

        def work(*, ended: bool) -> None:
            with database.write() as connection:
                backends.append(fetch(connection, "SELECT pg_backend_pid()", ())[0][0])
                if ended:
                    with postgres.superuser() as superuser:
                        superuser.execute("SELECT pg_terminate_backend(%s)", (backends[-1],))
                change(connection, ("DELETE FROM meta", [()]))

        with pytest.raises(OperationalError):
            work(ended=True)
        work(ended=False)
        database.close()

    assert backends[0] != backends[1]


def test_what_is_stored_together_is_stored_or_not_together(database: Database) -> None:
    work = Work(database)
    with work.begin() as begun:
        begun.requests.save(a_request())
        grant = begun.grants.save(a_grant())

    stale = Writing(changing(GRANTS, "note"), [("late", grant.id, grant.version - 1)])
    with pytest.raises(Conflict), database.write() as connection:
        store(connection, Writing(REMEMBER, [("a", "1"), ("b", "2")]), stale)

    with database.read() as connection:
        assert VALUE.all(connection, of_key="a") == []


def test_one_row_and_many_rows_are_stored_alike(database: Database) -> None:
    noted = adding(META, also={"value": "'the same'"})
    with database.write() as connection:
        store(connection, Writing(noted, [("one",)]), Writing(REMEMBER, [("x", "1"), ("y", "2")]))
        store(connection, Writing(noted, [("two",), ("three",)]), Writing(REMEMBER, []))
        store(connection)

    with database.read() as connection:
        found = {
            key: VALUE.all(connection, of_key=key)[0]["value"]
            for key in ("one", "two", "three", "x", "y")
        }
    assert found == dict.fromkeys(("one", "two", "three"), "the same") | {"x": "1", "y": "2"}


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_what_is_looked_at_with_it_is_as_it_was_before(database: Database, rows: int) -> None:
    count = ("SELECT count(*), max(key) FROM meta WHERE value = %s", ["new"])
    if database.is_sqlite:
        count = ("SELECT count(*), max(key) FROM meta WHERE value = ?", ["new"])
    with database.write() as connection:
        store(connection, Writing(REMEMBER, [("x", "new")]))
        more = [(str(number), "new") for number in range(rows)]
        seen = store(connection, Writing(REMEMBER, more), look=count)
        after = fetch(connection, *count)[0]

    assert tuple(seen) == (1, "x")
    assert after[0] == 1 + rows


def test_a_time_is_stored_to_the_microsecond_whatever_its_zone(database: Database) -> None:
    owe = adding(
        JOBS,
        *("key", "kind", "lane", "subject", "due_at"),
        also={"generation": "1", "attempts": "0", "last_error": "''"},
    )
    there = datetime(2026, 3, 10, 17, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5.5)))
    due = Prepared(select(JOBS.c.due_at).order_by(JOBS.c.key))
    with database.write() as connection:
        store(connection, Writing(owe, [("1", "x", "1", "1", there)]))
        store(connection, Writing(owe, [(n, "x", n, n, there) for n in ("2", "3")]))

    with database.read() as connection:
        found = [row["due_at"] for row in due.all(connection)]

    assert found == [datetime(2026, 3, 10, 12, 0, 0, 123456, tzinfo=UTC)] * 3
    assert all(one.utcoffset() == timedelta(0) for one in found)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_time_without_a_zone_is_refused_before_it_is_sent(database: Database, rows: int) -> None:
    naive = NOW.replace(tzinfo=None)
    owed = Writing(adding(JOBS, "key", "due_at"), [(str(n), naive) for n in range(rows)])

    with pytest.raises(ValueError, match="zone"), database.write() as connection:
        store(connection, owed)


def test_a_value_that_was_not_given_is_an_error_and_not_nothing(database: Database) -> None:
    replace = Prepared(
        update(META)
        .where(META.c.key == bindparam("of_key"))
        .values(value=bindparam("to", type_=META.c.value.type))
    )
    with database.write() as connection:
        assert replace.change(connection, of_key="a", to="1") == 0
    with pytest.raises((KeyError, DBAPIError)), database.write() as connection:
        replace.change(connection, of_key="a")
