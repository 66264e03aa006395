"""The database of DATABASE_URL, for commands that need nothing else of the settings."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.commands.exits import failed, wrong

if TYPE_CHECKING:  # SQLModel is slow to import
    from workflows.storage.database import Database


@contextmanager
def open_database() -> "Iterator[Database]":
    """The database of DATABASE_URL, closed after use. What it refuses ends the command."""
    from sqlalchemy.exc import SQLAlchemyError

    from bot.settings import SettingsError, load_database_url
    from workflows.storage.database import Database

    try:
        url = load_database_url(os.environ).get_secret_value()
    except SettingsError as error:
        wrong(str(error))
    check_folder(url)
    try:
        database = Database(url)
        try:
            yield database
        finally:
            database.close()
    except SQLAlchemyError as error:
        failed(trouble(error))


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


def trouble(error: Exception) -> str:
    """A sentence without the address, which has a password in it; or the bug itself."""
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, SQLAlchemyError | OSError):
        raise error
    return (
        f"The database cannot be used ({type(error).__name__}). Look at DATABASE_URL: is the "
        "server up, do user and password fit, may this process write there? A new database gets "
        "its tables from `wandb-access migrate`."
    )
