"""What somebody else changed, and what the organization's admins decide about it.

A finding is the audit row of a `DriftFound`. The first word counts; asking the person leaves the
other two open. By the time of a click it may have changed again: then it is another finding's turn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from workflows.domain import drift, grants, standings
from workflows.domain.entitlements import EmailAddress, Organization, place_from_text
from workflows.domain.events import (
    Change,
    DriftAdopted,
    DriftAsked,
    DriftFound,
    DriftGone,
    DriftPutBack,
)
from workflows.domain.grants import Grant
from workflows.domain.roster import Roster
from workflows.domain.standings import Standing
from workflows.errors import AlreadySettled, NotAnApprover, NotFound
from workflows.ports import Since
from workflows.services.deps import Deps
from workflows.services.reconcile import held_by
from workflows.services.requests import with_fresh_roster
from workflows.storage.records import AuditEntry
from workflows.storage.unit_of_work import UnitOfWork, again_on_conflict

RIGHT_AGAIN = "Nothing changed: W&B is right again; nothing to decide."
REMOVED_BY_HAND = "adopted: removed by hand"

_DECIDED = {
    DriftAdopted.__name__: "adopted it",
    DriftPutBack.__name__: "had it put back",
}
_SHOWN = (*_DECIDED, DriftAsked.__name__, DriftGone.__name__, DriftFound.__name__)


@dataclass(frozen=True, slots=True)
class _Case:
    """A finding and what it is about, within the deciding commit."""

    work: UnitOfWork
    row: int
    standing: Standing
    grants: Sequence[Grant]
    by: EmailAddress
    now: datetime


def since(work: UnitOfWork, finding: AuditEntry) -> tuple[Since, ...]:
    """What became of this finding, oldest first; the last is a newer one, if there is."""
    if finding.event != DriftFound.__name__:
        return ()
    later = [one for one in work.audit.of([finding.subject]) if one.id > finding.id]
    return tuple(Since(one.event, one.actor, one.at) for one in later if one.event in _SHOWN)


def adopt(deps: Deps, finding: str, *, by: EmailAddress) -> Standing:
    """What was found is right, and stays whatever ends. Nothing: what was given there is over.

    Raises `NotAnApprover`, `AlreadySettled`, `NotFound`, or `Refused` while W&B does not answer.
    """
    return _decide(deps, finding, by, _adopt)


def put_back(deps: Deps, finding: str, *, by: EmailAddress) -> Standing:
    """What was found is undone by the next `ensure`, within its fences. Raises as `adopt` does."""
    return _decide(deps, finding, by, _put_back)


def ask_person(deps: Deps, finding: str, *, by: EmailAddress) -> Standing:
    """Have the person asked what it was for; once. Raises as `adopt` does."""
    return _decide(deps, finding, by, _ask, asking=True)


def _adopt(case: _Case) -> Change[Standing]:
    change = drift.adopt(case.standing, finding=case.row, by=case.by, now=case.now)
    if change.entity.prior is None:  # what is live would else be given again some day
        for grant in case.grants:
            if grant.is_live:
                revoked = grants.revoke(grant, by=case.by, reason=REMOVED_BY_HAND, now=case.now)
                case.work.record(revoked)
    return change


def _put_back(case: _Case) -> Change[Standing]:
    return drift.put_back(case.standing, case.grants, finding=case.row, by=case.by, now=case.now)


def _ask(case: _Case) -> Change[Standing]:
    return drift.ask(case.standing, case.grants, finding=case.row, by=case.by, now=case.now)


def _decide(
    deps: Deps,
    finding: str,
    by: EmailAddress,
    what: Callable[[_Case], Change[Standing]],
    *,
    asking: bool = False,
) -> Standing:
    @again_on_conflict
    def decide(roster: Roster) -> Standing:
        with deps.begin() as work:
            entry = _finding(work, finding)
            person, _, place = entry.subject.partition(" ")
            standing = work.standings.get(EmailAddress(person), place_from_text(place))
            _authorize(standing, by, roster)
            _refuse_late(work, entry, standing, asking=asking)
            open_grants = work.grants.open_of(standing.person, standing.place)
            _refuse_what_is_right(entry, standing, open_grants, roster)
            case = _Case(work, entry.id, standing, open_grants, by, deps.clock())
            return work.record(what(case))

    return with_fresh_roster(deps, decide)


def _finding(work: UnitOfWork, token: str) -> AuditEntry:
    """The finding that a button names; a button of another database names none."""
    row = drift.row_of(token)
    entry = work.audit.get(row) if row is not None else None
    if entry is None or entry.event != DriftFound.__name__:
        raise NotFound("That is no finding.")
    if drift.token(entry.id, entry.subject, str(entry.detail.get("found", ""))) != token:
        raise NotFound("That is another finding by now.")
    return entry


def _authorize(standing: Standing, by: EmailAddress, roster: Roster) -> None:
    if by not in roster.admins(Organization()):
        raise NotAnApprover(
            "Nothing changed: only an admin of the W&B organization decides on this."
        )
    if roster.is_same_person(by, standing.person):
        raise NotAnApprover(
            "Nothing changed: this is about your own access. Another admin of the organization "
            "has to decide on it."
        )


def _refuse_late(work: UnitOfWork, entry: AuditEntry, standing: Standing, *, asking: bool) -> None:
    """Raises `AlreadySettled` where this finding is no longer anybody's turn."""
    for later in since(work, entry):
        if later.event in _DECIDED:
            raise AlreadySettled(
                f"Already handled by {later.by}, who {_DECIDED[later.event]}. Nothing changed."
            )
        if asking and later.event == DriftAsked.__name__:
            raise AlreadySettled(f"Already handled by {later.by}, who asked. Nothing changed.")
        if later.event == DriftGone.__name__:
            raise AlreadySettled(RIGHT_AGAIN)
        if later.event == DriftFound.__name__:
            raise AlreadySettled(
                "Nothing changed: it changed again since then. Look at the newest message."
            )
    if not drift.is_open(standing, str(entry.detail.get("found", ""))):
        raise AlreadySettled(
            "Nothing changed: there is nothing left to decide here, because it was put back or "
            "given anew meanwhile."
        )


def _refuse_what_is_right(
    entry: AuditEntry, standing: Standing, open_grants: Sequence[Grant], roster: Roster
) -> None:
    """Raises `AlreadySettled` where W&B was read since, and nobody has compared it yet."""
    is_known, held = held_by(roster, standing)
    is_right = is_known and held == standings.wanted(standing, open_grants)
    if is_right and roster.read_at > entry.at:
        raise AlreadySettled(RIGHT_AGAIN)
