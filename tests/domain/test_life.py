"""Random walks over all transitions, with the promises as the assertions.

W&B is a variable here. A write of ours may be answered, applied without an answer, half applied
(added as a member, the role refused to come), lost, or land up to three quarters of an hour later.
Nobody else's hand is at work, so at the end it holds what it held at the beginning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.builders import (
    ADA,
    ADMIN,
    BOB,
    EVE,
    MEMBER,
    NOW,
    OLGA,
    STEWARD,
    VIEWER,
    VISION,
    a_roster,
    a_standing,
    an_ask,
)
from workflows.domain import grants, planning, policy, requests, standings
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Role
from workflows.domain.events import Change, Event
from workflows.domain.grants import OPEN, Grant, GrantStatus
from workflows.domain.planning import Step
from workflows.domain.policy import NamedPerson, Policy, TeamAdmins, Terms
from workflows.domain.reactions import REACTIONS, JobKind
from workflows.domain.requests import AccessRequest, RequestStatus
from workflows.domain.standings import RECHECKS
from workflows.errors import NotAnApprover, Refused

LATEST = timedelta(minutes=45)  # after that a write that was lost lands no more
PEOPLE = (EVE, ADA, BOB, OLGA, EmailAddress("eve+2@corp.example"))
ROLES = (VIEWER, MEMBER, ADMIN, STEWARD)
FATES = ("answered", "answered", "unheard", "half", "lost", "late")


def rank(role: Role | None) -> int:
    return role.rank if role else 0


@dataclass
class Flying:
    """A write of ours on its way through a slow network."""

    role: Role | None
    sent_at: datetime


class Life(RuleBasedStateMachine):
    """Eve, one team, as many requests as it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.roster = a_roster()
        self.requests: dict[str, AccessRequest] = {}
        self.grants: dict[str, Grant] = {}
        self.standing = a_standing()
        self.flying: list[Flying] = []
        self.settled: dict[str, AccessRequest] = {}
        self.owed: set[str] = set()  # requests and grants whose last step owes an `ensure`

    @initialize(held=st.sampled_from((None, *ROLES)), approvals=st.integers(1, 3))
    def begin(self, held: Role | None, approvals: int) -> None:
        self.at_first = held
        self.wandb = held
        terms = Terms(
            approvals=approvals, approvers=(TeamAdmins(), NamedPerson(OLGA), NamedPerson(EVE))
        )
        self.policy = Policy(terms)

    # ── people ───────────────────────────────────────────────────────────────────────────────

    @rule(role=st.sampled_from(ROLES), minutes=st.integers(1, 120))
    def ask(self, role: Role, minutes: int) -> None:
        terms = self.policy.terms(VISION, role)
        change = requests.submit(
            an_ask(role=role, duration=Span(minutes * 60)),
            id=f"r-{len(self.requests)}",
            now=self.now,
            lapses_at=self.now + timedelta(hours=2),
            rule=terms.rule,
            needed=terms.approvals,
            held=self.wandb,
            invites=False,
        )
        self.requests[change.entity.id] = change.entity

    @rule(role=st.sampled_from(ROLES), minutes=st.integers(1, 120), fate=st.sampled_from(FATES))
    def ask_and_be_given(self, role: Role, minutes: int, fate: str) -> None:
        self.ask(role, minutes)
        for by in (ADA, BOB, OLGA):
            self._decide(self.requests[f"r-{len(self.requests) - 1}"], by, approved=True)
        self.ensure(fate)

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), by=st.sampled_from(PEOPLE), approved=st.sampled_from([True, True, False]))
    def decide(self, data: st.DataObject, by: EmailAddress, approved: bool) -> None:
        self._decide(self._some_request(data), by, approved=approved)

    def _decide(self, request: AccessRequest, by: EmailAddress, *, approved: bool) -> None:
        try:
            policy.authorize(self.policy, request, by, self.roster)
            change = requests.decide(request, by=by, approved=approved, comment="so", now=self.now)
        except (NotAnApprover, Refused):
            return
        self._store_request(request, change)
        newly = request.status is RequestStatus.PENDING
        if newly and change.entity.status is RequestStatus.APPROVED:
            issued = grants.issue(change.entity, now=self.now)
            self._owe(issued.events)
            self.grants[request.id] = issued.entity

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), by=st.sampled_from(PEOPLE))
    def cancel(self, data: st.DataObject, by: EmailAddress) -> None:
        request = self._some_request(data)
        try:
            self._store_request(request, requests.cancel(request, by=by, now=self.now))
        except Refused:
            return

    @precondition(lambda self: self._live())
    @rule(data=st.data(), fate=st.sampled_from(FATES))
    def revoke(self, data: st.DataObject, fate: str) -> None:
        grant = data.draw(st.sampled_from(self._live()))
        self._store_grant(grant, grants.revoke(grant, by=EVE, reason="done", now=self.now))
        self.ensure(fate)

    @precondition(lambda self: self._live())
    @rule(data=st.data(), minutes=st.integers(1, 120))
    def extend(self, data: st.DataObject, minutes: int) -> None:
        grant = data.draw(st.sampled_from(self._live()))
        assert grant.ends_at is not None
        until = grant.ends_at + timedelta(minutes=minutes)
        self._store_grant(grant, grants.extend(grant, until=until, by=ADA, now=self.now))

    # ── the clock and the worker ─────────────────────────────────────────────────────────────

    @rule(minutes=st.integers(1, 50))
    def time_goes_by(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        for request in list(self.requests.values()):
            if request.lapses_at <= self.now:
                lapsed = requests.lapse(request, now=self.now, reason="too late")
                self._store_request(request, lapsed)
        for grant in list(self.grants.values()):
            if grant.ends_at and grant.ends_at <= self.now:
                self._store_grant(grant, grants.expire(grant, now=self.now))
        self.flying = [one for one in self.flying if self.now - one.sent_at < LATEST]

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), half=st.booleans())
    def a_lost_write_lands(self, data: st.DataObject, half: bool) -> None:
        one = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        self._land(one.role, half=half)

    @rule(fate=st.sampled_from(FATES))
    def ensure(self, fate: str) -> None:
        now, held = self.now, self.wandb
        opened = [grant for grant in self.grants.values() if grant.status in OPEN]
        recheck = standings.next_recheck(self.standing.last_end_at, now=now)
        if not opened and recheck is None and not self.standing.unanswered:
            return  # nothing here is ours
        giving = any(grant.status is GrantStatus.ISSUED for grant in opened)
        if giving and not self.standing.noted:
            touched = standings.first_touch(self.standing, held, account="u-eve", now=now)
            self.standing = touched.entity
        plan = planning.plan(self.standing, opened, held)
        assert plan.hand is None, "nobody else's hand is at work"
        if plan.step is Step.WRITE:
            sent = standings.send(self.standing, plan.wanted, held=held, others=None, now=now)
            self.standing = sent.entity
            if not self._write(plan.wanted, fate):
                return  # no answer: it is tried again
            self.standing = standings.answered(self.standing, plan.wanted)
        if plan.step is Step.LEAVE:  # a grant that was over before anything was touched
            assert not self.standing.noted
            seen = self.standing.last_seen
        else:
            assert self.wandb == plan.wanted
            seen = self.wandb
        self._settle(opened, held, seen)

    def _settle(self, opened: Sequence[Grant], held: Role | None, seen: Role | None) -> None:
        ended = False
        for grant in opened:
            if grant.status is GrantStatus.ISSUED:
                self._store_grant(grant, grants.activate(grant, held_before=held, now=self.now))
            elif grant.status is GrantStatus.ENDING:
                self._store_grant(grant, grants.end(grant, held=self.wandb, note="", now=self.now))
                ended = True
        self.standing = standings.settle(
            self.standing,
            held=seen,
            ended=ended,
            open=any(grant.is_live for grant in opened),
            now=self.now,
        )

    def _write(self, wanted: Role | None, fate: str) -> bool:
        if fate == "late":
            self.flying.append(Flying(wanted, self.now))
        elif fate in ("answered", "unheard", "half"):
            self._land(wanted, half=fate == "half")
        return fate == "answered"

    def _land(self, role: Role | None, *, half: bool) -> None:
        added = half and self.wandb is None and role is not None
        self.wandb = MEMBER if added else role

    # ── what holds at every moment ───────────────────────────────────────────────────────────

    @invariant()
    def wanted_is_never_below_what_was_there_before(self) -> None:
        wanted = standings.wanted_role(self.standing.prior, list(self.grants.values()))
        assert rank(wanted) >= rank(self.standing.prior)

    @invariant()
    def a_grant_that_is_over_never_counts(self) -> None:
        every = list(self.grants.values())
        live = [grant for grant in every if grant.is_live]
        prior = self.standing.prior
        assert standings.wanted_role(prior, every) == standings.wanted_role(prior, live)

    @invariant()
    def what_was_there_before_us_is_what_is_noted(self) -> None:
        if self.standing.noted:
            assert self.standing.prior == self.at_first

    @invariant()
    def a_request_is_approved_by_as_many_different_people_as_it_needs_and_never_by_its_own(
        self,
    ) -> None:
        for request in self.requests.values():
            said_yes = {one.approver for one in request.approvals}
            assert not any(self.roster.is_same_person(one, EVE) for one in said_yes)
            assert len(said_yes) == len(request.approvals) <= request.needed
            if request.status is RequestStatus.APPROVED:
                assert len(said_yes) == request.needed
        assert set(self.grants) == {
            one.id for one in self.requests.values() if one.status is RequestStatus.APPROVED
        }

    @invariant()
    def the_requester_is_never_among_the_approvers(self) -> None:
        if hasattr(self, "policy"):
            for requester in PEOPLE:
                found = policy.approvers_of(
                    self.policy.defaults, VISION, self.roster, requester=requester
                )
                assert not any(self.roster.is_same_person(one, requester) for one in found)

    @invariant()
    def access_that_may_be_there_owes_an_ensure_before_the_grant_ends(self) -> None:
        for grant in self.grants.values():
            if grant.status in (GrantStatus.ISSUED, GrantStatus.ENDING):
                assert grant.id in self.owed

    def teardown(self) -> None:
        """Everything is over, W&B answers again, and what was lost lands at the worst moment."""
        if not hasattr(self, "policy"):
            return
        for grant in list(self.grants.values()):
            if grant.is_live:
                self._store_grant(grant, grants.revoke(grant, by=EVE, reason="", now=self.now))
        self.ensure("answered")
        last_end = self.now
        for wait in RECHECKS:
            if self.flying:
                self._land(self.flying.pop().role, half=False)
            self.now = last_end + wait
            self.ensure("answered")

        assert not any(grant.status in OPEN for grant in self.grants.values())
        assert self.wandb == self.at_first

    # ── keeping the books ────────────────────────────────────────────────────────────────────

    def _some_request(self, data: st.DataObject) -> AccessRequest:
        return self.requests[data.draw(st.sampled_from(sorted(self.requests)))]

    def _live(self) -> list[Grant]:
        return [self.grants[id] for id in sorted(self.grants) if self.grants[id].is_live]

    def _store_request(self, before: AccessRequest, change: Change[AccessRequest]) -> None:
        after = change.entity
        moved = after.status is not before.status
        assert not moved or after.status in requests.TRANSITIONS[before.status]
        assert bool(change.events) == (after != before)
        assert before.id not in self.settled or after == self.settled[before.id]
        if after.status is not RequestStatus.PENDING:
            self.settled[after.id] = after
        self.requests[after.id] = after

    def _store_grant(self, before: Grant, change: Change[Grant]) -> None:
        after = change.entity
        if after.status is not before.status:
            assert after.status in grants.TRANSITIONS[before.status]
            self.owed.discard(after.id)
        assert bool(change.events) == (after != before)
        self._owe(change.events)
        self.grants[after.id] = after

    def _owe(self, events: Sequence[Event]) -> None:
        self.owed.update(
            event.subject for event in events if JobKind.ENSURE in REACTIONS[type(event)]
        )


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40)
