"""Brings the schema to what this code knows, and says no to one that is newer."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from workflows.storage.database import Database

_LOCK = 0x77616E6462  # one migration at a time on PostgreSQL; any constant will do


class SchemaIsNewer(Exception):
    """The database was migrated by a newer version of this program; nothing was changed."""


def config() -> Config:
    """Alembic's settings, without a file: the migrations are beside this module."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return settings


def migrate(database: Database) -> None:
    """Upgrade to the newest revision. Several processes may do so at once; one does it.

    Raises `SchemaIsNewer` when the database knows a revision that this program does not.
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
            raise SchemaIsNewer(
                f"The database has schema {current}, which this version does not know. "
                "Run the version that made it, or a newer one."
            )
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
