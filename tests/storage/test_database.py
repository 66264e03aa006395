"""What is set on the database, and what is relied on."""

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from tests.postgres import Postgres
from workflows.errors import Conflict
from workflows.storage.database import (
    BELIEVED_FOR,
    POOL_SIZE,
    Database,
    hold_alone,
    sqlite_file,
    wait_for_no_disk,
)
from workflows.storage.unit_of_work import Work


def test_a_sqlite_commit_survives_a_power_failure_and_readers_wait_for_nobody(
    sqlite: Database,
) -> None:
    with sqlite.read() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def waits_for_the_disk(connection: Connection) -> bool:
    """Whether a commit on it does."""
    waits: bool = connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
    return waits


@pytest.mark.parametrize("works", [True, False])
def test_only_a_commit_that_may_be_lost_does_not_wait_for_the_disk(
    sqlite: Database, works: bool
) -> None:
    with suppress(ZeroDivisionError), sqlite.write() as connection:
        wait_for_no_disk(connection)
        hasty = not waits_for_the_disk(connection)
        connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('k', 'v')")
        assert 1 / works

    with sqlite.write() as connection:
        assert hasty
        assert waits_for_the_disk(connection)
    with sqlite.read() as connection:
        stored = connection.exec_driver_sql("SELECT count(*) FROM meta WHERE key = 'k'").scalar()
    assert stored == works


def test_a_reader_sees_what_was_committed_while_a_writer_writes(database: Database) -> None:
    with database.write() as writer:
        writer.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('k', 'v')")
        with database.read() as reader:
            assert reader.exec_driver_sql("SELECT count(*) FROM meta WHERE key = 'k'").scalar() == 0

    with database.read() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM meta WHERE key = 'k'").scalar() == 1


def test_an_exception_rolls_everything_back(database: Database) -> None:
    def fail() -> None:
        with database.write() as writer:
            writer.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('k', 'v')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    with database.read() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM meta WHERE key = 'k'").scalar() == 0


def test_of_many_writers_at_once_on_sqlite_nobodys_change_is_lost(sqlite: Database) -> None:
    work = Work(sqlite)
    with work.begin() as begun:
        begun.meta.put("count", "0")

    def add() -> None:
        for _ in range(20):
            with work.begin() as begun:
                begun.meta.put("count", str(int(begun.meta.get("count") or 0) + 1))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with work.look() as looked:
        assert looked.meta.get("count") == "160"


def test_a_second_connection_that_writes_waits_for_the_first(sqlite_url: str) -> None:
    one, two = Database(sqlite_url), Database(sqlite_url)
    began, done = threading.Event(), threading.Event()

    def write() -> None:
        began.set()
        with two.write() as connection:
            connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('k', 'two')")
        done.set()

    with one.write() as connection:
        connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('j', 'one')")
        thread = threading.Thread(target=write)
        thread.start()
        began.wait(5)
        assert not done.is_set()
    thread.join(10)

    assert done.is_set()
    one.close()
    two.close()


def test_who_may_write_reads_nothing_before_the_one_who_writes_now_is_done(sqlite_url: str) -> None:
    one, two = Database(sqlite_url), Database(sqlite_url)
    seen: list[int] = []
    read = threading.Event()

    def look_and_write() -> None:
        with two.write() as connection:
            asked = "SELECT count(*) FROM meta WHERE key = 'j'"
            found = connection.exec_driver_sql(asked).scalar_one()
            seen.append(found)
            read.set()
            connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('k', 'two')")

    with one.write() as connection:
        connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('j', 'one')")
        thread = threading.Thread(target=look_and_write)
        thread.start()
        assert not read.wait(0.3)
    thread.join(10)

    assert seen == [1]
    one.close()
    two.close()


def test_what_the_server_has_closed_is_never_handed_out(postgres: Postgres) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        name = database.engine.url.database
        for _ in range(3):
            with database.read(), database.write(), database.read():  # three connections
                pass
            with postgres.superuser() as other:
                ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                found = other.execute(f"{ended} WHERE datname = '{name}'".encode()).fetchall()
            assert found == [(True,)] * 3

            with database.write() as connection, database.read() as other_one:
                assert connection.exec_driver_sql("SELECT 1").scalar() == 1
                assert other_one.exec_driver_sql("SELECT 1").scalar() == 1
            database.close()


