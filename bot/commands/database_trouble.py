"""What is said of a database that cannot be used: the cause and what to do, in one sentence.

Of PostgreSQL's own words nothing is shown: they name host and user, and where a password with a
`@` or `/` in it was not escaped, that is a part of it. SQLite's have nothing in them.
"""

import re
from pathlib import Path

_POSTGRESQL = (
    ("Connection refused", "nothing listens at its host and port. Is the server up?"),
    (
        "translate host name|resolve host|Name or service|nodename nor servname|getaddrinfo",
        "its host has a name that is not known here.",
    ),
    ("timeout expired|timed out", "it does not answer. Look at its host, and at firewalls."),
    (
        "password authentication failed|no password supplied|authentication failed",
        "it does not take the user and the password. A `@`, `/`, `:` or `%` in a password is "
        "written as %40, %2F, %3A or %25.",
    ),
    ('role "?.*"? does not exist', "it has no such user."),
    ('database ".*" does not exist', "the server has no database of that name: make it first."),
    ("pg_hba.conf", "it lets nobody in from here, or only with TLS: try ?sslmode=require."),
    ("SSL|certificate", "it and this side do not agree on TLS: look at sslmode and sslrootcert."),
    ("too many (clients|connections)|connection slots", "it has no connection left to give."),
    ("starting up|shutting down|recovery mode", "it is starting or stopping. Try again soon."),
    ("permission denied", "its user may not do that there: it needs the rights of an owner."),
    ("read-only", "it may only be read: it is a standby, or set to read only."),
    ("No space left|could not extend", "its disk is full."),
)
"""What the server or libpq says (in English), and what that means."""

_NO_TEXT = "Could not decode to UTF-8"  # as the driver says it of a cell
_SQLITE = (
    ("unable to open", "may this user read and write it, and its folder? Is the disk full?"),
    ("readonly|read-only", "it may not be written by this user, or its folder may not."),
    ("locked", "somebody has been writing for longer than we wait. Try again."),
    ("full", "the disk is full."),
    ("disk I/O", "the disk, or the network share that it is on, is full or gives errors."),
)


def trouble(error: Exception, file: Path | None) -> str:
    """A sentence without the address, which has a password in it; or the bug itself, raised again.

    `file` is SQLite's; without one it is about PostgreSQL.
    """
    from sqlalchemy.exc import SQLAlchemyError

    if file is not None and isinstance(error, UnicodeDecodeError):  # of its table of contents
        return _of_sqlite(error, _NO_TEXT, file)
    if not isinstance(error, SQLAlchemyError | OSError):
        raise error
    said = str(getattr(error, "orig", None) or error)
    return _of_sqlite(error, said, file) if file is not None else _of_postgresql(error, said)


def _of_sqlite(error: Exception, said: str, file: Path) -> str:
    path = file.resolve()
    if "file is not a database" in said:
        return (
            f"{path} is not a SQLite database. Look at DATABASE_URL; where it is the right file, "
            "it is damaged: restore a backup."
        )
    if "malformed" in said or _NO_TEXT in said:
        why = _NO_TEXT if _NO_TEXT in said else said  # what follows would be the text itself
        return f"The database file {path} is damaged ({why}). Restore a backup."
    if isinstance(error, OSError):
        said = error.strerror or type(error).__name__
    return f"The database {path} cannot be used ({said}): {_meaning(said, _SQLITE)}"


def _of_postgresql(error: Exception, said: str) -> str:
    meaning = _meaning(said, _POSTGRESQL)
    return f"The database cannot be used ({type(error).__name__}): {meaning} Look at DATABASE_URL."


def _meaning(said: str, known: tuple[tuple[str, str], ...]) -> str:
    for pattern, meaning in known:
        if re.search(pattern, said):
            return meaning
    return "is it there, and may this process write to it?"
