"""The tables that are not a domain object's: what is owed, where messages went, what was noted.

`tables.py` holds the others.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Index, Table, text
from sqlmodel import Field, SQLModel

from workflows.ports import Receipt

METADATA = SQLModel.metadata
METADATA.naming_convention = {  # so that a migration can name what it drops
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

_IS_ACCESS = text("kind = 'ensure'")
_HAS_FAILED = text("attempts > 0")


def table_of(row: type[SQLModel]) -> Table:
    """The table behind a row class."""
    return cast(Table, row.__table__)  # type: ignore[attr-defined]  # SQLModel adds it at run time


class JobRow(SQLModel, table=True):
    """What is owed. `generation` counts how often it was asked for; one leased job a lane."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_due_at", "due_at"),
        # To find access that is due past thousands of messages that wait.
        Index("ix_job_access", "due_at", sqlite_where=_IS_ACCESS, postgresql_where=_IS_ACCESS),
        Index(
            "ix_job_failed",
            "kind",
            "due_at",
            sqlite_where=_HAS_FAILED,
            postgresql_where=_HAS_FAILED,
        ),
        Index(
            "uq_job_lane_leased",
            "lane",
            unique=True,
            sqlite_where=text("lease_token IS NOT NULL"),
            postgresql_where=text("lease_token IS NOT NULL"),
        ),
    )
    key: str = Field(primary_key=True)
    kind: str
    lane: str
    subject: str
    due_at: datetime
    generation: int
    attempts: int
    lease_until: datetime | None
    lease_token: str | None
    last_error: str


class ReceiptRow(SQLModel, table=True):
    """Where a message went. An empty `ts`: it was about to be posted."""

    __tablename__ = "receipt"
    subject: str = Field(primary_key=True)
    audience: str = Field(primary_key=True)
    channel: str
    ts: str
    drawn: str
    failed: str

    @staticmethod
    def to_domain(row: Mapping[str, Any]) -> Receipt:
        """The receipt as it was stored."""
        return Receipt(row["audience"], row["channel"], row["ts"], row["drawn"], row["failed"])


class RosterRow(SQLModel, table=True):
    """The last reading of the directory, whole; one row."""

    __tablename__ = "roster"
    id: int = Field(primary_key=True)
    version: int
    read_at: datetime
    body: str


class AuditRow(SQLModel, table=True):
    """One fact. `detail` is JSON: the event's own fields; what follows it is the chain's."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_subject", "subject"),
        Index("uq_audit_seq", "seq", unique=True),
    )
    id: int | None = Field(default=None, primary_key=True)
    at: datetime
    actor: str
    event: str
    subject: str
    detail: str
    # The defaults are for a process of the version before, while it is still running.
    salt: str = Field(default="", sa_column_kwargs={"server_default": ""})
    digest: str = Field(default="", sa_column_kwargs={"server_default": ""})
    seq: int | None = None
    prev: str | None = None
    hash: str | None = None
    key: str | None = None


class MetaRow(SQLModel, table=True):
    """Small things to remember: the dialect of this W&B, and the like."""

    __tablename__ = "meta"
    key: str = Field(primary_key=True)
    value: str
