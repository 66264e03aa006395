"""Tell people. Level-triggered as well: make every message of a request show what is stored.

The worker's. A message that was never posted is posted, one that shows something else is redrawn,
one that shows the right thing is left alone. Where it is about to be posted is stored first and
where it went after, so that a crash in between can be found out.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from workflows.domain import requests
from workflows.domain.drift import instead_of
from workflows.domain.entitlements import EmailAddress, Organization
from workflows.domain.events import DriftAsked
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import Approval
from workflows.domain.reactions import JobKind
from workflows.domain.requests import AccessRequest, RequestStatus
from workflows.errors import LeaseLost, NotifierUnavailable
from workflows.ports import APPROVER, CHANNEL, REQUESTER, Notice, Receipt
from workflows.services import alarms
from workflows.services.deps import Deps
from workflows.services.overview import approvers_of
from workflows.storage.outbox import Job
from workflows.storage.unit_of_work import UnitOfWork, again_on_conflict

NOBODY_REACHED = (
    "Nobody who may decide on this could be reached in Slack. Ask a W&B admin in person."
)
TOO_FEW_REACHED = (
    "Too few of those who may decide on this could be reached in Slack. Ask a W&B admin in person."
)
TROUBLE = "W&B does not answer as it should just now. It is tried again until it does."

log = logging.getLogger(__name__)

Tell = Callable[[Receipt, bool], Receipt]


def notify(deps: Deps, job: Job) -> None:
    """Bring every message of the request `job.subject` up to date.

    One place that cannot be reached just now holds up no other. Raises `NotifierUnavailable` when
    some have to be tried again.
    """
    with deps.look() as work:
        notice = _notice(work, work.requests.get(job.subject))
        receipts = _worth_a_try(work.receipts.of(job.subject))
    request = notice.request
    approval = approvers_of(deps, request)
    failures: list[NotifierUnavailable] = []

    def tell(tells: Mapping[str, Tell]) -> None:
        receipts.update(_tell_all(deps, job, job.subject, receipts, tells, failures))

    def tell_requester() -> list[EmailAddress]:
        asked = [one for one in sorted(approval.approvers) if _may_know(APPROVER + one, receipts)]
        tell({REQUESTER: _deliver(deps, replace(notice, waiting_for=asked))})
        return asked

    asked = tell_requester()
    done: dict[str, str] = {}
    # A channel that turns out to be closed brings the approvers themselves in: look again.
    while todo := _not_in(done, _deciders(request, approval, receipts)):
        tell({one: _deliver(deps, replace(notice, why=why)) for one, why in todo.items()})
        done |= todo
    if not all(_may_know(APPROVER + one, receipts) for one in asked):
        tell_requester()  # somebody could not be asked after all
    if failures:
        raise failures[0]
    if request.status is RequestStatus.PENDING:
        _lapse_if_nobody_was_reached(deps, request.id, request.needed, receipts)


def _worth_a_try(receipts: Mapping[str, Receipt]) -> dict[str, Receipt]:
    """With a new outcome the requester is told anew, and so is whoever sees an older one.

    An approver who never had a card, and a channel that others were asked in place of, are not.
    """
    return {
        audience: replace(one, failed="") if audience == REQUESTER or one.ts else one
        for audience, one in receipts.items()
    }


def _not_in(done: Mapping[str, str], audiences: Mapping[str, str]) -> dict[str, str]:
    return {audience: why for audience, why in audiences.items() if audience not in done}


def _deliver(deps: Deps, notice: Notice) -> Tell:
    return lambda receipt, maybe: deps.notifier.deliver(notice, receipt, maybe_posted=maybe)


def _notice(work: UnitOfWork, request: AccessRequest) -> Notice:
    """What there is to tell of a request; what was never approved has no grant."""
    if request.status is not RequestStatus.APPROVED:
        return Notice(request, None)
    standing = work.standings.get(request.requester, request.place)
    grant = work.grants.get(request.id)
    failing = bool(work.outbox.trouble_with(JobKind.ENSURE, standing.key))
    return Notice(
        request,
        grant,
        held_now=standing.last_seen,
        trouble=TROUBLE if failing and grant.status is GrantStatus.ISSUED else "",
        instead=instead_of(standing, grant, failing=failing),
    )


def _may_know(audience: str, receipts: Mapping[str, Receipt]) -> bool:
    """Whether this approver was asked, or still will be; in a channel everybody is."""
    receipt = receipts.get(audience)
    return receipt is None or not receipt.failed


def _deciders(
    request: AccessRequest, approval: Approval, receipts: Mapping[str, Receipt]
) -> dict[str, str]:
    """Who has, or should have, a card of this request, and why they are asked.

    A channel that cannot be posted to is replaced by the approvers themselves.
    """
    audiences: dict[str, str] = {}
    channel = approval.terms.channel
    if request.status is RequestStatus.PENDING:
        to_channel = CHANNEL + channel if channel else ""
        known = receipts.get(to_channel)
        if to_channel and not (known and known.failed):
            audiences[to_channel] = "this channel decides on it"
        else:
            audiences |= {
                APPROVER + email: why for email, why in sorted(approval.approvers.items())
            }
    for audience in receipts.keys() - {REQUESTER}:
        email = EmailAddress(audience.removeprefix(APPROVER))
        audiences.setdefault(audience, approval.approvers.get(email, ""))
    return audiences


def _tell_all(
    deps: Deps,
    job: Job,
    subject: str,
    receipts: Mapping[str, Receipt],
    tells: Mapping[str, Tell],
    failures: list[NotifierUnavailable],
) -> dict[str, Receipt]:
    """Tell each audience; one that cannot be reached just now is put to the `failures`."""
    told: dict[str, Receipt] = {}
    for audience, tell in tells.items():
        try:
            told[audience] = _tell(deps, job, subject, receipts.get(audience), audience, tell)
        except NotifierUnavailable as error:
            failures.append(error)
    return told


def _tell(
    deps: Deps, job: Job, subject: str, known: Receipt | None, audience: str, tell: Tell
) -> Receipt:
    """Post or redraw one message; stored before the first posting, and after each."""
    if known is not None and known.failed:
        return known
    receipt = known or Receipt(audience)
    if known is None:
        _keep(deps, job, subject, receipt)
    told = tell(receipt, known is not None and not known.ts)
    if told != receipt:
        _keep(deps, job, subject, told, told=True)
    if told.failed:
        log.error("nobody can be told there", extra={"request_id": subject, "why": told.failed})
    return told


def _keep(deps: Deps, job: Job, subject: str, receipt: Receipt, *, told: bool = False) -> None:
    """Store a receipt while the lease is ours: whoever has it now draws newer things.

    Where it was lost while this was `told`, what people see may be older than what the other has
    drawn: nobody knows what that message shows, and it is drawn once more.
    """
    with deps.begin() as work:
        if work.outbox.hold(job, now=deps.clock()):
            work.receipts.save(subject, receipt)
            return
        theirs = work.receipts.of(subject).get(receipt.audience)
        if told and theirs is not None and theirs.drawn != receipt.drawn:
            work.receipts.save(subject, replace(theirs, drawn=""))
            work.owe_again(job, at=deps.clock())
    raise LeaseLost(job.key)


@again_on_conflict
def _lapse_if_nobody_was_reached(
    deps: Deps, id: str, needed: int, receipts: Mapping[str, Receipt]
) -> None:
    """A request that too few people have seen would wait in vain: say so at once."""
    channels = [one for audience, one in receipts.items() if audience.startswith(CHANNEL)]
    asked = [one for audience, one in receipts.items() if audience.startswith(APPROVER)]
    reached = sum(not one.failed for one in asked)
    if any(not channel.failed for channel in channels) or reached >= needed:
        return
    now = deps.clock()
    with deps.begin() as work:
        request = work.requests.get(id)
        if request.status is RequestStatus.PENDING:
            reason = TOO_FEW_REACHED if reached else NOBODY_REACHED
            work.record(requests.lapse(request, now=now, reason=reason))


def alert(deps: Deps, job: Job) -> datetime | None:
    """Tell every admin of the organization what `job.subject` says; when to draw it anew, if ever.

    One message each: what became of it is shown in the same one, also to those who are no admins
    any more. What is asked of a person goes to that person.
    """
    alarm = alarms.what_to_tell(deps, job)
    told = alarm.alert
    if told is None:
        return alarm.again_at
    with deps.look() as work:
        known = work.receipts.of(told.id)
    receipts = {audience: replace(one, failed="") for audience, one in known.items()}
    if told.event == DriftAsked.__name__:
        audiences = {APPROVER + told.subject.partition(" ")[0]}
    else:
        admins = deps.rosters.current().admins(Organization())
        audiences = {APPROVER + email for email in admins} | receipts.keys()
    if not audiences:
        raise NotifierUnavailable("There is no organization admin to tell.")
    tells: dict[str, Tell] = {
        audience: lambda receipt, maybe: deps.notifier.alert(told, receipt, maybe_posted=maybe)
        for audience in sorted(audiences)
    }
    failures: list[NotifierUnavailable] = []
    receipts.update(_tell_all(deps, job, told.id, receipts, tells, failures))
    if failures:
        raise failures[0]
    if told.event != DriftAsked.__name__ and all(one.failed for one in receipts.values()):
        raise NotifierUnavailable("No organization admin can be told in Slack.")
    alarms.told(deps, job, alarm)
    return alarm.again_at
