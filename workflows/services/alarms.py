"""What an alert shows, and whether it is one of its own.

An alarm says that something is stuck, another one that it is over. Many at a time, and all of those
that come of a refused key, are one message that is drawn anew while it lasts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from workflows.domain.drift import FindingState, finding_of
from workflows.domain.entitlements import EmailAddress, place_from_text
from workflows.domain.events import (
    DEPLOYMENT,
    DirectoryRefusedKey,
    LeftoverFound,
    LeftoverGone,
    ProvisioningSettled,
    ProvisioningStuck,
    RevocationRecovered,
    RevocationStuck,
)
from workflows.domain.reactions import JobKind
from workflows.ports import MANY_STUCK, Alert
from workflows.services import findings, stuck
from workflows.services.deps import Deps
from workflows.storage.outbox import Job
from workflows.storage.records import AuditEntry
from workflows.storage.unit_of_work import UnitOfWork

FEW = 5  # things that are stuck at a time and are told one by one
AGAIN = timedelta(minutes=1)  # between two drawings of what lasts
ALL_STUCK = "stuck"  # the subject of the one job that draws the message about all of them
EPISODE = "stuck alarm"  # where in `meta` it is kept since when that message is up

_BEGIN = frozenset({RevocationStuck.__name__, ProvisioningStuck.__name__, LeftoverFound.__name__})
_OVER: Mapping[str, str] = {
    RevocationRecovered.__name__: RevocationStuck.__name__,
    ProvisioningSettled.__name__: ProvisioningStuck.__name__,
    LeftoverGone.__name__: LeftoverFound.__name__,
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """What to tell, if anything, and when to draw it anew, if ever."""

    alert: Alert | None
    again_at: datetime | None = None


def what_to_tell(deps: Deps, job: Job) -> Alarm:
    """What the alert `job.subject` (an audit row, or `ALL_STUCK`) comes to now."""
    now = deps.clock()
    if job.subject == ALL_STUCK:
        return _all_stuck(deps, now)
    with deps.look() as work:
        entry = work.audit.get(int(job.subject))
        alert = Alert(
            f"alert {job.subject}",
            entry.event,
            entry.subject,
            entry.at,
            entry.detail,
            row=entry.id,
            by=entry.actor,
            since=findings.since(work, entry),
        )
        if entry.event == DirectoryRefusedKey.__name__:
            return _of_the_key(work, alert, now)
        if entry.event in _OVER:
            return Alarm(alert if _was_told(work, entry) else None)
        if entry.event not in _BEGIN or work.receipts.of(alert.id):
            return Alarm(alert)
        if not _lasts(work, entry):
            return Alarm(None)
        if not _is_one_of_many(work, now):
            return Alarm(alert)
    with deps.begin() as work:
        work.owes.add(JobKind.ALERT)
        work.outbox.add(JobKind.ALERT, ALL_STUCK, lane=f"alert {ALL_STUCK}", due_at=now)
    return Alarm(None)


def told(deps: Deps, job: Job, alarm: Alarm) -> None:
    """It was told everywhere. The message about all of them is closed with its last drawing."""
    if job.subject == ALL_STUCK and alarm.again_at is None:
        with deps.begin() as work:
            work.meta.put(EPISODE, "")


def _all_stuck(deps: Deps, now: datetime) -> Alarm:
    with deps.begin() as work:
        counts = stuck.count(work, now=now)
        gate = work.gate.load()
        since = work.meta.get(EPISODE)
        if not since and not counts.all:
            return Alarm(None)
        # What waited for the key has a minute to be done.
        if gate.is_closed or (gate.opened_at and now - gate.opened_at < AGAIN):
            return Alarm(None, now + AGAIN)
        if not since:
            since = now.isoformat()
            work.meta.put(EPISODE, since)
    detail = {"take": counts.take, "give": counts.give, "leftover": counts.leftover}
    at = datetime.fromisoformat(since)
    alert = Alert(f"alert stuck {since}", MANY_STUCK, DEPLOYMENT, at, detail)
    return Alarm(alert, now + AGAIN if counts.all else None)


def _of_the_key(work: UnitOfWork, alert: Alert, now: datetime) -> Alarm:
    """Drawn anew with what waits, and once more when it is over."""
    gate = work.gate.load()
    over = not gate.is_closed or gate.since != alert.at
    waiting = {} if over else {"waiting": work.attention.ends_waiting()}
    detail = {**alert.detail, **waiting, "over": over}
    drawn = Alert(alert.id, alert.event, alert.subject, alert.at, detail)
    return Alarm(drawn, None if over else now + AGAIN)


def _was_told(work: UnitOfWork, over: AuditEntry) -> bool:
    """Whether there is, or will be, a message of its own about what is over now."""
    begun = [
        entry
        for entry in work.audit.of([over.subject])
        if entry.event == _OVER[over.event] and entry.id < over.id
    ]
    return bool(begun and work.receipts.of(f"alert {begun[-1].id}"))


def _lasts(work: UnitOfWork, entry: AuditEntry) -> bool:
    """Whether it is still stuck."""
    person, space, place = entry.subject.partition(" ")
    if space:
        standing = work.standings.get(EmailAddress(person), place_from_text(place))
        return finding_of(standing).state is FindingState.LEFTOVER
    grant = work.grants.find(entry.subject)
    return grant is not None and bool(grant.stuck)


def _is_one_of_many(work: UnitOfWork, now: datetime) -> bool:
    if work.gate.load().is_closed or work.meta.get(EPISODE):
        return True
    return stuck.count(work, now=now).all > FEW
