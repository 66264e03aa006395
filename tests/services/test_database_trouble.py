"""The database in trouble: what was not committed did not happen, and what is owed is done later.

A full disk is a SQLite file that may not grow (`PRAGMA max_page_count`, sqlite.org/pragma.html);
a cut connection is a PostgreSQL backend that is terminated at the moment of a commit.
"""

import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from tests.builders import EVE, MEMBER
from tests.postgres import Postgres
from tests.services.rig import Rig
from workflows import points
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress
from workflows.domain.grants import GrantStatus
from workflows.domain.requests import RequestStatus
from workflows.errors import NotFound
from workflows.storage.database import Database, sqlite_file
from workflows.storage.schema import migrate

HOUR = timedelta(hours=1)


@contextmanager
def at_each(name: str, act: "points.Hook") -> Iterator[None]:
    """Do this whenever the product reaches that moment."""
    points.set_hook(lambda reached: act(reached) if reached == name else None)
    try:
        yield
    finally:
        points.set_hook(None)


def pragma(database: Database, sql: str) -> None:
    """Say it to the one connection that writes."""
    with database.write() as connection:
        connection.exec_driver_sql(f"PRAGMA {sql}")


def checkpoint(database: Database) -> None:
    """Have everything in the one file."""
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_on_a_full_disk_nothing_is_stored_by_halves_and_all_goes_on_afterwards(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    rig.approved(duration=Span(3600))
    rig.run()
    people = [EmailAddress(f"p{number}@corp.example") for number in range(60)]
    for person in people:
        rig.directory.add_person(person)
    rig.rosters.read()
    pragma(rig.database, "max_page_count = 1")  # SQLite makes it the number of pages in use

    with pytest.raises(OperationalError, match="full"):
        submit_all(rig, people)

    asked = {entry.subject for entry in rig.audit() if entry.event == "RequestSubmitted"}
    assert 1 < len(asked) < len(people)
    assert all(rig.request(id) for id in asked)  # each row of the audit log has its request
    pragma(rig.database, "max_page_count = 1073741823")
    rig.drain()
    assert rig.held() is None
    assert rig.jobs() == []


def submit_all(rig: Rig, people: Sequence[EmailAddress]) -> None:
    """Everybody asks, at length."""
    for person in people:
        rig.submit(requester=person, reason="why " * 200)


def test_on_a_full_disk_access_that_is_over_is_taken_back_once_there_is_room(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = rig.approved(duration=Span(3600))
    rig.run()
    rig.clock.advance(HOUR)

    def refuse(_: str) -> None:
        raise OperationalError("COMMIT", None, sqlite3.OperationalError("database or disk is full"))

    with at_each("about to commit", refuse), pytest.raises(OperationalError):
        rig.tick()

    assert rig.grant(id).status is GrantStatus.ACTIVE
    rig.wait(timedelta(seconds=2))
    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.held() is None


def test_a_file_that_cannot_be_written_refuses_and_loses_nothing(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.submit().id
    pragma(rig.database, "query_only = ON")

    with pytest.raises(OperationalError, match="readonly"):
        rig.approve(id)

    pragma(rig.database, "query_only = OFF")
    assert rig.request(id).status is RequestStatus.PENDING
    rig.approve(id)
    rig.run()
    assert rig.held() == MEMBER


def test_a_database_that_is_locked_for_long_delays_an_end_and_loses_none(
    sqlite_rig: Rig, sqlite_url: str
) -> None:
    rig = sqlite_rig
    id = rig.approved(duration=Span(3600))
    rig.run()
    rig.clock.advance(HOUR)
    pragma(rig.database, "busy_timeout = 1")
    stranger = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")

    with pytest.raises(OperationalError, match="locked"):
        rig.tick()
    assert rig.grant(id).status is GrantStatus.ACTIVE
    stranger.execute("ROLLBACK")
    stranger.close()

    rig.wait(timedelta(seconds=2))
    assert rig.grant(id).status is GrantStatus.ENDED


def test_a_damaged_file_is_an_error_and_never_an_empty_answer(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    whole = Database(f"sqlite:///{path}")
    migrate(whole)
    Rig(whole).approved()
    with whole.write() as connection:
        connection.exec_driver_sql("UPDATE audit SET actor = actor")
    checkpoint(whole)
    whole.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)

    damaged = Database(f"sqlite:///{path}")
    with pytest.raises(DBAPIError, match="malformed"), damaged.read() as connection:
        connection.execute(text("SELECT count(*) FROM access_grant")).scalar()
    damaged.close()


def test_without_its_wal_file_a_database_is_an_older_one(sqlite_rig: Rig, tmp_path: Path) -> None:
    rig = sqlite_rig
    id = rig.approved(duration=Span(3600))
    rig.run()
    checkpoint(rig.database)
    rig.wait(HOUR)
    assert rig.grant(id).status is GrantStatus.ENDED
    lost = rig.approved()
    rig.run()
    file = sqlite_file(str(rig.database.engine.url))
    assert file is not None
    alone = tmp_path / "alone.db"
    shutil.copy(file, alone)  # and not the file beside it

    older = Database(f"sqlite:///{alone}")
    after = Rig(older, on=rig)
    assert after.grant(id).status is GrantStatus.ACTIVE
    with pytest.raises(NotFound):
        after.grant(lost)
    after.rosters.read()
    after.drain()

    assert after.grant(id).status is GrantStatus.ENDED
    older.close()


def test_a_connection_that_is_cut_before_the_commit_stores_nothing(postgres: Postgres) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        rig = Rig(database)
        id = rig.submit().id
        cuts: list[str] = []

        def cut(_: str) -> None:
            if not cuts:
                cuts.append("once")
                terminate_writers(database)

        with at_each("about to commit", cut), pytest.raises(DBAPIError):
            rig.approve(id)

        assert rig.request(id).status is RequestStatus.PENDING
        assert rig.events(id) == ["RequestSubmitted"]
        rig.approve(id)  # the person presses again
        rig.run()
        assert rig.held(EVE) == MEMBER
        assert rig.events(id).count("GrantIssued") == 1
        database.close()


def test_a_worker_whose_connection_is_cut_again_and_again_comes_to_the_same_end(
    postgres: Postgres,
) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        rig = Rig(database)
        id = rig.approved(duration=Span(3600))
        commits = 0

        def cut(_: str) -> None:
            nonlocal commits
            commits += 1
            if commits % 7 == 0:
                terminate_writers(database)

        for minutes in (0, 1, 2, 60, 61, 75, 130):
            rig.clock.now = max(rig.clock.now, rig.request(id).created_at + minutes * HOUR / 60)
            with at_each("about to commit", cut):
                for _ in range(5):
                    try_all(rig)
        rig.drain()

        assert rig.grant(id).status is GrantStatus.ENDED
        assert rig.held(EVE) is None
        told = [name for name in rig.events(id) if name.startswith("Grant")]
        assert told == ["GrantIssued", "GrantActivated", "GrantExpired", "GrantEnded"]
        database.close()


def try_all(rig: Rig) -> None:
    """Sweep and work as the threads do, which look again after an error."""
    try:
        rig.tick()
        rig.run()
    except DBAPIError:
        rig.clock.advance(timedelta(seconds=21))  # until the lease has run out


def terminate_writers(database: Database) -> None:
    """End every other connection to this database that is in a transaction that wrote."""
    done = threading.Event()

    def act() -> None:
        with database.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    " AND backend_xid IS NOT NULL"
                )
            )
        done.set()

    threading.Thread(target=act).start()
    assert done.wait(10)
