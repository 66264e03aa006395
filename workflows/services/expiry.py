"""What the clock asks for. The database decides what is due; a tick is only a reason to look.

A tick that is missed, doubled or late does no harm: what it would have found is found by the next
one.
"""

from datetime import datetime

from workflows.domain import grants, requests
from workflows.errors import Conflict
from workflows.services.deps import Deps

BATCH = 500  # ends handled in one commit: SQLite's writers wait for about 50 ms


def expire_due_grants(deps: Deps) -> int:
    """End every live grant whose time is up, the oldest end first; how many there were.

    A batch is one commit. Where it loses a race, its grants are taken one by one, so that one row
    holds up no other.
    """
    ended = 0
    while True:
        now = deps.clock()
        try:
            with deps.begin() as work:
                due = work.grants.due(now, limit=BATCH)
                work.record_all([grants.expire(grant, now=now) for grant in due])
        except Conflict:
            return ended + _one_by_one(deps, now)
        if ended == 0 and len(due) == BATCH:
            _take_stock(deps)
        ended += len(due)
        if len(due) < BATCH:
            return ended


def _take_stock(deps: Deps) -> None:
    with deps.begin() as work:
        work.take_stock()


def _one_by_one(deps: Deps, now: datetime) -> int:
    with deps.look() as work:
        due = [grant.id for grant in work.grants.due(now, limit=BATCH, locked=False)]
    ended = 0
    for id in due:
        try:
            with deps.begin() as work:
                work.record(grants.expire(work.grants.get(id), now=now))
            ended += 1
        except Conflict:  # somebody is changing it right now; the next tick looks again
            continue
    return ended


def lapse_overdue_requests(deps: Deps) -> int:
    """Close every request that nobody decided in time; how many there were."""
    now = deps.clock()
    with deps.look() as work:
        overdue = work.requests.overdue(now, limit=BATCH)
    lapsed = 0
    for id in overdue:
        try:
            with deps.begin() as work:
                request = work.requests.get(id)
                work.record(requests.lapse(request, now=now, reason="Nobody decided in time."))
            lapsed += 1
        except Conflict:  # decided in this very moment
            continue
    return lapsed


def next_end(deps: Deps) -> datetime | None:
    """When the next live grant ends."""
    with deps.look() as work:
        return work.grants.next_end()
