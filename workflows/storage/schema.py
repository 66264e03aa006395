"""Brings the schema to what this code knows, and says no to one that is too new for it.

During a rolling deploy the old version and the new one work on one database. So a migration only
adds: tables, indexes, and columns that may be left out when a row is added. It writes down beside
its own revision the oldest one whose programs can go on; a program that knows that one goes on.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from workflows.storage.database import Database
from workflows.storage.records import Meta

if TYPE_CHECKING:  # slow to import, and mostly there is nothing to migrate
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
_ALEMBICS = "alembic_version"  # its table: one row, with the revision
_LOCK = 0x77616E6462  # one migration at a time on PostgreSQL; any constant will do

OLDEST_THAT_CAN_GO_ON = "0001"  # raise it with a migration that takes something away
GOES_ON = "schema goes on from"  # where in `meta` a revision and the above are written down

log = logging.getLogger(__name__)


class SchemaUnfit(Exception):
    """This version cannot work on the schema that is there; nothing was changed."""


class SchemaIsNewer(SchemaUnfit):
    """The database was migrated by a newer version of this program."""


class SchemaIsOlder(SchemaUnfit):
    """The database is still to be migrated, or holds nothing yet."""


class SchemaIsForeign(SchemaUnfit):
    """The database has tables, and none that say they are ours."""


@dataclass(frozen=True)
class Migrated:
    """The schema that was there (None: nothing), and the one that is there now."""

    before: str | None
    after: str


def config() -> "Config":
    """Alembic's settings, without a file: the migrations are beside this module."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(_MIGRATIONS))
    return settings


def migrate(database: Database) -> Migrated:
    """Upgrade to the newest revision. Several processes may do so at once; one does it.

    A newer schema is left as it is: the program runs on it where the newer version said that it
    can, and `SchemaIsNewer` is raised where it did not. Among tables of something else nothing is
    made: `SchemaIsForeign`.
    """
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        current = _revision(connection)
        if current is None:
            _must_be_empty(connection)
        elif _is_newer(connection, current):
            return Migrated(current, current)
        after = max(known_revisions())
        if current != after:
            _upgrade(connection)
        Meta(connection).put(GOES_ON, f"{after} {OLDEST_THAT_CAN_GO_ON}")
        return Migrated(current, after)


def _upgrade(connection: Connection) -> None:
    from alembic import command

    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")


def check(database: Database) -> None:
    """Raise `SchemaUnfit` unless this version can work on the schema as it is. Changes nothing."""
    with database.read() as connection:
        current = _revision(connection)
        if current is None:
            _must_be_empty(connection)
            raise SchemaIsOlder("The database is empty. `wandb-access migrate` makes its tables.")
        if _is_newer(connection, current):
            return
    newest = max(known_revisions())
    if current != newest:
        raise SchemaIsOlder(
            f"The database has schema {current}, and this version needs {newest}: run "
            "`wandb-access migrate`, or use the version that the bot has."
        )


def _must_be_empty(connection: Connection) -> None:
    if set(inspect(connection).get_table_names()) - {_ALEMBICS}:
        raise SchemaIsForeign(
            "The database has tables, and none of them says that it is wandb-access's. Nothing was "
            "changed. Look at DATABASE_URL, and give the bot a database of its own."
        )


def _is_newer(connection: Connection, current: str) -> bool:
    """Whether a newer version made it, on which this one can work; `SchemaIsNewer` if not."""
    known = known_revisions()
    if current in known:
        return False
    if not _can_go_on(connection, current, known):
        raise SchemaIsNewer(
            f"The database has schema {current}, which this version does not know. "
            "Run the version that made it, or a newer one."
        )
    log.warning("the schema is newer", extra={"schema": current})
    return True


def known_revisions() -> set[str]:
    """By the names of their files, of which each begins with its own: 0001, 0002, …"""
    return {file.name.partition("_")[0] for file in (_MIGRATIONS / "versions").glob("[0-9]*_*.py")}


def _can_go_on(connection: Connection, current: str, known: Collection[str]) -> bool:
    """Whether what was written down was written for this very schema, and names one of ours."""
    if not inspect(connection).has_table("meta"):
        return False  # another program's, by the same tool
    said = Meta(connection).get(GOES_ON) or ""
    schema, _, oldest = said.partition(" ")
    return schema == current and oldest in known


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_ALEMBICS):
        return None
    return connection.exec_driver_sql(f"SELECT version_num FROM {_ALEMBICS}").scalar()  # ours
