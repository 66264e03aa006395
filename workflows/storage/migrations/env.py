"""Alembic's entry: which tables there should be, and how their types are written down.

Our column types are rendered as plain ones, so that a migration never imports our code and does not
break when that moves.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import DateTime, Text
from sqlmodel.sql.sqltypes import AutoString

from workflows.storage.database import Database
from workflows.storage.tables import metadata


def render_item(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Plain SQLAlchemy for SQLModel's own types."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.Text()"
    if kind == "type" and "UTCDateTime" in type(item).__name__:
        return "sa.DateTime(timezone=True)"
    return False


def compare_type(
    _context: Any,  # Alembic's hook
    _inspected: Any,
    _metadata: Any,
    inspected_type: Any,
    metadata_type: Any,
) -> bool | None:
    """Text is text, and a moment is a moment, whatever the class is called."""
    if isinstance(metadata_type, AutoString) and isinstance(inspected_type, Text):
        return False
    if isinstance(inspected_type, DateTime) and "UTCDateTime" in type(metadata_type).__name__:
        return False
    return None


def run() -> None:
    """Run on the connection that was handed over, or on the address in the configuration."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        database = Database(context.config.get_main_option("sqlalchemy.url") or "sqlite://")
        with database.write() as connection:
            _run_on(connection)
        return
    _run_on(connection)


def _run_on(connection: Any) -> None:  # handed over by Alembic untyped
    context.configure(
        connection=connection,
        target_metadata=metadata(),
        render_as_batch=True,  # SQLite cannot alter most things in place
        render_item=render_item,
        compare_type=compare_type,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
