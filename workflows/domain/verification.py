"""Walk along the audit chain and name the first row that is not what it was.

The rows are raw cells: nothing of them is believed before it was compared with a hash. They come
by seq, and after them those that wait.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from workflows.domain.chain import (
    CHANGE_OF_KEY,
    GENESIS,
    NO_KEY,
    PLAIN,
    Cell,
    Head,
    Key,
    Keys,
    Row,
    digest,
    fits,
    is_authentic,
    is_change_by,
    is_key_id,
    key_before,
    seal_hash,
)

Strays = Callable[[str], Iterable[Row]]
"""Rows that may have been torn out of their place: with this hash, or without a number."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong. Without an id it is not about a row that is there.

    `by_unknown_key`: all that is known is that a key has sealed the row which was not given.
    """

    id: Cell
    seq: Cell
    wrong: str
    by_unknown_key: bool = False

    def __str__(self) -> str:
        if self.id is None:
            return self.wrong
        seq = "no seq" if self.seq is None else f"seq {_shown(self.seq)}"
        return f"Row {_shown(self.id)} ({seq}): {self.wrong}"


@dataclass(frozen=True, slots=True)
class Published:
    """A head that was noted elsewhere: what the chain has to have at `seq` for ever.

    `told` is how a sentence goes on: `was published at …`; `at` is that time, as it was written.
    """

    seq: int
    hash: str
    told: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class NotGiven:
    """The keys, by their ids, without which nobody can say whether the chain is whole.

    `earlier`: the one that seals now was given, and these were current before it.
    """

    ids: tuple[str, ...]
    earlier: bool


def not_given(rows: Iterable[Row], keys: Keys, head: Head | None) -> NotGiven | None:
    """Which keys are missing, and not merely named by somebody who changed a row.

    An earlier one is when the key after it says so. The current one is when none was given, or one
    that has sealed no row at all: what follows rows of a key that was given, is a stranger's.
    """
    sealers: set[Cell] = set()
    earlier: list[str] = []
    for row in rows:
        sealers.add(row.key)
        maker = keys.find(row.key)
        before = key_before(row) if maker is not None and is_change_by(maker, row) else None
        if before is not None and keys.find(before) is None and before not in earlier:
            earlier.append(before)
    if earlier:
        return NotGiven(tuple(earlier), earlier=True)
    if head is None or keys.find(head.key) is not None or not is_key_id(head.key):
        return None
    if keys.current.is_secret and keys.current.id in sealers:
        return None
    return NotGiven((head.key,), earlier=False)


@dataclass(slots=True)
class Walk:
    """How far the chain is whole: so many rows, up to `head`, and `waiting` not sealed yet.

    Up to the seq `plain` it was sealed without a key. Of rows by an `absent` key only the place is
    looked at.
    """

    keys: Keys
    vouched: Mapping[int, str]
    published: Mapping[int, Published]
    strays: Strays
    absent: frozenset[str] = frozenset()
    rows: int = field(default=0, init=False)
    waiting: int = field(default=0, init=False)
    plain: int = field(default=0, init=False)
    oldest_waiting: str = field(default="", init=False)
    head: Head | None = field(default=None, init=False)
    _head_id: Cell = field(default=None, init=False)
    _left: set[str] = field(default_factory=set, init=False)

    def over(self, rows: Iterable[Row]) -> Finding | None:
        """The first thing that is wrong, if anything is; after it nothing is looked at."""
        for row in rows:
            self.rows += 1
            found = next(self._wrong(row), None)
            if found is not None:
                return found
        return next(self._wrong_at_the_end(), None)

    def _wrong(self, row: Row) -> Iterator[Finding]:
        """Everything that is wrong with this row, the first and worst first."""
        for column, cell in (*_seal_of(row), ("digest", row.digest)):
            is_ours = isinstance(cell, int if column == "seq" else str)
            if not is_ours and (cell is not None or column == "digest"):
                yield _about(row, f"its {column} is nothing that is ever stored there.")
        missing = [column for column, cell in _seal_of(row) if cell is None]
        if not missing:
            yield from self._wrong_sealed(row)
        elif len(missing) < len(_seal_of(row)):
            yield _about(row, f"its {missing[0]} was taken away.")
        else:
            yield from self._wrong_waiting(row)
            self.waiting += 1
            self.oldest_waiting = self.oldest_waiting or _shown(row.content.at)

    def _wrong_waiting(self, row: Row) -> Iterator[Finding]:
        has_key = self.keys.current.is_secret and self.head and self.head.key != NO_KEY
        theirs = bool(self.absent - self.keys.retired.keys())
        if not theirs and not is_authentic(row, self.keys, plain=not has_key):
            yield _about(row, _CONTENT)

    def _wrong_sealed(self, row: Row) -> Iterator[Finding]:
        assert isinstance(row.seq, int), "the caller has looked"
        key = self.keys.find(row.key)
        if key is not None:
            yield from self._wrong_sealed_by(key, row, row.seq)
        elif row.key in self.absent:
            yield from self._wrong_in_chain(row, row.seq)
        else:
            wrong = f"it says that key {_shown(row.key)} has sealed it, {_UNKNOWN}"
            yield replace(_about(row, wrong), by_unknown_key=True)

    def _wrong_sealed_by(self, key: Key, row: Row, seq: int) -> Iterator[Finding]:
        if seal_hash(key, row) != row.hash:
            yield _about(row, self._why_hash(key, row))
        yield from self._wrong_in_chain(row, seq)
        # What waited when the key changed was stored with the one before, which may be absent; but
        # not from where on the log says that its digests do not count.
        theirs = any(seq < self.keys.retired.get(id, seq + 1) for id in self.absent)
        if not theirs and not fits(row, self.keys, self.vouched):
            yield _about(row, _CONTENT)
        self.plain = self.plain if key.is_secret else seq

    def _wrong_in_chain(self, row: Row, seq: int) -> Iterator[Finding]:
        """What shows without any key; then the chain goes on from this row."""
        yield from self._wrong_place(row)
        yield from self._wrong_key(row)
        published = self.published.get(seq)
        if published is not None and published.hash != row.hash:
            yield _about(row, f"for this seq another hash {published.told}: {_NEW}")
        self.head, self._head_id = Head(seq, str(row.hash), str(row.key)), row.id

    def _why_hash(self, key: Key, row: Row) -> str:
        """Which column it must be that was changed, where that can be told."""
        known = [other.id for other in (*self.keys.secret, PLAIN)]
        tries = [
            ("seq", replace(row, seq=self._next)),
            ("prev", replace(row, prev=self._prev)),
            ("digest", replace(row, digest=digest(key, row.content))),
            *[("key", replace(row, key=id)) for id in known],
        ]
        for column, tried in tries:
            maker = self.keys.find(tried.key)
            if maker is not None and seal_hash(maker, tried) == row.hash:
                return f"its {column} was changed."
        if not key.is_secret:
            return "its hash does not fit: its id or its hash was changed."
        return f"its hash is not by this key ({key.id}): its id or its hash was changed."

    @property
    def _next(self) -> int:
        return self.head.seq + 1 if self.head else 1

    @property
    def _prev(self) -> str:
        return self.head.hash if self.head else GENESIS

    def _wrong_place(self, row: Row) -> Iterator[Finding]:
        assert isinstance(row.seq, int), "the caller has looked"
        if row.seq > self._next:
            yield self._gap(row, row.seq)
        if row.seq < self._next:
            yield _about(row, f"it comes after seq {self._next - 1}: rows have changed places.")
        if row.prev != self._prev:
            yield _about(row, f"it does not follow the row before it: {_NEW}")

    def _gap(self, row: Row, seq: int) -> Finding:
        """A row is not where it was sealed: is it elsewhere, or nowhere?"""
        for stray in self.strays(str(row.prev)):
            if stray.hash == row.prev:
                return _about(stray, f"it was sealed as seq {seq - 1}: its seq or id was changed.")
            if seq - 1 == self._next and self._was_here(stray, row.prev):
                return _about(
                    stray, f"it was sealed as seq {seq - 1}, and its seal was taken away."
                )
        first, last = self._next, seq - 1
        which = f"the row with seq {first} is" if first == last else f"seq {first} to {last} are"
        return _about(row, f"{which} missing before it.")

    def _was_here(self, stray: Row, hash: Cell) -> bool:
        tries = (
            (key, replace(stray, seq=self._next, prev=self._prev, key=key.id))
            for key in (*self.keys.secret, PLAIN)
        )
        return isinstance(stray.digest, str) and any(
            seal_hash(key, tried) == hash for key, tried in tries
        )

    def _wrong_key(self, row: Row) -> Iterator[Finding]:
        if self.head is None or row.key == self.head.key:
            return
        if row.key == NO_KEY:
            yield _about(row, "it is sealed without a key, after rows that a key has sealed.")
        if row.content.event != CHANGE_OF_KEY:
            yield _about(row, f"another key ({_shown(row.key)}) has sealed it {_NO_CHANGE}")
        if row.key in self._left:
            yield _about(row, f"it is sealed by key {_shown(row.key)}, which had been replaced.")
        self._left.add(self.head.key)

    def _wrong_at_the_end(self) -> Iterator[Finding]:
        current = self.keys.current
        last = self.head.seq if self.head else 0
        beyond = [head for seq, head in self.published.items() if seq > last]
        if beyond:
            cut = min(beyond, key=lambda head: head.seq)
            yield Finding(
                None,
                None,
                f"The tail was cut after seq {last}: seq {cut.seq} {cut.told}.",
            )
        if self.head is None or self.head.key in self.absent:
            return
        if current.is_secret and self.head.key != current.id:
            yield Finding(
                self._head_id,
                self.head.seq,
                f"the newest sealed row is sealed by key {self.head.key}, not by AUDIT_KEY "
                f"({current.id}).",
            )


_CONTENT = "its content is not what was stored: something was changed, or a stranger has added it."
_UNKNOWN = "which is not known here (AUDIT_KEY, AUDIT_KEYS_OLD)."
_NO_CHANGE = "than the row before it, and no change of the key was noted."
_NEW = "what was here before it was replaced."


def _seal_of(row: Row) -> tuple[tuple[str, Cell], ...]:
    return ("seq", row.seq), ("prev", row.prev), ("hash", row.hash), ("key", row.key)


def _about(row: Row, wrong: str) -> Finding:
    return Finding(row.id, row.seq, wrong)


def _shown(cell: Cell) -> str:
    """A cell in a sentence: nobody can write a second line into it."""
    return str(cell) if isinstance(cell, int) else repr(cell)[:40]
