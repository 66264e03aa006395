"""The database of DATABASE_URL, for commands that need nothing else of the settings."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.commands.database_trouble import trouble
from bot.commands.exits import failed, wrong

if TYPE_CHECKING:  # SQLModel is slow to import
    from bot.settings import StorageSettings
    from workflows.storage.database import Database
    from workflows.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Stored:
    """What a command has of `Deps` that works on the database alone."""

    begin: "Callable[[], AbstractContextManager[UnitOfWork]]"
    look: "Callable[[], AbstractContextManager[UnitOfWork]]"
    clock: Callable[[], datetime]


@contextmanager
def open_database(*, new: bool = False) -> "Iterator[Database]":
    """The database of DATABASE_URL, closed after use. What it refuses ends the command.

    `new`: it may be made now. Without it, its schema has to be one that this version can work on,
    by the same rule as at the start of the bot.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from bot.settings import SettingsError, load_database_url
    from workflows.storage import schema
    from workflows.storage.database import Database, sqlite_file

    try:
        url = load_database_url(os.environ).get_secret_value()
    except SettingsError as error:
        wrong(str(error))
    check_folder(url)
    file = sqlite_file(url)
    if file is not None and not new and not file.exists():  # else SQLite would make an empty one
        wrong(
            f"There is no database at {file.resolve()}. Set DATABASE_URL to the one that the bot "
            "has, or run this in the bot's folder; `wandb-access migrate` makes a new one."
        )
    try:
        database = Database(url)
        try:
            if not new:
                schema.check(database)
            yield database
        finally:
            database.close()
    except schema.SchemaUnfit as error:
        failed(str(error))
    except (SQLAlchemyError, UnicodeDecodeError) as error:
        failed(trouble(error, file))


@contextmanager
def open_stored(*, writes: bool = False) -> "Iterator[tuple[Stored, StorageSettings]]":
    """The database as the bot has it: with the keys of the audit log, and by the same clock.

    `writes`: ends the command where AUDIT_KEY is another one than the bot's, because the rows
    that it would add to the audit log would be taken for a stranger's.
    """
    from bot.settings import SettingsError, load_storage_settings
    from workflows.domain.chain import changes_key
    from workflows.storage.clocks import DatabaseClock
    from workflows.storage.unit_of_work import Work

    try:
        settings = load_storage_settings(os.environ)
    except SettingsError as error:
        wrong(str(error))
    with open_database() as database:
        work = Work(database, settings.audit_keys)
        if writes:
            with work.look() as look:
                head = look.chain.head()
            if head is not None and changes_key(settings.audit_keys, head):
                wrong(_other_key(settings.audit_keys.current.id, head.key))
        clock = _now if database.is_sqlite else DatabaseClock(database)
        yield Stored(work.begin, work.look, clock), settings


def _other_key(given: str, needed: str) -> str:
    """Which key is which, by ids that tell nothing of them: two keys look alike to people."""
    from workflows.domain.chain import NO_KEY, is_key_id

    own = "Give this command the bot's own."
    if needed == NO_KEY:
        return (
            f"AUDIT_KEY (id {given}) is not what the bot has: the audit log is sealed without a "
            f"key. {own}"
        )
    id = f" (id {needed})" if is_key_id(needed) else ""
    if given == NO_KEY:
        return f"AUDIT_KEY is not set, and the bot seals the audit log with a key{id}. {own}"
    return (
        f"AUDIT_KEY (id {given}) is not the key that the bot seals the audit log with by now{id}. "
        f"{own}"
    )


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # a command is a program of its own


def check_folder(url: str) -> None:
    """SQLite makes a file, but no folder for it. The first to take the address apart."""
    from sqlalchemy.exc import ArgumentError

    from workflows.storage.database import sqlite_file

    try:
        file = sqlite_file(url)
    except (ArgumentError, ValueError):  # their texts show parts of it
        wrong(
            "DATABASE_URL cannot be taken apart: give sqlite:///file.db or "
            "postgresql://user:password@host:5432/name"
        )
    if file is not None and not file.parent.is_dir():
        wrong(f"DATABASE_URL names a file in a folder that is not there: {file.parent}")