def test_a_connection_that_lay_idle_is_asked_before_it_is_used(postgres: Postgres) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        with database.read() as connection:
            entry = connection.connection._connection_record
            first = connection.connection.driver_connection
        assert entry is not None
        asked = entry.info["idle_since"]
        with database.read() as connection:
            assert connection.connection.driver_connection is first
        entry.info["idle_since"] = asked - BELIEVED_FOR  # as if that long had passed

        with database.read() as connection:
            assert connection.connection.driver_connection is first
        assert isinstance(first, psycopg.Connection)
        first.close()
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1
            assert connection.connection.driver_connection is not first
        database.close()


def test_a_deadlock_is_a_lost_race(postgres: Postgres) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        work = Work(database)
        with work.begin() as begun:
            begun.meta.put("a", "")
            begun.meta.put("b", "")
        barrier = threading.Barrier(2)
        lost: list[str] = []

        def cross(first: str, second: str) -> None:
            try:
                with work.begin() as begun:
                    begun.meta.put(first, "x")
                    barrier.wait(10)
                    begun.meta.put(second, "x")
            except Conflict:
                lost.append(first)

        threads = [threading.Thread(target=cross, args=pair) for pair in (("a", "b"), ("b", "a"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        database.close()

    assert len(lost) == 1


def test_any_other_trouble_with_the_database_is_not_a_lost_race(sqlite: Database) -> None:
    with sqlite.write() as connection:
        connection.exec_driver_sql("DROP TABLE meta")

    with pytest.raises(OperationalError), Work(sqlite).begin() as begun:
        begun.meta.put("k", "v")


def test_a_second_process_on_one_sqlite_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "access.db"
    program = (
        "import sys, pathlib; from workflows.storage.database import hold_alone;"
        "sys.exit(0 if hold_alone(pathlib.Path(sys.argv[1])) else 3)"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(path)]
    lock = hold_alone(path)
    assert lock is not None
    assert hold_alone(path) is None
    assert subprocess.run(command, check=False).returncode == 3

    lock.close()

    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///access.db", Path("access.db")),
        ("sqlite:////var/lib/access.db", Path("/var/lib/access.db")),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql+psycopg://somewhere/access", None),
    ],
)
def test_the_file_behind_an_address(url: str, path: Path | None) -> None:
    assert sqlite_file(url) == path


def test_one_look_sees_one_state_whatever_is_committed_meanwhile(database: Database) -> None:
    work = Work(database)
    with work.begin() as begun:
        begun.meta.put("k", "before")

    with work.look() as looked:
        assert looked.meta.get("k") == "before"
        with work.begin() as begun:
            begun.meta.put("k", "after")
        assert looked.meta.get("k") == "before"

    with work.look() as looked:
        assert looked.meta.get("k") == "after"


def test_more_threads_than_connections_wait_for_their_turn_and_none_fails(
    database: Database,
) -> None:
    threads = 3 * POOL_SIZE
    at_once = threading.Barrier(threads)
    failed: list[BaseException] = []

    def write(number: int) -> None:
        at_once.wait(30)
        try:
            with database.write() as connection:
                connection.exec_driver_sql(
                    f"INSERT INTO meta (key, value) VALUES ('k{number}', 'v')"
                )
            with database.read() as connection:
                connection.exec_driver_sql("SELECT count(*) FROM meta").scalar()
        except BaseException as error:
            failed.append(error)

    running = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)

    assert failed == []
    with database.read() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM meta WHERE value = 'v'").scalar()
    assert found == threads


def test_a_result_that_nobody_reads_to_its_end_holds_up_one_writer_and_no_more(
    sqlite_url: str,
) -> None:
    ours, other = Database(sqlite_url), Database(sqlite_url)
    put(ours, "a")
    put(ours, "b")
    with ours.write() as connection:
        left_open = connection.exec_driver_sql("SELECT key FROM meta")
        assert left_open.fetchone()
    put(other, "c")

    with pytest.raises(OperationalError):  # its connection still looks at what was there before
        put(ours, "d")
    put(ours, "d")

    with other.read() as reader:
        stored = "SELECT count(*) FROM meta WHERE key IN ('a', 'b', 'c', 'd')"
        assert reader.exec_driver_sql(stored).scalar_one() == 4
    ours.close()
    other.close()


def test_writers_that_fail_give_their_connection_back(sqlite_url: str) -> None:
    database = Database(sqlite_url)

    for _ in range(30):  # more than the pool has
        with pytest.raises(ZeroDivisionError):
            put(database, "k", then=lambda: 1 // 0)

    put(database, "k")
    database.close()


def put(database: Database, name: str, then: Callable[[], object] = lambda: None) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(f"INSERT INTO meta (key, value) VALUES ('{name}', '')")
        then()
