"""Loads requests with their decisions, and saves them over the version that was loaded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, select, union_all

from workflows.domain.entitlements import EmailAddress, place_to_text, role_to_text
from workflows.domain.requests import AccessRequest, Ask, Decision
from workflows.errors import NotFound
from workflows.storage.bookkeeping import table_of
from workflows.storage.prepared import Prepared
from workflows.storage.rows import FIRST, Writing, adding, changing, over, over_the_last, store
from workflows.storage.tables import IS_PENDING, DecisionRow, RequestRow

_REQUESTS = table_of(RequestRow)
_WORDS = table_of(DecisionRow)

_LIMIT = bindparam("limit", type_=Integer)
_NEWEST_REQUESTS = (
    select(_REQUESTS).order_by(_REQUESTS.c.created_at.desc(), _REQUESTS.c.id).limit(_LIMIT)
)
_REQUEST = Prepared(select(_REQUESTS).where(_REQUESTS.c.id == bindparam("id")))
# Two looks by an index each; with OR, a database may read the whole table.
_ASKED_ALREADY = Prepared(
    union_all(
        select(_REQUESTS).where(_REQUESTS.c.origin == bindparam("origin")),
        select(_REQUESTS).where(
            _REQUESTS.c.requester == bindparam("requester"),
            _REQUESTS.c.place == bindparam("place"),
            _REQUESTS.c.role == bindparam("role"),
            IS_PENDING,
        ),
    )
)
_REQUESTS_OF_PERSON = Prepared(
    _NEWEST_REQUESTS.where(_REQUESTS.c.requester == bindparam("requester"))
)
_PENDING_REQUESTS = Prepared(_NEWEST_REQUESTS.where(IS_PENDING))
_OVERDUE_REQUESTS = Prepared(
    select(_REQUESTS.c.id)
    .where(IS_PENDING, _REQUESTS.c.lapses_at <= bindparam("now"))
    .order_by(_REQUESTS.c.lapses_at)
    .limit(_LIMIT)
)
_ADD_REQUEST = adding(_REQUESTS, also=FIRST)
# All that ever changes of a request besides its decisions; the rest is as it was asked for.
FATE = ("needed", "status", "settled_at", "settled_by", "note")
_DECIDE_REQUEST = changing(_REQUESTS, *FATE)

_DECISIONS = select(_WORDS).order_by(_WORDS.c.at, _WORDS.c.approver)
_DECISIONS_ON_ONE = Prepared(_DECISIONS.where(_WORDS.c.request_id == bindparam("request")))
_DECISIONS_ON = _DECISIONS.where(_WORDS.c.request_id.in_(bindparam("requests", expanding=True)))

# A word can be changed, never taken back.
_SAY = adding(_WORDS, otherwise=over_the_last(_WORDS, "approved", "comment", "at"))


class Requests:
    """The requests and their decisions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, id: str) -> AccessRequest:
        """The request of this id. Raises `NotFound`."""
        found = self._load(_REQUEST, id=id)
        if not found:
            raise NotFound(f"There is no request {id}.")
        return found[0]

    def find_asked(self, ask: Ask) -> AccessRequest | None:
        """The request that this very submission made, else the one for the same that still waits.

        Their `origin` tells which of the two it is.
        """
        found = self._load(
            _ASKED_ALREADY,
            origin=ask.origin,
            requester=ask.requester,
            place=place_to_text(ask.place),
            role=role_to_text(ask.role),
        )
        return min(found, key=lambda one: one.origin != ask.origin, default=None)

    def of(self, requester: EmailAddress, *, limit: int) -> list[AccessRequest]:
        """What this person asked for, newest first."""
        return self._load(_REQUESTS_OF_PERSON, requester=requester, limit=limit)

    def pending(self, *, limit: int) -> list[AccessRequest]:
        """Everything that waits for a decision, newest first."""
        return self._load(_PENDING_REQUESTS, limit=limit)

    def overdue(self, now: datetime, *, limit: int) -> list[str]:
        """The ids of pending requests that nobody decided in time, oldest first."""
        found = _OVERDUE_REQUESTS.all(self._connection, now=now, limit=limit)
        return [row["id"] for row in found]

    def _load(self, query: Prepared, **given: object) -> list[AccessRequest]:
        rows = query.all(self._connection, **given)
        # What was stored once and never again has no decision: `save` sees to that.
        decided = [row["id"] for row in rows if row["version"] > 1]
        words = self._decisions_on(decided)
        return [RequestRow.to_domain(row, tuple(words.get(row["id"], ()))) for row in rows]

    def _decisions_on(self, ids: Sequence[str]) -> dict[str, list[Decision]]:
        """In the order they were said, by the request's id."""
        found: Iterable[Mapping[str, Any]] = ()
        if len(ids) == 1:
            found = _DECISIONS_ON_ONE.all(self._connection, request=ids[0])
        elif ids:
            every = self._connection.execute(_DECISIONS_ON, {"requests": ids})
            found = map(dict, every.mappings())
        words: dict[str, list[Decision]] = {}
        for row in found:
            words.setdefault(row["request_id"], []).append(DecisionRow.to_domain(row))
        return words

    def save(self, request: AccessRequest) -> AccessRequest:
        """Store it over the version it was loaded at."""
        store(self._connection, *self.writings(request))
        return replace(request, version=request.version + 1)

    @staticmethod
    def writings(request: AccessRequest) -> list[Writing]:
        """What there is to store of it. Nobody decides on what is not stored yet."""
        values = RequestRow.values(request)
        if request.version == 0:
            assert not request.decisions, "decided before it was asked"
            return [Writing(_ADD_REQUEST, [_ADD_REQUEST.row(values)])]
        words = [_SAY.row(DecisionRow.values(request.id, one)) for one in request.decisions]
        return [over(_DECIDE_REQUEST, values, request.version), Writing(_SAY, words)]
