"""Tell the head of the audit chain to the outside, so that a tail that is cut off shows.

Once an hour when it has changed, and at an orderly stop. Told at least once: the same head twice
does no harm.
"""

import json
import logging
import os
from datetime import datetime, timedelta
from pathlib import Path

from workflows.domain.chain import Head
from workflows.domain.verification import Published
from workflows.errors import NotifierUnavailable
from workflows.services import audit_chain
from workflows.services.deps import Deps

EVERY = timedelta(hours=1)
PUBLISHED = "audit head published"  # where in `meta` the last one and its time are

log = logging.getLogger(__name__)
_heads = logging.getLogger(f"{__name__}.published")
_heads.setLevel(logging.INFO)  # whatever LOG_LEVEL says: the line is the point


def file_of(target: str) -> Path | None:
    """The file that heads are published to, if they are."""
    return Path(target.removeprefix("file:")) if target.startswith("file:") else None


def _tell(deps: Deps, head: Head, at: datetime) -> None:
    kind, _, where = deps.publish_to.partition(":")
    if kind == "file":
        _append(Path(where), head, at)
    elif kind == "channel":
        deps.notifier.publish(head, at, where)
    else:
        told = {"seq": head.seq, "hash": head.hash, "at": at.isoformat()}
        _heads.info("audit head", extra=told)


def _append(path: Path, head: Head, at: datetime) -> None:
    """One line, on the disk when this returns. A line that a crash has cut off stays alone."""
    line = json.dumps({"seq": head.seq, "hash": head.hash, "at": at.isoformat()}) + "\n"
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else "\n" + line
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> tuple[list[Published], list[int]]:
    """The heads in a file that were published there, and the numbers of lines that are none.

    Raises `OSError` when the file cannot be read.
    """
    heads, odd = [], []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            head = _head_of(line)
            if head is not None:
                heads.append(head)
            elif line.strip():
                odd.append(number)
    return heads, odd


def _head_of(line: bytes) -> Published | None:
    try:
        told = json.loads(line)
        seq, hash, at = told["seq"], told["hash"], told["at"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(seq, int) or not isinstance(hash, str):
        return None
    return Published(seq, hash, f"was published at {ascii(at)[:40]}", str(at))


def publish(deps: Deps, *, at_once: bool = False) -> None:
    """Publish the head if it is another one than last time, and that is an hour ago."""
    now = deps.clock()
    with deps.look() as work:
        head, seen = work.chain.head(), work.chain.seen
        if not seen.knows_published:  # later, what is stored could keep the next one away
            seen.published, seen.knows_published = _last_of(work.meta.get(PUBLISHED)), True
    last = seen.published
    if head is None or not _is_new(last, head) or not (at_once or _is_due(last, now)):
        return
    try:
        _tell(deps, head, now)
    except (OSError, NotifierUnavailable) as error:
        log.error("the audit head could not be published", extra={"error": str(error)})
        return
    seen.published = (head.seq, head.hash, now.timestamp())
    with deps.begin() as work:
        work.meta.put(PUBLISHED, json.dumps(seen.published))


def _last_of(stored: str | None) -> tuple[int, str, float] | None:
    """The head that was published last, and when; None where that cannot be read."""
    try:
        seq, hash, at = json.loads(stored or "")
        return int(seq), str(hash), float(at)
    except (ValueError, TypeError, OverflowError, RecursionError):  # never, or not by us
        return None


def _is_new(last: tuple[int, str, float] | None, head: Head) -> bool:
    return last is None or last[:2] != (head.seq, head.hash)


def _is_due(last: tuple[int, str, float] | None, now: datetime) -> bool:
    if last is None:
        return True
    # A clock that was set back must not keep the next one away.
    return not 0 <= now.timestamp() - last[2] < EVERY.total_seconds()


def close(deps: Deps) -> None:
    """At an orderly stop: seal what is left, and publish."""
    audit_chain.seal(deps)
    publish(deps, at_once=True)


def seqs_at_start(deps: Deps) -> tuple[int, int] | None:
    """The seq that was last published to a file, and the one that is stored: a backup that was
    restored has a lower one.
    """
    path = file_of(deps.publish_to)
    try:
        published = read(path)[0] if path is not None else []
    except OSError:
        return None
    with deps.look() as work:
        head = work.chain.head()
    return (published[-1].seq, head.seq if head else 0) if published else None
