"""Whether W&B takes our key. One state for all workers and replicas.

W&B can refuse the reading of everybody, or one person's change, or both; it is open when neither is
refused. While it is closed nothing is changed: one job at a time may try, every half a minute, and
whoever reads everybody tries as well. A key that may read and not write (403) stays refused until a
write goes through, so that the alarm does not come and go.

Where W&B refuses one person's change (403) and takes everybody else's from the same process, it is
not the key: that one is a plain no from then on.

A refusal may be one process's (an old key, another way to the internet). Where another process goes
through, the refused one is kept apart, and it is open for the others. Who is apart closes nothing,
and comes back when W&B takes it, or ten minutes after it was last refused.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workflows.domain.events import (
    BOT,
    DEPLOYMENT,
    Change,
    DirectoryAcceptedKey,
    DirectoryRefusedKey,
)

TRY_EVERY = timedelta(seconds=30)
APART = timedelta(minutes=10)  # after its last refusal: the process is gone, or tries again
NOTED_EVERY = timedelta(minutes=1)  # how often it is stored that one is refused still
MOST_ALONE = 100  # those that are remembered as refused alone; the oldest is forgotten first


def process_name(key: str, process: str) -> str:
    """Names a process and its key, which nobody can read from it."""
    return f"{hashlib.sha256(f'wandb-access gate {key}'.encode()).hexdigest()[:8]} {process}"


@dataclass(frozen=True, slots=True)
class Apart:
    """A process that W&B refused last `at` then, while it took others; `by` as in `Gate`."""

    process: str
    at: datetime
    by: str = ""
    at_write: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`reading` and `working`: why W&B refuses to show everybody, and why it refused a job.

    `by`: the standing whose job that was, `at_write` whether it was refused while writing. `alone`:
    the standings that were refused while others went through. `reading_from`, `working_from`: the
    process that was refused. `personal`: the refusal of the job may be about the person.
    """

    reading: str = ""
    working: str = ""
    by: str = ""
    at_write: bool = False
    since: datetime | None = None
    opened_at: datetime | None = None
    try_at: datetime | None = None
    tried: str = ""
    alone: tuple[str, ...] = ()
    reading_from: str = ""
    working_from: str = ""
    personal: bool = False
    apart: tuple[Apart, ...] = ()

    @property
    def is_closed(self) -> bool:
        """Whether W&B is not to be changed now."""
        return bool(self.reading or self.working)

    @property
    def why(self) -> str:
        """What W&B said."""
        return self.reading or self.working

    def may_try(self, *, now: datetime) -> bool:
        """Whether it is time for one job to find out. While nobody can be read, none does."""
        return bool(self.working and not self.reading) and (
            self.try_at is None or self.try_at <= now
        )

    def is_apart(self, process: str, *, now: datetime) -> bool:
        """Whether W&B refuses this process, and takes others."""
        return any(one.process == process and now - one.at <= APART for one in self.apart)

    def tried_by_hand(self, *, now: datetime) -> "Gate":
        """A person has one job find out now."""
        return replace(self, try_at=now)


def trying(gate: Gate, subject: str, *, now: datetime) -> Gate:
    """This job finds out; the next may in half a minute."""
    return replace(gate, try_at=now + TRY_EVERY, tried=subject)


def refuse_reading(
    gate: Gate, reason: str, *, waiting: int, now: datetime, process: str = ""
) -> Change[Gate]:
    """W&B does not let us read everybody."""
    if gate.is_apart(process, now=now):
        return Change(_still_apart(gate, process, now=now))
    if gate.reading:
        return Change(gate)
    closed = replace(gate, reading=reason, reading_from=process)
    return _closed(gate, closed, waiting=waiting, now=now)


def refuse_work(
    gate: Gate,
    subject: str,
    reason: str,
    *,
    at_write: bool,
    waiting: int,
    now: datetime,
    process: str = "",
    personal: bool = False,
) -> Change[Gate]:
    """W&B refused one job, which is to say: the next ones as well, as far as anybody knows."""
    if gate.is_apart(process, now=now):
        return Change(_still_apart(gate, process, now=now))
    if gate.working:
        return Change(gate)
    closed = replace(
        gate,
        working=reason,
        by=subject,
        at_write=at_write,
        try_at=now + TRY_EVERY,
        tried=subject,
        working_from=process,
        personal=personal,
    )
    return _closed(gate, closed, waiting=waiting, now=now)


def let_read(gate: Gate, *, waiting: int, now: datetime, process: str = "") -> Change[Gate]:
    """W&B let us read everybody. What it refused besides may be tried at once."""
    apart = [one for one in gate.apart if one.process != process or one.at_write]
    if gate.reading and gate.reading_from != process:
        apart = [one for one in apart if one.process != gate.reading_from]
        apart.append(Apart(gate.reading_from, now))
    read = replace(gate, reading="", reading_from="", try_at=now, apart=tuple(apart))
    return _opened(gate, read, waiting=waiting, now=now)


def let_work(
    gate: Gate, subject: str, *, wrote: bool, waiting: int, now: datetime, process: str = ""
) -> Change[Gate]:
    """A job went through. One that only read says nothing about a refusal to write.

    Whoever was refused while this one went through is refused alone from then on, where both were
    tried by one process; else that process is apart.
    """
    apart = [one for one in gate.apart if one.process != process]
    gate = replace(gate, apart=tuple(apart))
    alone: Sequence[str] = [one for one in gate.alone if one != subject]
    if not gate.working:
        return _opened(gate, replace(gate, alone=tuple(alone)), waiting=waiting, now=now)
    if subject != gate.by and gate.at_write and not wrote:
        return Change(replace(gate, try_at=now))
    if process != gate.working_from:
        apart = [one for one in apart if one.process != gate.working_from]
        apart.append(Apart(gate.working_from, now, gate.by, gate.at_write))
    elif subject != gate.by and gate.personal:
        alone = [*alone, gate.by][-MOST_ALONE:]
        apart = [one for one in apart if one.by != gate.by]  # it was not that process
    opened = replace(
        gate,
        working="",
        working_from="",
        by="",
        at_write=False,
        personal=False,
        alone=tuple(alone),
        apart=tuple(apart),
    )
    return _opened(gate, opened, waiting=waiting, now=now)


def _still_apart(gate: Gate, process: str, *, now: datetime) -> Gate:
    """Refused once more: the ten minutes begin anew."""
    apart = (
        replace(one, at=now) if one.process == process and now - one.at >= NOTED_EVERY else one
        for one in gate.apart
    )
    return replace(gate, apart=tuple(apart))


def _closed(before: Gate, after: Gate, *, waiting: int, now: datetime) -> Change[Gate]:
    if before.is_closed:
        return Change(after)
    refused = DirectoryRefusedKey(
        subject=DEPLOYMENT, at=now, actor=BOT, reason=after.why, waiting=waiting
    )
    return Change(replace(after, since=now, opened_at=None), (refused,))


def _opened(before: Gate, after: Gate, *, waiting: int, now: datetime) -> Change[Gate]:
    after = replace(after, apart=tuple(one for one in after.apart if now - one.at <= APART))
    if after.is_closed or not before.is_closed:
        return Change(after)
    apart = {one.process for one in after.apart} & {before.reading_from, before.working_from}
    since = before.since.isoformat() if before.since else ""
    accepted = DirectoryAcceptedKey(
        subject=DEPLOYMENT,
        at=now,
        actor=BOT,
        since=since,
        waiting=waiting,
        but=", ".join(sorted(apart)),
    )
    return Change(replace(after, since=None, opened_at=now, try_at=None, tried=""), (accepted,))
