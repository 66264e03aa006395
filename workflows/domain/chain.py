"""The audit chain: what a row's digest covers, what its seal covers, and which row is next.

A row is stored with a random salt and a digest of its content, in the commit of what it tells. A
moment later it is sealed: given the next number and a hash over number, hash of the row before, id,
digest and key. So every column of a sealed row is covered, none can be put in, taken out or moved,
and since only the hash is handed on, personal data in a row can be erased without breaking the
chain (`erasure`).

With a key both are an HMAC (RFC 2104): whoever can write to the database cannot make them. Without
one they are a plain SHA-256, which shows accidents and not intent.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import takewhile
from typing import Any, NamedTuple

GENESIS = "0" * 64  # stands before the first row
NO_KEY = "none"
CHANGE_OF_KEY = "AuditKeyChanged"
RETIREMENT = "AuditKeysRetired"
ERASURE = "PersonalDataErased"

Cell = str | int | float | bytes | None  # what a database may hold, whoever has written it


@dataclass(frozen=True, slots=True)
class Key:
    """What digests and seals are made with. `id` is stored with each seal, the secret nowhere."""

    id: str
    secret: bytes = field(repr=False)

    @property
    def is_secret(self) -> bool:
        """Whether it keeps out anybody."""
        return self.id != NO_KEY


PLAIN = Key(NO_KEY, b"")


def key_of(secret: str) -> Key:
    """The key with this text; its id is eight hex digits that tell nothing of it."""
    data = secret.encode()
    return Key(hashlib.sha256(b"wandb-access audit key\n" + data).hexdigest()[:8], data)


def is_key_id(text: str) -> bool:
    """Whether this may be the id of a key, and can be shown as one."""
    return re.fullmatch("[0-9a-f]{8}", text) is not None


@dataclass(frozen=True, slots=True)
class Keys:
    """The key that seals now, and others whose seals and digests count as well.

    Digests by a key that is `retired` count only before that seq; its seals where it was current.
    """

    current: Key = PLAIN
    others: tuple[Key, ...] = ()
    retired: Mapping[str, int] = field(default_factory=dict)

    def find(self, id: Cell) -> Key | None:
        """The key of this id; rows without a key are known to anybody."""
        return next((key for key in (self.current, *self.others, PLAIN) if key.id == id), None)

    @property
    def secret(self) -> tuple[Key, ...]:
        """Those that keep out anybody."""
        return tuple(key for key in (self.current, *self.others) if key.is_secret)

    def counts(self, key: Key, seq: Cell) -> bool:
        """Whether digests by this key count at this seq; rows that wait have none."""
        until = self.retired.get(key.id)
        return until is None or (isinstance(seq, int) and seq < until)


class Content(NamedTuple):
    """What the digest of a row covers: all that the row tells, and its salt.

    The cells are as they are stored; `at` as `moment` writes it.
    """

    salt: Cell
    at: Cell
    actor: Cell
    event: Cell
    subject: Cell
    detail: Cell


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table, cell by cell, before anything is believed of it."""

    id: Cell
    content: Content
    digest: Cell
    seq: Cell = None
    prev: Cell = None
    hash: Cell = None
    key: Cell = None


@dataclass(frozen=True, slots=True)
class Seal:
    """What sealing adds to the row `id`. `fits`: whether its digest was made by one of our keys."""

    id: int
    seq: int
    prev: str
    hash: str
    key: str
    fits: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The newest seal: who knows it can tell whether anything before it was changed since."""

    seq: int
    hash: str
    key: str


@dataclass(slots=True)
class Seen:
    """What one process remembers of the log, so that nobody can take it back from it.

    `head`: the newest seal. `replaced`: the keys that have sealed before ours, and `retired` those
    of them whose digests do not count any more; the others have counted `since` then. `published`:
    the head that was published last, with its time, as soon as `knows_published`.
    """

    head: Head | None = None
    replaced: frozenset[str] | None = None
    retired: set[str] = field(default_factory=set)
    since: datetime | None = None
    published: tuple[int, str, float] | None = None
    knows_published: bool = False


@lru_cache(1_000)
def moment(at: datetime) -> str:
    """A time as digests cover it: UTC, to the microsecond. SQLite stores the very same text.

    Raises `ValueError` for a time without a zone, which could be any.
    """
    if at.tzinfo is None:
        raise ValueError("a time without a zone is not stored")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def digest(key: Key, content: Content) -> str | None:
    """What the row's digest has to be; None where a cell is nothing that is ever stored there."""
    if not all(isinstance(cell, str) for cell in content):
        return None
    return _mac(key, "row 1", content)


def seal_hash(key: Key, row: Row) -> str:
    """What the row's hash has to be."""
    return _mac(key, "seal 1", (row.seq, row.prev, row.id, row.digest, row.key))


def _mac(key: Key, what: str, cells: tuple[Cell, ...]) -> str:
    """Over JSON in ASCII: no two lists of texts and numbers are written the same."""
    parts = [f"wandb-access audit {what}", *cells]
    message = _CANONICAL.encode(parts).encode()
    if key.is_secret:
        return hmac.digest(key.secret, message, "sha256").hex()
    return hashlib.sha256(message).hexdigest()


def _bytes(cell: bytes) -> list[str]:
    """What is never stored by us still has to be sealed when it is found."""
    return ["bytes", cell.hex()]


