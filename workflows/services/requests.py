"""What people can ask for and decide: submit, decide, cancel.

Each reads the stored roster. One that would have to refuse because of it first waits a moment for a
newer reading; a decision is never taken on one that is older than a minute.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from workflows.domain import checks, grants, limits, policy, requests, standings
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.grants import Grant
from workflows.domain.limits import Demand, Limits
from workflows.domain.requests import AccessRequest, Ask, RequestStatus
from workflows.domain.roster import Roster
from workflows.errors import (
    AskedAlready,
    AskedTooMuch,
    Conflict,
    NotAnApprover,
    PolicyRefused,
    Refused,
)
from workflows.services.deps import Deps
from workflows.storage.unit_of_work import UnitOfWork, again_on_conflict

T = TypeVar("T")

_ROSTER_FIELDS = frozenset(
    {"team", "role"}
)  # what a complaint is about when the roster is to blame


def submit_request(deps: Deps, ask: Ask) -> AccessRequest:
    """Ask for access. The same submission said twice is one request.

    Raises `PolicyRefused` with a complaint for each form field; `AskedAlready` and `AskedTooMuch`
    without waiting for anything, because many of them can come at once.
    """
    roster = deps.rosters.recent()
    try:
        return _submit(deps, ask, roster)
    except AskedAlready:
        raise
    except PolicyRefused as refused:
        if _ROSTER_FIELDS.isdisjoint(refused.complaints):
            raise
    return _submit(deps, ask, deps.rosters.newer())


@again_on_conflict
def _submit(deps: Deps, ask: Ask, roster: Roster) -> AccessRequest:
    """What is asked already is looked for where it cannot be stored: that is seldom, and the
    database itself keeps one submission, and one wish that waits, from being stored twice.
    """
    try:
        return _store(deps, ask, roster)
    except (Conflict, PolicyRefused):
        with deps.look() as work:
            known = work.requests.find_asked(ask)
        if known is None:
            raise
    if known.origin == ask.origin:
        return known
    raise _asked_already(ask)


def _store(deps: Deps, ask: Ask, roster: Roster) -> AccessRequest:
    now = deps.clock()
    with deps.begin() as work:
        held, live = holdings(work, roster, ask.requester, ask.place, to_ask=True)
        approval = checks.evaluate(deps.policy, ask, roster, now=now, held=held, live=live)
        request, demand = work.record_asked(
            requests.submit(
                ask,
                id=deps.new_id(),
                now=now,
                lapses_at=policy.lapses_at(approval.terms, now=now),
                rule=approval.terms.rule,
                needed=approval.needed,
                held=roster.role_of(ask.requester, ask.place),
                invites=roster.find_person(ask.requester) is None,
            ),
            deps.policy.limits,
        )
        _refuse_too_much(demand, deps.policy.limits, ask, now=now)
        return request


def _asked_already(ask: Ask) -> AskedAlready:
    return AskedAlready(
        {
            "role": f"You have already asked for {ask.role.name} in {ask.place}; "
            "that request still waits for a decision."
        }
    )


def _refuse_too_much(demand: Demand, policy_limits: Limits, ask: Ask, *, now: datetime) -> None:
    """In the transaction that stores it, which then stores nothing."""
    too_much = limits.what_is_too_much(policy_limits, demand, place=ask.place, now=now)
    if too_much is not None:
        limit, sentence = too_much
        raise AskedTooMuch(limit, {"role": sentence})


def holdings(
    work: UnitOfWork,
    roster: Roster,
    person: EmailAddress,
    place: Place,
    *,
    to_ask: bool = False,
) -> tuple[Role | None, list[Grant]]:
    """What the person holds there apart from our live grants, and those grants.

    What somebody has taken away in W&B the person does not have, and may ask for again.
    """
    standing, grants = work.standings.with_grants(person, place, to_ask=to_ask)
    live = [grant for grant in grants if grant.is_live]
    shown = roster.role_of(person, place)
    if not standing.noted:
        return shown, live
    if roster.hides_role(person, place) or not standings.is_past(standing, roster.read_at):
        return standing.prior, live
    return standings.left_of(standing.prior, live, shown)


def decide_request(
    deps: Deps, id: str, *, by: EmailAddress, approved: bool, comment: str = ""
) -> AccessRequest:
    """Count one approver's word; with the last approval needed, issue the grant in the same commit.

    Raises `NotAnApprover`, `AlreadySettled`, `Refused` (a denial without a reason; W&B does not
    answer, so that the right to decide cannot be checked), or `NotFound`.
    """

    def decide(roster: Roster) -> AccessRequest:
        return _decide(deps, id, roster, by=by, approved=approved, comment=comment)

    return with_fresh_roster(deps, decide)


def with_fresh_roster(deps: Deps, use: Callable[[Roster], T]) -> T:
    """Do something that needs a right, by a reading that is at most a minute old.

    Where it would be refused, once more by a reading that is newer still.
    """
    roster = deps.rosters.recent()
    waited = not roster.is_fresh(deps.clock())
    if waited:
        roster = deps.rosters.newer()
    if waited and not roster.is_fresh(deps.clock()):
        raise Refused(
            "W&B does not answer just now, so I cannot check that you may decide. "
            "Nothing is lost and nothing has changed. Try again in a minute."
        )
    try:
        return use(roster)
    except NotAnApprover:
        if waited:  # for this very answer; Slack waits three seconds in all
            raise
        newer = deps.rosters.newer()
        if newer.read_at <= roster.read_at:
            raise
    return use(newer)


@again_on_conflict
def _decide(
    deps: Deps, id: str, roster: Roster, *, by: EmailAddress, approved: bool, comment: str
) -> AccessRequest:
    now = deps.clock()
    with deps.begin() as work:
        request = work.requests.get(id)
        policy.authorize(deps.policy, request, by, roster)
        asked_for = deps.policy.terms(request.place, request.role).approvals
        if asked_for > request.needed:
            request = replace(request, needed=asked_for)
        decision = requests.decide(request, by=by, approved=approved, comment=comment, now=now)
        newly = request.status is RequestStatus.PENDING
        if newly and decision.entity.status is RequestStatus.APPROVED:
            return work.record(decision, grants.issue(decision.entity, now=now))
        return work.record(decision)


def check_may_decide(deps: Deps, id: str, *, by: EmailAddress) -> AccessRequest:
    """The request, if this person may decide on it now; raises what `decide_request` would."""

    def check(roster: Roster) -> AccessRequest:
        with deps.look() as work:
            request = work.requests.get(id)
        policy.authorize(deps.policy, request, by, roster)
        requests.must_be_pending(request, now=deps.clock())
        return request

    return with_fresh_roster(deps, check)


@again_on_conflict
def cancel_request(deps: Deps, id: str, *, by: EmailAddress) -> AccessRequest:
    """The requester takes it back. Raises `Refused`, `AlreadySettled` or `NotFound`."""
    now = deps.clock()
    with deps.begin() as work:
        return work.record(requests.cancel(work.requests.get(id), by=by, now=now))
