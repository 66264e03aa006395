"""Brings the schema to what this code knows, and says no to one that is too new for it.

During a rolling deploy the old version and the new one work on one database. So a migration only
adds: tables, indexes, and columns that may be left out when a row is added. It writes down beside
its own revision the oldest one whose programs can go on; a program that knows that one goes on.
"""

import logging
from collections.abc import Collection
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from workflows.storage.database import Database
from workflows.storage.records import Meta

_LOCK = 0x77616E6462  # one migration at a time on PostgreSQL; any constant will do

OLDEST_THAT_CAN_GO_ON = "0001"  # raise it with a migration that takes something away
GOES_ON = "schema goes on from"  # where in `meta` a revision and the above are written down

log = logging.getLogger(__name__)


class SchemaIsNewer(Exception):
    """The database was migrated by a newer version of this program; nothing was changed."""


def config() -> Config:
    """Alembic's settings, without a file: the migrations are beside this module."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return settings


def migrate(database: Database) -> None:
    """Upgrade to the newest revision. Several processes may do so at once; one does it.

    A newer schema is left as it is: the program runs on it where the newer version said that it
    can, and `SchemaIsNewer` is raised where it did not.
    """
    settings = config()
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        current = _revision(connection)
        known = {
            script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()
        }
        if current is not None and current not in known:
            if not _can_go_on(connection, current, known):
                raise SchemaIsNewer(
                    f"The database has schema {current}, which this version does not know. "
                    "Run the version that made it, or a newer one."
                )
            log.warning("the schema is newer", extra={"schema": current})
            return
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
        Meta(connection).put(GOES_ON, f"{_revision(connection)} {OLDEST_THAT_CAN_GO_ON}")


def _can_go_on(connection: Connection, current: str, known: Collection[str]) -> bool:
    """Whether what was written down was written for this very schema, and names one of ours."""
    said = Meta(connection).get(GOES_ON) or ""
    schema, _, oldest = said.partition(" ")
    return schema == current and oldest in known


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
