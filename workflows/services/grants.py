"""What can be done about access that was given: give it back, or let it last longer."""

from datetime import datetime, timedelta

from workflows.domain import grants, policy
from workflows.domain.durations import words_of
from workflows.domain.entitlements import EmailAddress
from workflows.domain.grants import Grant
from workflows.domain.policy import Terms
from workflows.domain.roster import Roster
from workflows.errors import Refused
from workflows.services.deps import Deps
from workflows.services.requests import with_fresh_roster
from workflows.storage.unit_of_work import UnitOfWork, again_on_conflict


@again_on_conflict
def give_back(deps: Deps, id: str, *, by: EmailAddress) -> Grant:
    """The person who has it is done with it. The access is gone when the worker has been to W&B.

    That is whoever asked for it, or whose W&B account it was given to, under a new address too.
    Raises `Refused` for anybody else, `AlreadySettled` when it is over, `NotFound`.
    """
    now = deps.clock()
    with deps.begin() as work:
        grant = work.grants.get(id)
        if grant.person != by and not _has_the_account(work, grant, by):
            raise Refused("Only the person who has this access can give it back.")
        return work.record(grants.revoke(grant, by=by, reason="given back", now=now))


def _has_the_account(work: UnitOfWork, grant: Grant, by: EmailAddress) -> bool:
    roster = work.roster()
    person = roster.find_person(by) if roster else None
    given_to = work.standings.get(grant.person, grant.place).account
    return person is not None and person.account == given_to


def extend_grant(deps: Deps, id: str, *, until: datetime, by: EmailAddress) -> Grant:
    """Move the end of live access: it is never taken back and given again. Twice the same is once.

    It needs what an approval needs, and is itself the effect: nothing follows that could check the
    right again. Either this or the end is stored first, and the other finds it.

    Raises `NotAnApprover`, `AlreadySettled` when it is over, `Refused` (no end to move, not later,
    longer than the policy allows from now on, or not for one person to decide), or `NotFound`.
    """

    def extend(roster: Roster) -> Grant:
        return _extend(deps, id, roster, until=until, by=by)

    return with_fresh_roster(deps, extend)


@again_on_conflict
def _extend(deps: Deps, id: str, roster: Roster, *, until: datetime, by: EmailAddress) -> Grant:
    now = deps.clock()
    with deps.begin() as work:
        grant = work.grants.get(id)
        request = work.requests.get(id)
        terms = deps.policy.terms(grant.place, grant.role)
        policy.authorize(deps.policy, request, by, roster)
        moved = grants.extend(grant, until=until, by=by, now=now)
        _refuse_too_long(terms, until, now=now)
        return work.record(moved)


def _refuse_too_long(terms: Terms, until: datetime, *, now: datetime) -> None:
    if not terms.allowed:
        raise Refused(f"Nothing changed: the policy no longer allows this (rule {terms.rule}).")
    if terms.approvals > 1:
        raise Refused(
            f"Nothing changed: this takes {terms.approvals} approvals, so one person alone does "
            "not let it last longer. Ask for it again."
        )
    if until - now > timedelta(seconds=terms.max_duration):
        longest = words_of(terms.max_duration)
        raise Refused(f"Nothing changed: that is too long; at most {longest} from now.")
