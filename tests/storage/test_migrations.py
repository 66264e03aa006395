"""From nothing to the newest schema and back, by one process or by several at once."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from tests.postgres import Postgres
from workflows.storage.database import Database
from workflows.storage.schema import SchemaIsNewer, config, migrate
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


@both
def test_a_schema_of_a_newer_version_is_left_alone(empty: Database) -> None:
    migrate(empty)
    with empty.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SchemaIsNewer, match="9999"):
        migrate(empty)


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
