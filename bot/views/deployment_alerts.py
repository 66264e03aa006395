"""What the organization's admins are told of the bot itself: its clock, its rest, its database."""

from collections.abc import Callable, Mapping
from datetime import datetime

from bot.views import blocks
from bot.views.blocks import Block
from workflows.domain.chain import NO_KEY
from workflows.domain.deployment_events import (
    AuditKeyChanged,
    AuditRowsAltered,
    BackupRestored,
    ClockJumped,
    RestartedLate,
)
from workflows.ports import Alert

Content = tuple[str, str, list[Block], str]  # title, sentence, more, what to do

_LISTED = 20  # rows that are named; the rest are counted
_COMPARED = "What I found different in W&amp;B, if anything, is in messages of its own."


def _clock(alert: Alert) -> Content:
    seconds = alert.detail.get("seconds")
    by = seconds if isinstance(seconds, int) else 0
    way = "forward" if by > 0 else "back"
    ahead = alert.detail.get("ahead") or 0
    given = f"While it was ahead I gave {ahead} that {'is' if ahead == 1 else 'are'} still open"
    return (
        "The clock that I end access by was set",
        f"It was set {way} by {_span(abs(by))}. Access that was given with an end may have ended "
        f"{'too early' if by > 0 else 'late, or will'}.",
        [blocks.section(f"{given}; the time of it counts from now.")] if ahead else [],
        "See that the clock of the machine (with PostgreSQL: of the database) is right and kept "
        "right by NTP. If it is wrong now, mend it and start me again.",
    )


def _late(alert: Alert) -> Content:
    last = str(alert.detail.get("last_beat", ""))
    return (
        "I was not running for a while",
        f"Nothing of me ran since {blocks.when(datetime.fromisoformat(last))}. Access that should "
        f"have ended meanwhile is being taken back now, the oldest first. {_COMPARED}",
        [],
        "Find out why I was off. If an older backup of my database was put in place, compare "
        "W&amp;B's own audit log from its time on with `wandb-access audit export`: access that I "
        "gave after the backup is unknown to me and does not end by itself.",
    )


def _restored(alert: Alert) -> Content:
    published, stored = (alert.detail.get(key) for key in ("published", "stored"))
    return (
        "My database is older than what I had published",
        f"The audit log ends at {stored}, and {published} was published. An older backup was "
        f"restored, or rows were deleted. {_COMPARED}",
        [],
        "Access that I gave after the backup is unknown to me and does not end by itself: compare "
        "W&amp;B's own audit log from the time of the backup on, and take back by hand what is too "
        "much. If nobody restored anything, find out who can write to the database.",
    )


def _span(seconds: int) -> str:
    """Hours, minutes and seconds, the first two that count."""
    parts = ((seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"))
    said = [f"{number} {unit}" for number, unit in (*parts, (seconds % 60, "s")) if number]
    return " ".join(said[:2]) or "0 s"


def _altered(alert: Alert) -> Content:
    told = alert.detail.get("rows")
    rows = [str(row) for row in told] if isinstance(told, list | tuple) else []
    more = f", and {len(rows) - _LISTED} more" if len(rows) > _LISTED else ""
    return (
        "The audit log was changed by somebody else",
        "Rows were not what I had stored when I sealed them a moment later, or are not mine. I "
        "sealed them as they are; everything after them is covered as usual.",
        [blocks.section(f"*Rows:* {blocks.escape(', '.join(rows[:_LISTED]))}{more}")],
        "Find out who can write to the database. `wandb-access audit verify` names the first such "
        "row.",
    )


def _key_changed(alert: Alert) -> Content:
    before, after = (blocks.escape(str(alert.detail.get(key, ""))) for key in ("before", "after"))
    was = "nothing: there was no key" if before == NO_KEY else f"the key {before}"
    return (
        "The audit log has another key",
        f"From here on it is sealed with the key {after}. Before it was {was}.",
        [],
        "If you have just changed `AUDIT_KEY`, there is nothing to do. If nobody has, the log was "
        "replaced: find out who can write to the database.",
    )


CONTENTS: Mapping[str, Callable[[Alert], Content]] = {
    ClockJumped.__name__: _clock,
    RestartedLate.__name__: _late,
    BackupRestored.__name__: _restored,
    AuditRowsAltered.__name__: _altered,
    AuditKeyChanged.__name__: _key_changed,
}