_CANONICAL = json.JSONEncoder(separators=(",", ":"), default=_bytes)


def is_authentic(row: Row, keys: Keys, *, plain: bool) -> bool:
    """Whether the row tells what was stored with it. `plain`: a digest without a key counts.

    It does only as long as the chain had none; later, anybody could have made it.
    """
    accepted = (*keys.secret, PLAIN) if plain else keys.secret
    return row.digest is not None and any(
        keys.counts(key, row.seq) and digest(key, row.content) == row.digest for key in accepted
    )


def waits_for_key(keys: Keys, head: Head | None) -> bool:
    """What a key has sealed, nothing goes on sealing without one: it could have been anybody."""
    return head is not None and head.key != NO_KEY and not keys.current.is_secret


def before_key(rows: Iterable[Row], keys: Keys, head: Head | None) -> Iterator[Row]:
    """Those of the waiting rows that belong before the first key: made when there was none."""
    if keys.current.is_secret and (head is None or head.key == NO_KEY):
        yield from takewhile(lambda row: digest(PLAIN, row.content) == row.digest, rows)


def changes_key(keys: Keys, head: Head | None) -> bool:
    """Whether the next row has to say that the key is another one from here on."""
    return head is not None and head.key != keys.current.id


def is_lost(keys: Keys, head: Head | None, seen: Head | None, *, first: bool = False) -> bool:
    """Whether the log is not the one that this process has `seen`: shorter, or without our key.

    Only the `first` look of a process may go on with a key where there was none.
    """
    if seen is not None:
        if head is None or head.seq < seen.seq or (head.seq == seen.seq and head != seen):
            return True
        if seen.key == keys.current.id != head.key:
            return True
    return head is not None and head.key == NO_KEY and keys.current.is_secret and not first


def later(head: Head | None, seen: Head | None) -> Head | None:
    """Where a log goes on that was lost: the gap, or the other key, shows for ever."""
    known = [one for one in (seen, head) if one is not None]
    return max(known, key=lambda one: one.seq, default=None)


def seal(rows: Iterable[Row], key: Key, keys: Keys, head: Head | None) -> Iterator[Seal]:
    """Seal the waiting rows in this order. A row that does not fit its digest is sealed as it is:
    leaving it out would hide it.
    """
    seq, prev = (head.seq, head.hash) if head else (0, GENESIS)
    for row in rows:
        seq += 1
        assert isinstance(row.id, int), "the column is a primary key of whole numbers"
        sealed = Row(row.id, row.content, row.digest, seq, prev, None, key.id)
        fits = is_authentic(row, keys, plain=not key.is_secret)
        seal = Seal(row.id, seq, prev, seal_hash(key, sealed), key.id, fits)
        prev = seal.hash
        yield seal


def fits(row: Row, keys: Keys, vouched: Mapping[int, str]) -> bool:
    """Whether a sealed row tells what was stored, or what the newest erasure made of it."""
    if is_authentic(row, keys, plain=row.key == NO_KEY):
        return True
    made = vouched.get(row.id) if isinstance(row.id, int) else None
    return made is not None and digest(PLAIN, row.content) == made


def vouched(rows: Iterable[Row], keys: Keys) -> dict[int, str]:
    """The newest digest of every row that an erasure has changed, by the row's id.

    `rows` are the erasures, oldest first. One whose digest is not by the key that has sealed it
    (or would seal it now) vouches for nothing.
    """
    found: dict[int, str] = {}
    for row in rows:
        maker = keys.current if row.key is None else keys.find(row.key)
        if _is_by(maker, row):
            for entry in _entries(row, "rows"):
                id, _, made = entry.partition(" ")
                if id.isdecimal():
                    found[int(id)] = made
    return found


def retired(rows: Iterable[Row], keys: Keys) -> dict[str, int]:
    """From which seq on the digests of which keys do not count, by these rows that say so.

    Only what the key itself has stored that has sealed it counts.
    """
    found: dict[str, int] = {}
    for row in rows:
        maker = keys.find(row.key)
        if isinstance(row.seq, int) and maker is not None and maker.is_secret:
            for id in _entries(row, "keys") if _is_by(maker, row) else ():
                found[id] = min(row.seq, found.get(id, row.seq))
    return found


def is_change_by(maker: Key, row: Row) -> bool:
    """Whether this very key has stored and sealed this row, to say that the key changes here."""
    is_change = maker.is_secret and row.content.event == CHANGE_OF_KEY
    return is_change and _is_by(maker, row) and seal_hash(maker, row) == row.hash


def key_before(row: Row) -> str | None:
    """The id of the key that sealed before this change, if there was one."""
    before = _told(row).get("before")
    return before if isinstance(before, str) and is_key_id(before) else None


def _is_by(maker: Key | None, row: Row) -> bool:
    """Whether the row was stored with this very key."""
    return maker is not None and row.digest is not None and digest(maker, row.content) == row.digest


def entry(id: int, content: Content) -> str:
    """How the event of an erasure vouches for one row. It needs no key: the event has one."""
    return f"{id} {digest(PLAIN, content)}"


def _told(row: Row) -> dict[str, Any]:
    """The row's detail. Without a key anybody may have written it."""
    try:
        told = json.loads(str(row.content.detail))
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _entries(row: Row, name: str) -> list[str]:
    texts = _told(row).get(name)
    return [one for one in texts if isinstance(one, str)] if isinstance(texts, list) else []
