"""`ensure`: make one standing true in W&B, and read it back. The worker's, and nobody else's.

Level-triggered: read what is, compute what should be from what is stored, close the difference,
read back. Granting, ending, putting back and repairing are all this one call. What is about to be
done is stored before it is done; what was done is stored after; either half can be repeated.

    read ─► is each new grant still rightly approved? ─► note `prior` ─► plan ─► fences
         ─► note what is sent ─► send, read back ─► settle the grants
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workflows.domain import grants as lives
from workflows.domain import standings
from workflows.domain.entitlements import MEMBER, EmailAddress, Place, Role, place_from_text
from workflows.domain.events import BOT
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.standings import Reading, Standing, Step
from workflows.errors import (
    Conflict,
    DirectoryChanged,
    DirectoryRejected,
    DirectoryUnavailable,
    LeaseLost,
    Unavailable,
)
from workflows.services.authority import Authority
from workflows.services.deps import Deps
from workflows.storage.outbox import Job
from workflows.storage.unit_of_work import UnitOfWork

STUCK_AFTER = timedelta(minutes=2)  # over for this long and not taken back: people are told
TRIES = 3  # readings that W&B or a click overtook, before the job is tried again later

UNKNOWN_ROLE = (
    "W&B does not say which role this person has there now, so it could not be put back at the end."
    " Ask whoever runs W&B to let SCIM answer with `teamRoles` (server 0.50.2 and newer)."
)
NEVER_ACTIVE = "W&B did not confirm it before it was over, so it was never active."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Situation:
    """What is stored of a standing: itself, and its open grants in the order they were issued."""

    standing: Standing
    grants: Sequence[Grant]

    def with_status(self, *statuses: GrantStatus) -> list[Grant]:
        """The grants in one of these states."""
        return [grant for grant in self.grants if grant.status in statuses]


def ensure(deps: Deps, job: Job) -> datetime | None:
    """Make the standing that `job.subject` names true; when to look at it again, if ever.

    Raises `Unavailable` when it has to be tried again, and `LeaseLost` when somebody else does it.
    """
    person, _, place = job.subject.partition(" ")
    key = (EmailAddress(person), place_from_text(place))
    overtaken = DirectoryUnavailable("It keeps changing while it is being changed.")
    for left in reversed(range(TRIES)):
        one = _Ensure(deps, job, *key)
        try:
            return one.run()
        except (DirectoryChanged, Conflict):
            if not left:
                one.overdue(overtaken)
            # Overtaken between reading and writing: everything is read anew.
    raise overtaken


class _Ensure:
    """One pass. Each step leaves `self.now` (the situation) as it is stored."""

    def __init__(self, deps: Deps, job: Job, person: EmailAddress, place: Place) -> None:
        self._deps = deps
        self._job = job
        self._person = person
        self._place = place
        self._considered: frozenset[str] | None = None
        self._put_off: Unavailable | None = None
        with deps.look() as work:
            self._now = self._situation(work)
        self._considered = frozenset(grant.id for grant in self._now.grants)

    def run(self) -> datetime | None:
        try:
            return self._pass()
        except DirectoryRejected as refusal:
            return self._refused(str(refusal))
        except Unavailable as error:
            self.overdue(error)
            raise

    def _pass(self) -> datetime | None:
        reading = self._read()
        self._check_approvals()
        if reading.account is None and self._now.with_status(GrantStatus.ISSUED):
            reading = self._account_for(reading)
        self._check_account(reading)
        if self._is_settled():
            return None
        held = standings.believed(self._now.standing, reading)
        if not reading.exact and held is None and self._has_a_say():
            raise DirectoryRejected(UNKNOWN_ROLE)
        self._first_touch(reading, held)
        self._repair_others(reading)
        plan = standings.plan(self._now.standing, self._now.grants, held)
        if plan.drifted:
            self._note_drift(held)
        if plan.step is Step.WRITE:
            refusal = self._fence(reading, held, plan.wanted)
            if refusal is not None:
                raise DirectoryRejected(refusal)
            after = self._write(reading, held, plan.wanted)
        else:
            after = held
        again_at = self._settle(held, after, plan)
        if self._put_off is not None:
            raise self._put_off
        return again_at

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def _situation(self, work: UnitOfWork) -> Situation:
        """As it is stored; a grant issued since this pass began waits for the next one."""
        grants = [
            grant
            for grant in work.grants.open_of(self._person, self._place)
            if self._considered is None or grant.id in self._considered
        ]
        return Situation(work.standings.get(self._person, self._place), grants)

    def _read(self) -> Reading:
        """By the account that we gave it to; for a new grant also by address, if that is gone."""
        known = self._now.standing.account
        reading = self._deps.directory.read(self._person, self._place, account=known)
        if reading.account is None and known and self._now.with_status(GrantStatus.ISSUED):
            return self._deps.directory.read(self._person, self._place, account=None)
        return reading

    def _is_settled(self) -> bool:
        """No open grant, and the last look after an end is behind us: nothing here is ours."""
        last_end_at = self._now.standing.last_end_at
        over = standings.next_recheck(last_end_at, now=self._deps.clock()) is None
        standing = self._now.standing
        touched = standing.noted or bool(standing.unanswered)
        return not self._now.grants and over and not touched

    def _has_a_say(self) -> bool:
        """Whether something is to be given, or was touched by us."""
        return self._now.standing.noted or bool(self._now.with_status(GrantStatus.ISSUED))

    # ── whether it may be given ──────────────────────────────────────────────────────────────

    def _check_approvals(self) -> None:
        """At the moment of effect: does everybody who approved still have the right to?"""
        authority = Authority(self._deps)
        for grant in self._now.with_status(GrantStatus.ISSUED):
            try:
                complaint = authority.complaint_about(grant)
            except Unavailable as error:
                self._leave_for_later(grant, error)
                continue
            if complaint is not None:
                self._deny([grant], complaint)

    def _leave_for_later(self, grant: Grant, error: Unavailable) -> None:
        """Taking back waits for nobody's right, and so not for whom it is asked of."""
        if not self._now.with_status(GrantStatus.ENDING):
            raise error
        self._put_off = error
        self._now = replace(
            self._now, grants=[one for one in self._now.grants if one.id != grant.id]
        )
        self._considered = frozenset(one.id for one in self._now.grants)

    def _check_account(self, reading: Reading) -> None:
        issued = self._now.with_status(GrantStatus.ISSUED)
        if issued and reading.account is None:
            self._deny(issued, f"There is no W&B account with the address {self._person}.")
        elif issued and not reading.active:
            self._deny(issued, "The W&B account is deactivated.")

    def _account_for(self, reading: Reading) -> Reading:
        """Make an account where every grant's approval knew that there was none."""
        issued = self._now.with_status(GrantStatus.ISSUED)
        if not all(grant.invites for grant in issued):
            return reading
        with self._deps.begin() as work:
            self._hold(work)
            change = standings.invite(self._now.standing, now=self._deps.clock())
            work.record(change)
            self._now = self._situation(work)
        account = self._deps.directory.invite(self._person)
        return self._deps.directory.read(self._person, self._place, account=account)

    def _first_touch(self, reading: Reading, held: Role | None) -> None:
        standing, issued = self._now.standing, self._now.with_status(GrantStatus.ISSUED)
        if not issued or reading.account is None:
            return
        if standing.noted and standing.account == reading.account:
            return
        now = self._deps.clock()
        if standings.is_unsettled(standing, held, now=now):
            raise DirectoryUnavailable("W&B still shows what was there before the last end.")
        with self._deps.begin() as work:
            self._hold(work)
            touched = standings.first_touch(standing, held, account=reading.account, now=now)
            work.record(touched)
            self._now = self._situation(work)

    # ── changing W&B ─────────────────────────────────────────────────────────────────────────

    def _fence(self, reading: Reading, held: Role | None, wanted: Role | None) -> str | None:
        own = reading.account is not None and self._deps.directory.is_own_account(reading.account)
        others = not standings.lowers_admin(held, wanted) or Authority(self._deps).another_admin(
            self._place, than=self._person
        )
        return standings.fence(reading, held, wanted, own=own, other_admins=others)

    def _write(self, reading: Reading, held: Role | None, wanted: Role | None) -> Role | None:
        """Tell W&B, between noting that we are about to and noting what came of it."""
        with self._deps.begin() as work:
            self._hold(work)
            sent = standings.send(
                self._now.standing, wanted, held=held, others=reading.others, now=self._deps.clock()
            )
            work.record(sent)
            self._now = self._situation(work)
        log.info("telling W&B", extra={"standing": self._now.standing.key})
        try:
            after = self._deps.directory.set_role(self._person, self._place, wanted, seen=reading)
        except DirectoryRejected:
            self._forget_if_untouched(held)
            raise
        self._repair_others(after)
        if after.held != wanted and after.exact:
            raise DirectoryUnavailable("W&B took the change, but does not show it yet.")
        with self._deps.begin() as work:
            self._hold(work)
            work.standings.save(standings.answered(self._now.standing, wanted))
            self._now = self._situation(work)
        self._deps.rosters.ask()
        return wanted

    def _forget_if_untouched(self, held: Role | None) -> None:
        """W&B said no. Where it left everything as it was, nothing of ours can be there."""
        standing = self._now.standing
        reading = self._deps.directory.read(self._person, self._place, account=standing.account)
        if standings.believed(standing, reading) != held:
            return
        with self._deps.begin() as work:
            self._hold(work)
            work.standings.save(standings.answered(standing, standing.last_seen))
            self._now = self._situation(work)

    def _repair_others(self, after: Reading) -> None:
        """Put back what a write of ours has cost the person in other teams, and raise an alarm."""
        before = self._now.standing.others
        lost = standings.lost_others(before, after.others)
        if before is None or not lost:
            return
        # A W&B that replaces the whole list, not a stranger; it makes a member of whom it forgot.
        all_lost = all(team in lost or role.lower() == MEMBER.name for team, role in before.items())
        put_back = all_lost and after.account is not None and self._put_back(after, lost)
        with self._deps.begin() as work:
            self._hold(work)
            changed = standings.note_others(
                self._now.standing,
                before,
                after.others,
                put_back=put_back,
                now=self._deps.clock(),
            )
            work.record(changed)
            self._now = self._situation(work)

    def _put_back(self, after: Reading, lost: Mapping[str, str]) -> bool:
        """Whether W&B took it. A no (the team is gone) is told, and holds up nothing here."""
        try:
            self._deps.directory.put_back_others(after, lost)
        except DirectoryRejected as refusal:
            log.error("other roles could not be put back", extra={"why": str(refusal)})
            return False
        return True

    # ── settling ─────────────────────────────────────────────────────────────────────────────

    def _settle(
        self, before: Role | None, after: Role | None, plan: standings.Plan
    ) -> datetime | None:
        now = self._deps.clock()
        # What somebody else set does not become ours by being looked at.
        seen = self._now.standing.last_seen if plan.step is Step.LEAVE else after
        with self._deps.begin() as work:
            self._hold(work)
            ended = False
            for grant in self._now.grants:
                if grant.status is GrantStatus.ISSUED:
                    work.record(lives.activate(grant, held_before=before, now=now))
                elif grant.status is GrantStatus.ENDING:
                    note = _end_note(grant, after, plan)
                    work.record(lives.end(grant, held=after, note=note, now=now))
                    ended = True
            standing = self._now.standing
            if ended and plan.step is Step.NOTHING:
                standing = standings.doubt(standing, after)
            settled = standings.settle(
                standing,
                held=seen,
                ended=ended,
                open=any(grant.is_live for grant in self._now.grants),
                now=now,
            )
            if settled != self._now.standing:
                work.standings.save(settled)
        return standings.next_recheck(settled.last_end_at, now=now)

    def _note_drift(self, held: Role | None) -> None:
        with self._deps.begin() as work:
            self._hold(work)
            work.record(standings.note_drift(self._now.standing, held, now=self._deps.clock()))
            self._now = self._situation(work)

    def _refused(self, reason: str) -> datetime | None:
        """A plain no. A giving fails or is taken back; a taking back is stuck: told, and tried on.

        What never came to be leaves nothing noted: the next grant looks anew at what is there.
        """
        issued = self._now.with_status(GrantStatus.ISSUED)
        if issued:
            self._deny(issued, reason)
        if self._now.with_status(GrantStatus.ENDING):
            self._stick(reason)
            raise DirectoryUnavailable(reason)
        standing = self._now.standing
        if standing.noted and not self._now.grants:
            with self._deps.begin() as work:
                self._hold(work)
                work.standings.save(replace(standing, noted=False))
        return standings.next_recheck(standing.last_end_at, now=self._deps.clock())

    def _deny(self, grants: Sequence[Grant], reason: str) -> None:
        """Nothing written yet: it fails. In the middle: it ends like any other, in a new pass."""
        now = self._deps.clock()
        touched = any(role is not None for role in self._now.standing.unanswered)
        with self._deps.begin() as work:
            self._hold(work)
            for grant in grants:
                if touched:
                    work.record(lives.revoke(grant, by=BOT, reason=reason, now=now))
                else:
                    work.record(lives.fail(grant, reason=reason, now=now))
            self._now = self._situation(work)
        if touched:
            raise Conflict("what was begun is taken back in a new pass")

    def overdue(self, error: Unavailable) -> None:
        """What is over for long and still there is told to people, whatever the reason."""
        long_ago = self._deps.clock() - STUCK_AFTER
        ending = self._now.with_status(GrantStatus.ENDING)
        if any(grant.over_at and grant.over_at <= long_ago for grant in ending):
            self._stick("W&B does not answer as it should. It is tried again until it does.")
            log.warning("access could not be taken back yet", extra={"error": str(error)})

    def _stick(self, reason: str) -> None:
        now = self._deps.clock()
        with self._deps.begin() as work:
            self._hold(work)
            for grant in self._situation(work).with_status(GrantStatus.ENDING):
                work.record(lives.stick(grant, reason=reason, now=now))
            self._now = self._situation(work)

    def _hold(self, work: UnitOfWork) -> None:
        """Store only while the lease is ours: a successor may have seen more than we have."""
        if not work.outbox.holds(self._job):
            raise LeaseLost(self._job.key)


def _end_note(grant: Grant, after: Role | None, plan: standings.Plan) -> str:
    if plan.drifted:
        return _left_note(after)
    if grant.activated_at is None and grant.ended_by != BOT:
        return NEVER_ACTIVE
    return ""


def _left_note(held: Role | None) -> str:
    what = f"W&B shows {held.name}" if held else "W&B shows no role"
    return f"{what} there now, which somebody set by hand; that was left as it is."


def tell_of_trouble(work: UnitOfWork, job: Job, *, at: datetime) -> None:
    """What was approved, or is over, takes longer than it should: have its messages drawn again."""
    person, _, place = job.subject.partition(" ")
    for grant in work.grants.open_of(EmailAddress(person), place_from_text(place)):
        if grant.status is not GrantStatus.ACTIVE:
            work.redraw(grant.id, at=at)
