"""Whether W&B takes our key. One state for all workers and replicas.

W&B can refuse the reading of everybody, or one person's change, or both; it is open when neither is
refused. While it is closed nothing is changed: one job at a time may try, every half a minute, and
whoever reads everybody tries as well. A key that may read and not write (403) stays refused until a
write goes through, so that the alarm does not come and go.

Where W&B refuses one person's change and takes everybody else's, it is not the key: that one is a
plain no from then on.
"""

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
MOST_ALONE = 100  # those that are remembered as refused alone; the oldest is forgotten first


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`reading` and `working`: why W&B refuses to show everybody, and why it refused a job.

    `by`: the standing whose job that was, `at_write` whether it was refused while writing. `alone`:
    the standings that were refused while others went through.
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

    def tried_by_hand(self, *, now: datetime) -> "Gate":
        """A person has one job find out now."""
        return replace(self, try_at=now)


def trying(gate: Gate, subject: str, *, now: datetime) -> Gate:
    """This job finds out; the next may in half a minute."""
    return replace(gate, try_at=now + TRY_EVERY, tried=subject)


def refuse_reading(gate: Gate, reason: str, *, waiting: int, now: datetime) -> Change[Gate]:
    """W&B does not let us read everybody."""
    return _closed(gate, replace(gate, reading=reason), waiting=waiting, now=now)


def refuse_work(
    gate: Gate, subject: str, reason: str, *, at_write: bool, waiting: int, now: datetime
) -> Change[Gate]:
    """W&B refused one job, which is to say: the next ones as well, as far as anybody knows."""
    if gate.working:
        return Change(gate)
    closed = replace(
        gate,
        working=reason,
        by=subject,
        at_write=at_write,
        try_at=now + TRY_EVERY,
        tried=subject,
    )
    return _closed(gate, closed, waiting=waiting, now=now)


def let_read(gate: Gate, *, waiting: int, now: datetime) -> Change[Gate]:
    """W&B let us read everybody. What it refused besides may be tried at once."""
    return _opened(gate, replace(gate, reading="", try_at=now), waiting=waiting, now=now)


def let_work(gate: Gate, subject: str, *, wrote: bool, waiting: int, now: datetime) -> Change[Gate]:
    """A job went through. One that only read says nothing about a refusal to write.

    Whoever was refused while this one went through is refused alone from then on.
    """
    alone: Sequence[str] = [one for one in gate.alone if one != subject]
    if not gate.working:
        return _opened(gate, replace(gate, alone=tuple(alone)), waiting=waiting, now=now)
    if subject != gate.by and gate.at_write and not wrote:
        return Change(replace(gate, try_at=now))
    if subject != gate.by:
        alone = [*alone, gate.by][-MOST_ALONE:]
    opened = replace(gate, working="", by="", at_write=False, alone=tuple(alone))
    return _opened(gate, opened, waiting=waiting, now=now)


def _closed(before: Gate, after: Gate, *, waiting: int, now: datetime) -> Change[Gate]:
    if before.is_closed:
        return Change(after)
    refused = DirectoryRefusedKey(
        subject=DEPLOYMENT, at=now, actor=BOT, reason=after.why, waiting=waiting
    )
    return Change(replace(after, since=now, opened_at=None), (refused,))


def _opened(before: Gate, after: Gate, *, waiting: int, now: datetime) -> Change[Gate]:
    if after.is_closed or not before.is_closed:
        return Change(after)
    since = before.since.isoformat() if before.since else ""
    accepted = DirectoryAcceptedKey(
        subject=DEPLOYMENT, at=now, actor=BOT, since=since, waiting=waiting
    )
    return Change(replace(after, since=None, opened_at=now, try_at=None, tried=""), (accepted,))
