"""One class a table, and the way from row to domain object and back. No other module knows both.

Text columns hold what the domain's `…_to_text` functions make. Times are aware UTC: SQLModel's
column type for `datetime` refuses anything else. Rows are read and written by statements, not by
an ORM session: every write is conditional, and a cached row would be a second truth.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Index, MetaData, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from workflows.domain.durations import duration_from_text, duration_to_text
from workflows.domain.entitlements import (
    EmailAddress,
    Role,
    place_from_text,
    place_to_text,
    role_from_text,
    role_to_text,
)
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.requests import AccessRequest, Decision, RequestStatus
from workflows.domain.standings import Standing
from workflows.storage import bookkeeping

Values = dict[str, Any]

# The conditions of the partial indexes. A query has to say them word for word, or SQLite reads the
# whole table (sqlite.org/partialindex.html).
IS_PENDING = text("status = 'pending'")
ENDS = text("status IN ('issued', 'active') AND ends_at IS NOT NULL")
IS_OPEN = text("status IN ('issued', 'active', 'ending')")
IS_UNSETTLED = text("status IN ('issued', 'ending')")
IS_LEFTOVER = text("drift = 'leftover'")
IS_WATCHED = text("(noted OR unanswered <> '[]')")


def metadata() -> MetaData:
    """Every table there is, those of `bookkeeping` too."""
    return bookkeeping.METADATA


class RequestRow(SQLModel, table=True):
    """A request. One pending request a person, place and role; one request a submission."""

    __tablename__ = "access_request"
    __table_args__ = (
        UniqueConstraint("origin"),
        Index(
            "uq_access_request_pending",
            "requester",
            "place",
            "role",
            unique=True,
            sqlite_where=IS_PENDING,
            postgresql_where=IS_PENDING,
        ),
        Index(
            "ix_access_request_lapses_at",
            "lapses_at",
            sqlite_where=IS_PENDING,
            postgresql_where=IS_PENDING,
        ),
        Index(
            "ix_access_request_place",
            "place",
            "lapses_at",
            sqlite_where=IS_PENDING,
            postgresql_where=IS_PENDING,
        ),
        Index("ix_access_request_requester", "requester", "created_at"),
    )
    id: str = Field(primary_key=True)
    requester: str
    place: str
    role: str
    duration: str
    reason: str
    origin: str
    held: str
    invites: bool
    rule: str
    needed: int
    created_at: datetime
    lapses_at: datetime
    status: str
    settled_at: datetime | None
    settled_by: str
    note: str
    version: int

    @staticmethod
    def values(request: AccessRequest) -> Values:
        """What is stored of a request; its decisions have a table of their own."""
        return {
            "id": request.id,
            "requester": request.requester,
            "place": place_to_text(request.place),
            "role": role_to_text(request.role),
            "duration": duration_to_text(request.duration),
            "reason": request.reason,
            "origin": request.origin,
            "held": role_to_text(request.held),
            "invites": request.invites,
            "rule": request.rule,
            "needed": request.needed,
            "created_at": request.created_at,
            "lapses_at": request.lapses_at,
            "status": request.status.value,
            "settled_at": request.settled_at,
            "settled_by": request.settled_by,
            "note": request.note,
        }

    @staticmethod
    def to_domain(row: Mapping[str, Any], decisions: tuple[Decision, ...]) -> AccessRequest:
        """The request as it was stored."""
        return AccessRequest(
            id=row["id"],
            requester=EmailAddress(row["requester"]),
            place=place_from_text(row["place"]),
            role=_role(row["role"]),
            duration=duration_from_text(row["duration"]),
            reason=row["reason"],
            origin=row["origin"],
            held=role_from_text(row["held"]),
            invites=row["invites"],
            rule=row["rule"],
            needed=row["needed"],
            created_at=row["created_at"],
            lapses_at=row["lapses_at"],
            status=RequestStatus(row["status"]),
            decisions=decisions,
            settled_at=row["settled_at"],
            settled_by=row["settled_by"],
            note=row["note"],
            version=row["version"],
        )


class DecisionRow(SQLModel, table=True):
    """One approver's word on one request."""

    __tablename__ = "decision"
    request_id: str = Field(primary_key=True, foreign_key="access_request.id")
    approver: str = Field(primary_key=True)
    approved: bool
    comment: str
    at: datetime

    @staticmethod
    def values(request_id: str, decision: Decision) -> Values:
        """What is stored of a decision."""
        return {
            "request_id": request_id,
            "approver": decision.approver,
            "approved": decision.approved,
            "comment": decision.comment,
            "at": decision.at,
        }

    @staticmethod
    def to_domain(row: Mapping[str, Any]) -> Decision:
        """The decision as it was stored."""
        return Decision(EmailAddress(row["approver"]), row["approved"], row["comment"], row["at"])


