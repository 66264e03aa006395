"""`ensure`: make one standing true in W&B, and read it back. The worker's, and nobody else's.

Level-triggered: read what is, compute what should be from what is stored, close the difference,
read back. Granting, ending, putting back and repairing are all this one call. What is about to be
done is stored before it is done; what was done is stored after; either half can be repeated.

    read ─► is each new grant still rightly approved? ─► note `prior` ─► plan ─► fences
         ─► note what is sent ─► send, read back ─► settle the grants
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from workflows.domain import drift, planning, standings, stuck
from workflows.domain import grants as lives
from workflows.domain.drift import FindingState
from workflows.domain.entitlements import EmailAddress, Role, place_from_text
from workflows.domain.events import BOT
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.planning import Hand, Outcome, Plan, Step
from workflows.domain.standings import Reading, Standing
from workflows.errors import (
    Conflict,
    DirectoryChanged,
    DirectoryClosed,
    DirectoryRejected,
    DirectoryUnavailable,
    Unavailable,
)
from workflows.services.authority import Authority
from workflows.services.deps import Deps
from workflows.services.gate import Gatekeeper
from workflows.services.leased import Key, LeasedStanding, States
from workflows.services.writing import Writing
from workflows.storage.outbox import Job
from workflows.storage.unit_of_work import UnitOfWork

TRIES = 3  # readings that W&B or a click overtook, before the job is tried again later

UNKNOWN_ROLE = (
    "W&B does not say which role this person has there now, so it could not be put back at the end."
    " Ask whoever runs W&B to let SCIM answer with `teamRoles` (server 0.50.2 and newer)."
)

log = logging.getLogger(__name__)


def ensure(deps: Deps, job: Job) -> datetime | None:
    """Make the standing that `job.subject` names true; when to look at it again, if ever.

    Raises `Unavailable` when it has to be tried again, and `LeaseLost` when somebody else does it.
    """
    person, _, place = job.subject.partition(" ")
    key = Key(EmailAddress(person), place_from_text(place))
    overtaken = DirectoryUnavailable("It keeps changing while it is being changed.")
    gate = Gatekeeper(deps, job.subject)
    for left in reversed(range(TRIES)):
        one = _Pass(deps, key, LeasedStanding(deps, job, key), gate)
        try:
            return one.run()
        except (DirectoryChanged, Conflict):
            if not left:
                one.overdue(overtaken)
            # Overtaken between reading and writing: everything is read anew.
    raise overtaken


class _Pass:
    """One time through. What is stored is in `kept`; what W&B says is handed from step to step."""

    def __init__(self, deps: Deps, key: Key, kept: LeasedStanding, gate: Gatekeeper) -> None:
        self._deps = deps
        self._key = key
        self._kept = kept
        self._gate = gate
        self._authority = Authority(deps)
        self._put_off: Unavailable | None = None
        self._lost_account = False
        self._writing = Writing(deps, key, kept, self._authority, gate)

    def run(self) -> datetime | None:
        try:
            self._gate.enter(self._kept.gate)
            return self._past_the_gate()
        except DirectoryRejected as refusal:
            return self._refused(str(refusal))
        except Unavailable as error:
            self.overdue(error)
            raise

    def _past_the_gate(self) -> datetime | None:
        try:
            again_at = self._run()
        except DirectoryClosed as error:
            self._gate.refused(error)
            raise
        except DirectoryRejected:
            self._gate.passed()
            raise
        self._gate.passed()
        return again_at

    def _run(self) -> datetime | None:
        if why := self._deps.held_up():
            raise DirectoryUnavailable(why)
        reading = self._read()
        self._check_approvals()
        reading = self._account_for(reading)
        self._check_account(reading)
        if self._is_settled():
            return None
        held = standings.believed(self._kept.standing, reading)
        if not reading.exact and held is None and self._has_a_say():
            raise DirectoryRejected(UNKNOWN_ROLE)
        self._first_touch(reading, held)
        self._writing.look_at_others(reading)
        planned_for = self._kept.states  # before `_plan`, which stores, and reads them anew
        plan = self._plan(reading, held)
        after = held
        if plan.step is Step.WRITE:
            after = self._writing.write(reading, held, plan.wanted, planned_for)
        try:
            again_at = self._settle(held, after, plan, planned_for, exact=reading.exact)
        except Conflict:
            self._writing.store_answer()
            raise
        if self._put_off is not None:
            raise self._put_off
        return again_at

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def _read(self) -> Reading:
        """By the account that we gave it to; for a new grant also by address, if that is gone."""
        known = self._kept.standing.account
        reading = self._ask(known)
        self._lost_account = reading.account is None and known is not None
        if self._lost_account and self._kept.issued:
            return self._ask(None)
        return reading

    def _ask(self, account: str | None) -> Reading:
        return self._deps.directory.read(self._key.person, self._key.place, account=account)

    def _is_settled(self) -> bool:
        """No open grant, and the last look after an end is behind us: nothing here is ours."""
        standing = self._kept.standing
        over = standings.next_recheck(standing.last_end_at, now=self._deps.clock()) is None
        touched = standing.noted or bool(standing.unanswered)
        return not self._kept.grants and over and not touched

    def _has_a_say(self) -> bool:
        """Whether something is to be given, or was touched by us."""
        return self._kept.standing.noted or bool(self._kept.issued)

    # ── whether it may be given ──────────────────────────────────────────────────────────────

    def _check_approvals(self) -> None:
        """At the moment of effect: does everybody who approved still have the right to?"""
        for grant in self._kept.issued:
            try:
                complaint = self._authority.complaint_about(grant)
            except Unavailable as error:
                # Taking back waits for nobody's right, and so not for whom it is asked of.
                if not self._kept.ending:
                    raise
                self._put_off = error
                self._kept.leave_out(grant)
                continue
            if complaint is not None:
                self._deny([grant], complaint)

    def _account_for(self, reading: Reading) -> Reading:
        """Make an account where every grant's approval knew that there was none."""
        issued = self._kept.issued
        if reading.account is not None or not issued or not all(one.invites for one in issued):
            return reading
        self._kept.record(standings.invite(self._kept.standing, now=self._deps.clock()))
        with self._gate.writing():
            account = self._deps.directory.invite(self._key.person)
        made = self._ask(account)
        if made.account is None:
            raise DirectoryUnavailable("W&B does not show the account yet that was just made.")
        return made

    def _check_account(self, reading: Reading) -> None:
        if not self._kept.issued:
            return
        if reading.account is None:
            no_account = f"There is no W&B account with the address {self._key.person}."
            self._deny(self._kept.issued, no_account)
        elif not reading.active:
            self._deny(self._kept.issued, "The W&B account is deactivated.")

    def _first_touch(self, reading: Reading, held: Role | None) -> None:
        standing = self._kept.standing
        if not self._kept.issued or reading.account is None:
            return
        if standing.noted and standing.account == reading.account:
            return
        now = self._deps.clock()
        is_known = standing.account == reading.account
        if is_known and standings.is_unsettled(standing, held, now=now):
            raise DirectoryUnavailable("W&B still shows what was there before the last change.")
        touched = standings.first_touch(standing, held, account=reading.account, now=now)
        with self._kept.storing() as work:
            self._refuse_second_address(work, reading.account)
            work.record(touched)

    def _refuse_second_address(self, work: UnitOfWork, account: str) -> None:
        """What an account holds under an earlier address of it must not be taken for theirs."""
        for other in work.standings.find_by_account(account, self._key.place):
            if other.person != self._key.person and other.noted:
                raise DirectoryRejected(
                    f"This W&B account still has access there that it got as {other.person}. "
                    "Ask again when that has ended."
                )

    # ── settling ─────────────────────────────────────────────────────────────────────────────

    def _settle(
        self,
        before: Role | None,
        after: Role | None,
        plan: Plan,
        planned_for: States,
        *,
        exact: bool,
    ) -> datetime | None:
        now = self._deps.clock()
        written = self._writing
        standing = written.answered()
        done = Outcome(after, written.begun, written.replaced, self._lost_account)
        with self._kept.storing(planned_for) as work:  # what was just given may be over
            for grant in self._kept.issued:
                was = before if before != after else standing.prior  # a lost answer
                work.record(lives.activate(grant, held_before=was, now=now))
            for grant in self._kept.ending:
                note = planning.end_note(standing, grant, plan, done, now=now)
                work.record(lives.end(grant, held=after, note=note, now=now))
            for grant in self._kept.with_status(GrantStatus.ACTIVE):
                work.redraw(grant.id, at=now)  # what is there now is said of them too
            settled = self._settled(standing, after, plan, now)
            gone = stuck.leftover_gone(settled, now=now)
            if exact and plan.step is not Step.LEAVE:
                gone = drift.gone(gone.entity, now=now) if not gone.events else gone
            if gone.events:
                work.record(gone)
            elif settled != self._kept.standing:
                work.standings.save(settled)
            written.wake_others(work)
        return standings.next_recheck(settled.last_end_at, now=now)

    def _settled(
        self, standing: Standing, after: Role | None, plan: Plan, now: datetime
    ) -> Standing:
        ended = bool(self._kept.ending)
        is_open = any(grant.is_live for grant in self._kept.grants)
        seen = after
        if plan.step is Step.LEAVE:  # what somebody else set is not ours for being looked at
            is_ours = is_open or not standing.noted
            seen = standing.last_seen if is_ours else standing.prior
        elif ended and plan.step is Step.NOTHING:
            standing = drift.done(standings.doubt(standing, after), plan)
        else:
            standing = drift.done(standing, plan)
        return standings.settle(standing, held=seen, ended=ended, open=is_open, now=now)

    def _plan(self, reading: Reading, held: Role | None) -> Plan:
        """What to do; somebody else's hand is noted, and what is done about it, before it is."""
        standing, now = self._kept.standing, self._deps.clock()
        # Nobody is made anew, or given back what went with the account, by policy.
        enforce = self._deps.policy.enforces and reading.account is not None and reading.active
        plan = planning.plan(standing, self._kept.grants, held, enforce=enforce)
        is_left = self._kept.ending and plan.step is not Step.WRITE
        if is_left and standings.may_be_before(standing, held, now=now):
            raise DirectoryUnavailable("W&B may not show yet what is to be taken back.")
        if plan.hand is None:
            return plan
        if plan.step is Step.WRITE and standings.may_be_old(standing, held, now=now):
            raise DirectoryUnavailable("W&B may still show what was there before the last change.")
        self._kept.record(drift.note(standing, held, plan, now=now))
        if plan.hand is Hand.APPROVED:
            standing = self._kept.standing
            self._kept.record(drift.go_over(standing, self._kept.grants, held, now=now))
        return plan

    # ── a plain no ───────────────────────────────────────────────────────────────────────────

    def _refused(self, reason: str) -> datetime | None:
        """A giving fails or is taken back; a taking back is stuck: told, and tried for ever.

        What never came to be leaves nothing noted: the next grant looks anew at what is there.
        """
        now = self._deps.clock()
        if self._kept.issued:
            self._deny(self._kept.issued, reason)
            if self._kept.grants:
                raise Conflict("the others are looked at without it in a new pass")
        if self._kept.ending:
            self._stick(reason)
            raise DirectoryUnavailable(reason)
        standing = self._kept.standing
        is_resolved = drift.finding_of(standing).state is FindingState.RESOLVED
        is_ours = standings.may_hold_ours(standing, ()) and not is_resolved
        if not self._kept.grants and is_ours:
            self._kept.record(drift.note_leftover(standing, reason=reason, now=now))
            raise DirectoryUnavailable(reason)
        if self._kept.grants and self._writing.begun:  # somebody's change is to be put back
            self._kept.record(drift.note_refused(standing, reason=reason, now=now))
            raise DirectoryUnavailable(reason)
        if not self._kept.grants and standing.noted:
            self._kept.save(replace(standing, noted=False))
        return standings.next_recheck(standing.last_end_at, now=now)

    def _deny(self, grants: Sequence[Grant], reason: str) -> None:
        """Nothing written yet: it fails. In the middle: it ends like any other, in a new pass."""
        now = self._deps.clock()
        if not standings.may_hold_ours(self._kept.standing, self._kept.grants):
            self._kept.record(*(lives.fail(one, reason=reason, now=now) for one in grants))
            return
        self._kept.record(*(lives.revoke(one, by=BOT, reason=reason, now=now) for one in grants))
        raise Conflict("what was begun is taken back in a new pass")

    def overdue(self, error: Unavailable) -> None:
        """What is over for long and still there is told to people, whatever the reason."""
        now, kept = self._deps.clock(), self._kept
        long_ago = now - stuck.TAKE_WITHIN
        if any(one.over_at and one.over_at <= long_ago for one in kept.ending):
            self._stick(stuck.NO_ANSWER)
            log.warning("access could not be taken back yet", extra={"error": str(error)})
        standing = kept.standing
        if stuck.is_unanswered_leftover(standing, kept.grants, attempts=kept.attempts, now=now):
            kept.record(drift.note_leftover(standing, reason=stuck.NO_ANSWER, now=now))

    def _stick(self, reason: str) -> None:
        now = self._deps.clock()
        told = [lives.stick(grant, reason=reason, now=now) for grant in self._kept.ending]
        self._kept.record(*told)


def tell_of_trouble(work: UnitOfWork, job: Job, *, at: datetime) -> None:
    """What was approved, or is over, takes longer than it should: have its messages drawn again."""
    person, _, place = job.subject.partition(" ")
    for grant in work.grants.open_of(EmailAddress(person), place_from_text(place)):
        work.redraw(grant.id, at=at)
