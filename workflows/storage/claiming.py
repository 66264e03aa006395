"""The statements by which a worker finds and leases a job, for each choice of kinds.

The kinds are written out, so that nothing about them has to be sent or put together at each look.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Function,
    Select,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from workflows.domain.reactions import JobKind
from workflows.storage.bookkeeping import JobRow, table_of
from workflows.storage.prepared import Prepared

_JOBS = table_of(JobRow)
_OTHERS = _JOBS.alias("other")
_NEXT = _JOBS.alias("next")
_NOW = bindparam("now", type_=_JOBS.c.due_at.type)
_FIRST_DUE = select(func.min(_JOBS.c.due_at).label("at")).where(
    or_(_JOBS.c.lease_token.is_(None), _JOBS.c.lease_until < _NOW)
)
# Not `exists`: PostgreSQL would make a join of it, and read every lease that ever was for it.
_TAKEN_BY = (
    select(_OTHERS.c.key)
    .where(
        _OTHERS.c.lane == _NEXT.c.lane,
        _OTHERS.c.key != _NEXT.c.key,
        _OTHERS.c.lease_token.is_not(None),
    )
    .limit(1)
    .scalar_subquery()
)
_FREE_ONES = select(_NEXT.c.key).where(
    _NEXT.c.due_at <= _NOW,
    or_(_NEXT.c.lease_token.is_(None), _NEXT.c.lease_until < _NOW),
    _TAKEN_BY.is_(None),
)


Kinds = tuple[JobKind, ...]


def _of(kinds: Kinds, jobs: FromClause) -> ColumnElement[bool]:
    return or_(false(), *(jobs.c.kind == literal_column(f"'{kind.value}'") for kind in kinds))


@lru_cache
def first_due(kinds: Kinds) -> Prepared:
    """`at`: when the first of these jobs that nobody holds is due, by `now`."""
    return Prepared(_FIRST_DUE.where(_of(kinds, _JOBS)))


def _claim_first_of(free: Select[tuple[str]]) -> ReturningUpdate[Any]:
    first = free.order_by(_NEXT.c.due_at).limit(1).with_for_update(skip_locked=True, of=_NEXT)
    return (
        update(_JOBS)
        .where(_JOBS.c.key == first.scalar_subquery())
        .values(lease_token=bindparam("token"), lease_until=bindparam("until"))
        .returning(*_JOBS.c)
    )


@lru_cache
def claim(kinds: Kinds) -> Prepared:
    """Lease the first that is due `now` and whose lane is free: by `token`, `until`."""
    return Prepared(_claim_first_of(_FREE_ONES.where(_of(kinds, _NEXT))))


_POSITION: dict[str, Callable[..., Function[int]]] = {
    "sqlite": func.instr,
    "postgresql": func.strpos,
}


@lru_cache
def claim_elsewhere(kinds: Kinds, dialect: str) -> ReturningUpdate[Any]:
    """The same, but about none of the places to `avoid`.

    For subjects that are standings: an address, a blank, a place.
    """
    place = func.substr(_NEXT.c.subject, _POSITION[dialect](_NEXT.c.subject, " ") + 1)
    places: BindParameter[list[str]] = bindparam("avoid", expanding=True)
    return _claim_first_of(_FREE_ONES.where(_of(kinds, _NEXT), place.not_in(places)))
