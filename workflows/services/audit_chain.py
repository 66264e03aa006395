"""Seal the audit rows in order, and say whether the chain is whole.

One transaction a batch: a crash between any two steps leaves rows that wait, and the next look
seals them. What a row has to be is decided in `domain.chain`, what is wrong in
`domain.verification`.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from workflows.domain import chain
from workflows.domain.chain import NO_KEY, PLAIN, Head, Keys, Row, Seal
from workflows.domain.deployment_events import AuditKeyChanged, AuditKeysRetired, AuditRowsAltered
from workflows.domain.events import BOT, DEPLOYMENT, Event
from workflows.domain.verification import Finding, NotGiven, Published, Walk, not_given
from workflows.errors import Conflict
from workflows.ports import Clock
from workflows.storage.unit_of_work import UnitOfWork

BATCH = 1000  # rows a transaction; other writers wait so long on SQLite
BATCHES = 20  # a look, so that a long list holds up no other chore
OVERLAP = timedelta(minutes=15)  # processes with the key before may still run for so long

log = logging.getLogger(__name__)


class Stored(Protocol):
    """What this needs of `Deps`; a command has no more of them."""

    @property
    def begin(self) -> Callable[[], AbstractContextManager[UnitOfWork]]: ...
    @property
    def look(self) -> Callable[[], AbstractContextManager[UnitOfWork]]: ...
    @property
    def clock(self) -> Clock: ...


def begin(deps: Stored) -> None:
    """At the start of a process, before anything else: look at the log, and seal what waits.

    Only here a log that was sealed without a key goes on with one: while a process runs, whoever
    can write to the database could make such a log. One key after another is left to the sealer.
    """
    with deps.look() as work:
        head, keys, seen = work.chain.head(), work.chain.keys, work.chain.seen
        _replaced(work)
    seen.since = deps.clock()
    if head is None or head.key in (NO_KEY, keys.current.id):
        while _seal(deps, first=True):
            pass
    else:
        seen.head = head


def seal(deps: Stored) -> int:
    """Seal what waits, oldest first; how many rows that was. Several may do so at once."""
    return _seal(deps, first=False)


def _seal(deps: Stored, *, first: bool) -> int:
    sealed = 0
    for _ in range(BATCHES):
        with deps.look() as work:
            head, keys, seen = work.chain.head(), work.chain.keys, work.chain.seen
            has_waiting = work.chain.has_waiting()
        if seen.since is None:
            seen.since = deps.clock()
        if not has_waiting and not _is_other(keys, head, seen.head, first=first):
            seen.head = head
            return sealed
        try:
            with deps.begin() as work:
                batch = _next_batch(deps, work, first=first)
                work.chain.seal(batch)
                _tell_of_altered(deps, work, batch)
        except Conflict:  # somebody has taken the next number by hand: `verify` names the row
            log.error("the audit chain cannot go on", extra={"why": "the next seq is taken"})
            return sealed
        if not batch:
            return sealed
        seen.head = Head(batch[-1].seq, batch[-1].hash, batch[-1].key)
        sealed += len(batch)
    return sealed


def _is_other(keys: Keys, head: Head | None, seen: Head | None, *, first: bool) -> bool:
    return chain.changes_key(keys, head) or chain.is_lost(keys, head, seen, first=first)


def _next_batch(deps: Stored, work: UnitOfWork, *, first: bool) -> list[Seal]:
    """The next rows and their seals; a change of the key is a row of its own before them."""
    work.chain.lock()
    head, keys, seen = work.chain.head(), work.chain.keys, work.chain.seen
    why = _why_not(work, head or seen.head, first=first)
    if why:
        log.error("the audit chain cannot go on", extra={"why": why})
        return []
    if chain.is_lost(keys, head, seen.head, first=first):
        head = chain.later(head, seen.head)
        log.error("the end of the audit log is not mine", extra={"seq": head.seq if head else 0})
        _announce_altered(deps, work, (f"after seq {head.seq if head else 0}",))
    else:
        older = chain.before_key(work.chain.waiting(BATCH), keys, head) if first else ()
        seals = list(chain.seal(older, PLAIN, keys, head))
        if seals:
            return seals
        if head is not None and chain.changes_key(keys, head):
            return list(chain.seal([_note_change(deps, work, head)], keys.current, keys, head))
    retirement = _retirement(deps, work)
    rows = [retirement] if retirement else work.chain.waiting(BATCH)
    accepted = replace(keys, retired=dict.fromkeys(seen.retired, 0))
    return list(chain.seal(rows, keys.current, accepted, head))


def _why_not(work: UnitOfWork, head: Head | None, *, first: bool) -> str:
    """Why nothing can be sealed, if so."""
    keys = work.chain.keys
    if head is None or not chain.changes_key(keys, head):
        return ""
    if chain.waits_for_key(keys, head):
        return "AUDIT_KEY is not set any more"
    mine_again = (first or head.key != NO_KEY) and work.chain.has_sealed(keys.current.id)
    return "AUDIT_KEY was replaced once" if mine_again else ""


def _replaced(work: UnitOfWork) -> frozenset[str]:
    """The keys that have sealed before the current one."""
    seen = work.chain.seen
    if seen.replaced is None:
        seen.replaced = work.chain.sealed_by() - {work.chain.keys.current.id, NO_KEY}
    return seen.replaced


def _retirement(deps: Stored, work: UnitOfWork) -> Row | None:
    """The row that says that the keys before ours do not count any more, when that is so."""
    keys, seen, now = work.chain.keys, work.chain.seen, deps.clock()
    if _replaced(work) - seen.retired:
        seen.retired.update(chain.retired(work.chain.retirements(), keys))
    left = _replaced(work) - seen.retired
    since = seen.since or now
    if not left or timedelta(0) <= now - since < OVERLAP:
        return None
    return _added(
        work,
        AuditKeysRetired(subject=DEPLOYMENT, at=now, actor=BOT, keys=tuple(sorted(left))),
    )


def _note_change(deps: Stored, work: UnitOfWork, head: Head) -> Row:
    keys, seen, now = work.chain.keys, work.chain.seen, deps.clock()
    seen.since, seen.replaced = now, (_replaced(work) | {head.key}) - {NO_KEY}
    return _added(
        work,
        AuditKeyChanged(
            subject=DEPLOYMENT, at=now, actor=BOT, before=head.key, after=keys.current.id
        ),
    )


def _added(work: UnitOfWork, event: Event) -> Row:
    (row,) = work.chain.ones([work.announce(event)])
    return row


def _tell_of_altered(deps: Stored, work: UnitOfWork, batch: Iterable[Seal]) -> None:
    """Rows that are not what was stored are sealed as they are, and an alarm is raised."""
    altered = tuple(str(one.id) for one in batch if not one.fits)
    if altered:
        log.error("audit rows were changed before they were sealed", extra={"rows": altered[:20]})
        _announce_altered(deps, work, altered)


def _announce_altered(deps: Stored, work: UnitOfWork, rows: tuple[str, ...]) -> None:
    work.announce(AuditRowsAltered(subject=DEPLOYMENT, at=deps.clock(), actor=BOT, rows=rows))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: nothing, or the first thing that is wrong; and what was looked at.

    Up to the seq `plain` the log was sealed without a key. `noted`: the sealer's own note of the
    newest seal is there, by which a cut at the end shows. `asks`: these keys are missing for more,
    and without them nothing else is seen to be wrong.
    """

    rows: int
    head: Head | None
    plain: int
    waiting: int
    oldest_waiting: str
    wrong: Finding | None
    asks: NotGiven | None = None
    noted: bool = True


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
    verdict = replace(_walked(work, heads), noted=noted is not None)
    if verdict.wrong is None or not verdict.wrong.by_unknown_key:
        return verdict
    keys = work.chain.keys
    asks = not_given(work.chain.every(), keys, work.chain.head())
    if asks is None:
        return verdict
    absent = frozenset(id for id in work.chain.sealed_by() if keys.find(id) is None)
    shown = _walked(work, heads, absent)
    return shown if shown.wrong is not None else replace(verdict, asks=asks)


def _walked(
    work: UnitOfWork, heads: Mapping[int, Published], absent: frozenset[str] = frozenset()
) -> Verdict:
    damage = work.chain.damage()
    keys = known_keys(work)
    erased = chain.vouched(work.chain.erasures(), keys)
    walk = Walk(keys, erased, heads, work.chain.strays, absent)
    wrong = walk.over(work.chain.every(damaged=bool(damage))) or _damaged(damage) or _copied(work)
    return Verdict(walk.rows, walk.head, walk.plain, walk.waiting, walk.oldest_waiting, wrong)


def known_keys(work: UnitOfWork) -> Keys:
    """The keys, and from where on the log says that digests by them do not count."""
    keys = work.chain.keys
    return replace(keys, retired=chain.retired(work.chain.retirements(), keys))


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
