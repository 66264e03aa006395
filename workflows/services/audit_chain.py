"""Seal the audit rows in order, and say whether the chain is whole.

One transaction a batch: a crash between any two steps leaves rows that wait, and the next look
seals them. What a row has to be is decided in `domain.chain`, what is wrong in
`domain.verification`.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from workflows.domain import chain
from workflows.domain.chain import PLAIN, Head, Row, Seal
from workflows.domain.events import BOT, DEPLOYMENT, AuditKeyChanged, AuditRowsAltered
from workflows.domain.verification import Finding, Published, Walk
from workflows.errors import Conflict
from workflows.ports import Clock
from workflows.storage.unit_of_work import UnitOfWork

BATCH = 1000  # rows a transaction; other writers wait so long on SQLite
BATCHES = 20  # a look, so that a long list holds up no other chore

log = logging.getLogger(__name__)


class Stored(Protocol):
    """What this needs of `Deps`; a command has no more of them."""

    @property
    def begin(self) -> Callable[[], AbstractContextManager[UnitOfWork]]: ...
    @property
    def look(self) -> Callable[[], AbstractContextManager[UnitOfWork]]: ...
    @property
    def clock(self) -> Clock: ...


def seal(deps: Stored) -> int:
    """Seal what waits, oldest first; how many rows that was. Several may do so at once."""
    sealed = 0
    for _ in range(BATCHES):
        with deps.look() as work:
            head = work.chain.head()
            if not work.chain.has_waiting() and not chain.changes_key(work.chain.keys, head):
                return sealed
        try:
            with deps.begin() as work:
                batch = _next_batch(deps, work)
                work.chain.seal(batch)
                _tell_of_altered(deps, work, batch)
        except Conflict:  # somebody has taken the next number by hand: `verify` names the row
            log.error("the audit chain cannot go on", extra={"why": "the next seq is taken"})
            return sealed
        if not batch:
            return sealed
        sealed += len(batch)
    return sealed


def _next_batch(deps: Stored, work: UnitOfWork) -> list[Seal]:
    """The next rows and their seals; a change of the key is a row of its own before them."""
    work.chain.lock()
    head, keys = work.chain.head(), work.chain.keys
    if chain.waits_for_key(keys, head):
        log.error("the audit chain cannot go on", extra={"why": "AUDIT_KEY is not set any more"})
        return []
    waiting = work.chain.waiting(BATCH)
    older = list(chain.before_key(waiting, keys, head))
    if older:
        return list(chain.seal(older, PLAIN, keys, head))
    if head is not None and chain.changes_key(keys, head):
        if work.chain.has_sealed(keys.current.id):
            log.error("the audit chain cannot go on", extra={"why": "AUDIT_KEY was replaced once"})
            return []
        waiting = [_note_change(deps, work, head)]
    return list(chain.seal(waiting, keys.current, keys, head))


def _note_change(deps: Stored, work: UnitOfWork, head: Head) -> Row:
    after = work.chain.keys.current.id
    changed = AuditKeyChanged(
        subject=DEPLOYMENT, at=deps.clock(), actor=BOT, before=head.key, after=after
    )
    (row,) = work.chain.ones([work.audit.add(changed)])
    return row


def _tell_of_altered(deps: Stored, work: UnitOfWork, batch: Iterable[Seal]) -> None:
    """Rows that are not what was stored are sealed as they are, and an alarm is raised."""
    altered = tuple(str(one.id) for one in batch if not one.fits)
    if altered:
        log.error("audit rows were changed before they were sealed", extra={"rows": altered[:20]})
        work.announce(
            AuditRowsAltered(subject=DEPLOYMENT, at=deps.clock(), actor=BOT, rows=altered)
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: nothing, or the first thing that is wrong; and what was looked at."""

    rows: int
    head: Head | None
    waiting: int
    oldest_waiting: str
    wrong: Finding | None


def verify(work: UnitOfWork, published: Iterable[Published] = ()) -> Verdict:
    """Walk along the whole chain, a page at a time.

    Every head that was `published`, and the one that the sealer noted, must be in it.
    """
    noted = work.chain.noted()
    heads: dict[int, Published] = {}
    for head in published:  # of two for one seq the first counts: it was there before
        heads.setdefault(head.seq, head)
    if noted is not None:
        told = Published(noted.seq, noted.hash, "was noted by the bot when it sealed it")
        heads.setdefault(noted.seq, told)
    damage = work.chain.damage()
    erased = chain.vouched(work.chain.erasures(), work.chain.keys)
    walk = Walk(work.chain.keys, erased, heads, work.chain.strays)
    wrong = walk.over(work.chain.every(damaged=bool(damage))) or _damaged(damage) or _copied(work)
    return Verdict(walk.rows, walk.head, walk.waiting, walk.oldest_waiting, wrong)


def _copied(work: UnitOfWork) -> Finding | None:
    double = work.chain.double()
    if double is None:
        return None
    id, first = double
    (row,) = work.chain.ones([id])
    return Finding(id, row.seq, f"it is a copy of row {first}.")


def _damaged(damage: str) -> Finding | None:
    lines = [line for line in damage.splitlines() if not line.startswith("***")]
    if not damage:
        return None
    return Finding(None, None, f"The database file is damaged: {' '.join(lines[:1])}.")
