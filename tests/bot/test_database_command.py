"""What commands have that work on the database alone."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from bot.commands.database import open_stored
from tests.postgres import Postgres
from workflows.storage.database import Database
from workflows.storage.schema import migrate

ABOUT = timedelta(seconds=20)
AHEAD = timedelta(hours=5)


def machine() -> datetime:
    """By the machine's clock."""
    return datetime.now(UTC)  # noqa: TID251  # what is compared with


def test_on_postgresql_a_command_has_the_clock_of_the_database(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.fresh() as url:
        database = Database(url)
        migrate(database)
        with database.write() as connection:
            name = database.engine.url.database
            for statement in (
                "CREATE SCHEMA wrong",
                "CREATE FUNCTION wrong.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
                "$$ SELECT pg_catalog.clock_timestamp() + interval '5 hours' $$",
                f'ALTER DATABASE "{name}" SET search_path = wrong, pg_catalog, public',
            ):
                connection.execute(text(statement))
        database.close()
        monkeypatch.setenv("DATABASE_URL", url)

        with open_stored() as (stored, _):
            assert abs(stored.clock() - machine() - AHEAD) < ABOUT


def test_on_sqlite_a_command_has_the_clock_of_the_machine(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", sqlite_url)

    with open_stored(writes=True) as (stored, _):
        assert abs(stored.clock() - machine()) < ABOUT
