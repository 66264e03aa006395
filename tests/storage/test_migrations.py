"""From nothing to the newest schema and back, by one process or by several at once."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from tests.postgres import Postgres
from tests.services.rig import Rig
from workflows.domain.grants import GrantStatus
from workflows.storage.database import Database
from workflows.storage.records import Meta
from workflows.storage.schema import (
    GOES_ON,
    OLDEST_THAT_CAN_GO_ON,
    SchemaIsNewer,
    config,
    known_revisions,
    migrate,
)
from workflows.storage.tables import metadata

both = pytest.mark.parametrize("empty_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(inspect(connection).get_table_names())


@both
def test_migrating_makes_every_table_and_migrating_again_changes_nothing(empty: Database) -> None:
    migrate(empty)
    migrate(empty)

    assert tables(empty) == {*metadata().tables, "alembic_version"}


@both
def test_the_migrations_make_what_the_tables_say(empty: Database) -> None:
    migrate(empty)
    settings = config()
    with empty.write() as connection:
        settings.attributes["connection"] = connection
        command.check(settings)  # raises when a revision would be needed


@both
def test_down_and_up_again_is_the_same(empty: Database) -> None:
    migrate(empty)
    settings = config()
    with empty.write() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, "base")
    assert tables(empty) <= {"alembic_version"}

    migrate(empty)

    with empty.write() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata())
    kinds = {one[0] for one in differences if isinstance(one, tuple)}
    assert not kinds & {"add_table", "remove_table", "add_column", "remove_column", "add_index"}


def test_the_revisions_are_known_by_their_files_and_the_last_is_the_newest() -> None:
    scripts = ScriptDirectory.from_config(config())

    assert known_revisions() == {one.revision for one in scripts.walk_revisions()}
    assert max(known_revisions()) == scripts.get_current_head()


@both
def test_a_database_that_is_up_to_date_is_left_alone_without_the_tool_that_migrates(
    empty: Database, empty_url: str
) -> None:
    migrate(empty)
    program = (
        "import sys; from workflows.storage.database import Database;"
        "from workflows.storage.schema import check, migrate;"
        "d = Database(sys.argv[1]); check(d); print(migrate(d), 'alembic' in sys.modules)"
    )
    starting = [sys.executable, "-c", program, empty_url]
    started = subprocess.run(starting, capture_output=True, text=True, check=True, timeout=60)

    newest = max(known_revisions())
    assert started.stdout == f"Migrated(before={newest!r}, after={newest!r}) False\n"


@both
def test_a_schema_of_a_newer_version_is_left_alone(empty: Database) -> None:
    migrate(empty)
    with empty.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SchemaIsNewer, match="9999"):
        migrate(empty)


@both
def test_a_schema_of_the_next_version_that_only_adds_is_worked_on_and_left_alone(
    empty: Database, caplog: pytest.LogCaptureFixture
) -> None:
    migrate(empty)
    with empty.write() as connection:
        connection.exec_driver_sql("ALTER TABLE standing ADD COLUMN mood TEXT DEFAULT '' NOT NULL")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        Meta(connection).put(GOES_ON, "9999 0001")

    migrate(empty)
    rig = Rig(empty)
    given = rig.approved()
    rig.run()

    assert "the schema is newer" in caplog.messages
    assert rig.grant(given).status is GrantStatus.ACTIVE
    with empty.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == (
            "9999"
        )


@both
@pytest.mark.parametrize("said", ["9999 0042", "9998 0001", "9999"])
def test_a_schema_that_takes_something_away_is_refused(empty: Database, said: str) -> None:
    migrate(empty)
    with empty.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        Meta(connection).put(GOES_ON, said)

    with pytest.raises(SchemaIsNewer, match="9999"):
        migrate(empty)


def columns(database: Database) -> dict[str, dict[str, bool]]:
    """Table by table, each column and whether it may be left out when a row is added."""
    with database.read() as connection:
        inspector = inspect(connection)
        return {
            table: {
                column["name"]: column["nullable"] or column["default"] is not None
                for column in inspector.get_columns(table)
            }
            for table in inspector.get_table_names()
        }


@both
def test_each_migration_only_adds_so_that_the_version_before_can_go_on(empty: Database) -> None:
    settings = config()
    steps = [one.revision for one in ScriptDirectory.from_config(settings).walk_revisions()][::-1]
    assert OLDEST_THAT_CAN_GO_ON in steps
    before: dict[str, dict[str, bool]] = {}
    for step in steps:
        with empty.write() as connection:
            settings.attributes["connection"] = connection
            command.upgrade(settings, step)
        after = columns(empty)
        if step > OLDEST_THAT_CAN_GO_ON:
            for table, had in before.items():
                assert had.keys() <= after[table].keys(), f"{step} takes columns from {table}"
                added = after[table].keys() - had.keys()
                assert all(after[table][name] for name in added), f"{step} demands more of {table}"
        before = after


def test_alembics_own_command_line_finds_the_address_in_its_settings(tmp_path: object) -> None:
    settings = config()
    url = f"sqlite:///{tmp_path}/by-hand.db"
    settings.set_main_option("sqlalchemy.url", url)
    command.upgrade(settings, "head")

    database = Database(url)
    assert "access_request" in tables(database)
    database.close()


def test_several_processes_may_migrate_at_once_on_postgresql(postgres: Postgres) -> None:
    program = (
        "import sys; from workflows.storage.database import Database;"
        "from workflows.storage.schema import migrate;"
        "d = Database(sys.argv[1]); migrate(d); d.close()"
    )
    with postgres.fresh(migrated=False) as url:
        running = [subprocess.Popen([sys.executable, "-c", program, url]) for _ in range(2)]
        assert [process.wait(timeout=60) for process in running] == [0, 0]
        database = Database(url)
        assert set(metadata().tables) <= tables(database)
        database.close()


_DIES = """
import os, signal, sys
from sqlalchemy import event
from workflows.storage.database import Database
from workflows.storage.schema import migrate
database, left = Database(sys.argv[1]), int(sys.argv[2])
@event.listens_for(database.engine, "before_cursor_execute")
def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
migrate(database)
"""


@both
@pytest.mark.parametrize("statements", [9, 25])
def test_a_process_that_is_killed_while_it_migrates_leaves_nothing_half_done(
    empty_url: str, statements: int
) -> None:
    dying = [sys.executable, "-c", _DIES, empty_url, str(statements)]
    died = subprocess.run(dying, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL

    database = Database(empty_url)
    assert tables(database) == set()
    migrate(database)
    assert tables(database) == {*metadata().tables, "alembic_version"}
    database.close()
