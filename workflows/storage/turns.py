"""Whose turn it is, on PostgreSQL: advisory locks that the commit, or its failing, gives back.

SQLite has one writer at a time and needs none. Each kind of key has a space of its own (PostgreSQL
manual, "Advisory Locks"). Whoever takes several takes them in the order of their spaces, so that
two who want the same never wait for each other in a circle.
"""

from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select

from workflows.storage.prepared import Prepared

_PERSONS, _PLACES, _ACCOUNTS = 1, 2, 3


def _held(space: int, key: str) -> Any:  # SQLAlchemy's own type
    lock = func.pg_advisory_xact_lock(literal_column(str(space)), func.hashtext(bindparam(key)))
    return lock.label(key)


# What a statement sees was fixed before it waited: what the turn is for, a later one looks at.
TO_ASK = (_held(_PERSONS, "person"), _held(_PLACES, "place"))
_TO_NOTE = Prepared(select(_held(_ACCOUNTS, "account")))


def take_to_note(connection: Connection, account: str) -> None:
    """Until the commit nobody else looks whether this account has something noted."""
    if connection.dialect.name != "sqlite":
        _TO_NOTE.all(connection, account=account)