class GrantRow(SQLModel, table=True):
    """A grant; it has the id of its request."""

    __tablename__ = "access_grant"
    __table_args__ = (
        Index(
            "ix_access_grant_ends_at",
            "ends_at",
            sqlite_where=ENDS,
            postgresql_where=ENDS,
        ),
        Index(
            "ix_access_grant_open",
            "person",
            "place",
            sqlite_where=IS_OPEN,
            postgresql_where=IS_OPEN,
        ),
        Index(
            "ix_access_grant_unsettled",
            "status",
            sqlite_where=IS_UNSETTLED,
            postgresql_where=IS_UNSETTLED,
        ),
    )
    id: str = Field(primary_key=True, foreign_key="access_request.id")
    person: str
    place: str
    role: str
    approvers: str
    invites: bool
    rule: str
    issued_at: datetime
    ends_at: datetime | None
    status: str
    activated_at: datetime | None
    over_at: datetime | None
    ended_by: str
    note: str
    stuck: str
    version: int

    @staticmethod
    def values(grant: Grant) -> Values:
        """What is stored of a grant."""
        return {
            "id": grant.id,
            "person": grant.person,
            "place": place_to_text(grant.place),
            "role": role_to_text(grant.role),
            "approvers": json.dumps(grant.approvers),
            "invites": grant.invites,
            "rule": grant.rule,
            "issued_at": grant.issued_at,
            "ends_at": grant.ends_at,
            "status": grant.status.value,
            "activated_at": grant.activated_at,
            "over_at": grant.over_at,
            "ended_by": grant.ended_by,
            "note": grant.note,
            "stuck": grant.stuck,
        }

    @staticmethod
    def to_domain(row: Mapping[str, Any]) -> Grant:
        """The grant as it was stored."""
        return Grant(
            id=row["id"],
            person=EmailAddress(row["person"]),
            place=place_from_text(row["place"]),
            role=_role(row["role"]),
            approvers=_approvers(row["approvers"]),
            invites=row["invites"],
            rule=row["rule"],
            issued_at=row["issued_at"],
            ends_at=row["ends_at"],
            status=GrantStatus(row["status"]),
            activated_at=row["activated_at"],
            over_at=row["over_at"],
            ended_by=row["ended_by"],
            note=row["note"],
            stuck=row["stuck"],
            version=row["version"],
        )


class StandingRow(SQLModel, table=True):
    """What one person holds in one place, and what of it is ours."""

    __tablename__ = "standing"
    __table_args__ = (
        Index("ix_standing_account", "account", "place"),
        Index(
            "ix_standing_watched",
            "person",
            "place",
            sqlite_where=IS_WATCHED,
            postgresql_where=IS_WATCHED,
        ),
        Index("ix_standing_last_end_at", "last_end_at"),
        Index(
            "ix_standing_leftover",
            "last_end_at",
            sqlite_where=IS_LEFTOVER,
            postgresql_where=IS_LEFTOVER,
        ),
    )
    person: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    account: str | None
    noted: bool
    prior: str
    prior_at: datetime | None
    last_seen: str
    unanswered: str
    others: str | None
    sent_at: datetime | None
    drift: str
    fights: int = Field(sa_column_kwargs={"server_default": "0"})  # a neighbouring version has none
    overruled_at: datetime | None
    last_end_at: datetime | None
    version: int

    @staticmethod
    def values(standing: Standing) -> Values:
        """What is stored of a standing."""
        return {
            "person": standing.person,
            "place": place_to_text(standing.place),
            "account": standing.account,
            "noted": standing.noted,
            "prior": role_to_text(standing.prior),
            "prior_at": standing.prior_at,
            "last_seen": role_to_text(standing.last_seen),
            "unanswered": json.dumps([role_to_text(role) for role in standing.unanswered]),
            "others": None if standing.others is None else json.dumps(dict(standing.others)),
            "sent_at": standing.sent_at,
            "drift": standing.drift,
            "fights": standing.fights,
            "overruled_at": standing.overruled_at,
            "last_end_at": standing.last_end_at,
        }

    @staticmethod
    def to_domain(row: Mapping[str, Any]) -> Standing:
        """The standing as it was stored."""
        return Standing(
            person=EmailAddress(row["person"]),
            place=place_from_text(row["place"]),
            account=row["account"],
            noted=row["noted"],
            prior=role_from_text(row["prior"]),
            prior_at=row["prior_at"],
            last_seen=role_from_text(row["last_seen"]),
            unanswered=tuple(role_from_text(one) for one in json.loads(row["unanswered"])),
            others=_mapping(row["others"]),
            sent_at=row["sent_at"],
            drift=row["drift"],
            fights=row["fights"],
            overruled_at=row["overruled_at"],
            last_end_at=row["last_end_at"],
            version=row["version"],
        )


@lru_cache(1_000)
def _approvers(stored: str) -> tuple[EmailAddress, ...]:
    return tuple(EmailAddress(one) for one in json.loads(stored))


def _role(stored: str) -> Role:
    role = role_from_text(stored)
    assert role is not None, "a request or grant without a role is never stored"
    return role


def _mapping(stored: str | None) -> Mapping[str, str] | None:
    return None if stored is None else json.loads(stored)
