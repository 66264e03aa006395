"""Everything that people, time, W&B, Slack and a dying process do, in any order, against a ledger.

After every step: what is held is explained, what was there before is not lowered, nobody decided
what they may not, every transition has its one row, no place lost its last admin to us. With a
healthy world and time: exactly what is right is held, and in the end everything is over and told.

Searched the same way each time; `--long` searches further, and somewhere else each time.
"""

import shutil
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.builders import ADMIN, MEMBER, STEWARD, VIEWER
from tests.services.checked import (
    ADMINS,
    ASKERS,
    EVERYBODY,
    SPOTS,
    CheckedWorld,
)
from tests.services.crashing import Crash, Points, mortal, restart
from tests.services.ledger import Spot, Wish, Word
from workflows.chores import CHORES
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Role, Team
from workflows.domain.grants import Grant
from workflows.domain.requests import AccessRequest
from workflows.errors import (
    AccessError,
    AlreadySettled,
    DirectoryChanged,
    DirectoryRejected,
    DirectoryUnavailable,
    NotAnApprover,
    NotifierUnavailable,
    PolicyRefused,
    Refused,
)
from workflows.services.grants import extend_grant
from workflows.services.requests import cancel_request

pytestmark = pytest.mark.no_cover  # being traced takes twice as long

TEAM_ROLES = (VIEWER, MEMBER, ADMIN, STEWARD)
LONGEST = timedelta(days=30)

FAULTS: dict[str, tuple[type[AccessError] | type[Crash], tuple[str, ...]]] = {
    "the process dies": (Crash, ()),
    "W&B does not hear it": (DirectoryUnavailable, ("read asked", "set_role asked")),
    "W&B's answer is lost": (DirectoryUnavailable, ("read answered", "set_role answered")),
    "W&B says no": (DirectoryRejected, ("set_role asked",)),
    "W&B has changed": (DirectoryChanged, ("set_role asked",)),
    "Slack does not hear it": (NotifierUnavailable, ("about to post",)),
    "Slack's answer is lost": (NotifierUnavailable, ("posted",)),
}


class Failing(Points):
    """The n-th of these moments does not go as it should; no names: of all there are."""

    def __init__(self, at: int, error: type[BaseException], names: tuple[str, ...]) -> None:
        super().__init__(at)
        self._error = error
        self._only = names

    def reach(self, name: str) -> None:
        """One more moment."""
        if self._only and name not in self._only:
            return
        self.names.append(name)
        if len(self.names) == self.at:
            raise self._error(f"{name} (moment {self.at})")


class Machine(CheckedWorld):
    """What may happen, in any order."""

    # ── what people do ───────────────────────────────────────────────────────────────────────

    @rule(
        spot=st.sampled_from(SPOTS),
        role=st.sampled_from(TEAM_ROLES),
        minutes=st.sampled_from((15, 60, 600)),
    )
    def ask(self, spot: Spot, role: Role, minutes: int) -> None:
        """Somebody asks; what the policy has something against is not stored."""
        self.passes()
        who, where = spot
        lasts = timedelta(minutes=minutes)
        span = Span(int(lasts.total_seconds()))
        with suppress(PolicyRefused):
            request = self.rig.submit(requester=who, place=where, role=role, duration=span)
            needed = 2 if role == ADMIN and isinstance(where, Team) else 1
            lapses_at = self.now + timedelta(days=3)
            self.ledger.wishes[request.id] = Wish(spot, role, needed, lasts, lapses_at)

    @precondition(lambda self: self.ledger.wishes)
    @rule(data=st.data(), by=st.sampled_from(EVERYBODY))
    def approve(self, data: st.DataObject, by: EmailAddress) -> None:
        """Anybody presses Approve."""
        self.passes()
        id, wish = self.some_wish(data)
        open = wish.is_open(self.now)

        outcome = self.outcome_of(lambda: self.rig.approve(id, by))

        if isinstance(outcome, AlreadySettled):
            assert not open, "a request that waits was said to be settled"
        elif isinstance(outcome, NotAnApprover):
            assert by == wish.spot[0] or not self.is_admin(by, wish.spot[1])
        elif isinstance(outcome, AccessRequest):
            assert by != wish.spot[0], "somebody decided on their own request"
            assert self.was_admin(by, wish.spot[1]), "somebody decided without the right"
            assert open or by in wish.yes, "a request was decided that was settled"
            if open:
                self.ledger.approve(wish, by, self.now)
        else:
            raise AssertionError(outcome)

    @precondition(lambda self: self.ledger.wishes)
    @rule(data=st.data(), by=st.sampled_from(EVERYBODY))
    def deny(self, data: st.DataObject, by: EmailAddress) -> None:
        """Anybody presses Deny."""
        self.passes()
        id, wish = self.some_wish(data)
        open = wish.is_open(self.now)

        outcome = self.outcome_of(lambda: self.rig.deny(id, by))

        if isinstance(outcome, AlreadySettled):
            assert not open
        elif isinstance(outcome, AccessRequest):
            assert by != wish.spot[0]
            assert self.was_admin(by, wish.spot[1])
            assert open
            wish.word = Word.DENIED
        else:
            assert isinstance(outcome, NotAnApprover)
            assert by == wish.spot[0] or not self.is_admin(by, wish.spot[1])

    @precondition(lambda self: self.ledger.wishes)
    @rule(data=st.data(), by=st.sampled_from(ASKERS))
    def cancel(self, data: st.DataObject, by: EmailAddress) -> None:
        """Somebody presses Cancel."""
        self.passes()
        id, wish = self.some_wish(data)

        outcome = self.outcome_of(lambda: cancel_request(self.rig.deps, id, by=by))

        if isinstance(outcome, AccessRequest):
            assert by == wish.spot[0]
            assert wish.word in (Word.PENDING, Word.CANCELLED)
            wish.word = Word.CANCELLED
        elif by == wish.spot[0]:
            assert isinstance(outcome, AlreadySettled)
            assert not wish.is_open(self.now)

    @precondition(lambda self: self.granted())
    @rule(data=st.data(), by=st.sampled_from(ASKERS))
    def give_back(self, data: st.DataObject, by: EmailAddress) -> None:
        """Somebody presses “I'm done”."""
        self.passes()
        id, wish = self.some_grant(data)

        outcome = self.outcome_of(lambda: self.rig.give_back(id, by=by))

        if isinstance(outcome, Grant):
            assert by == wish.spot[0]
            assert not wish.over
            wish.over = True
        elif by == wish.spot[0]:
            assert isinstance(outcome, AlreadySettled)
            assert not wish.is_live(self.now)

    @precondition(lambda self: self.granted())
    @rule(data=st.data(), by=st.sampled_from(EVERYBODY), minutes=st.integers(-60, 31 * 24 * 60))
    def extend(self, data: st.DataObject, by: EmailAddress, minutes: int) -> None:
        """Somebody moves the end, or tries to."""
        self.passes()
        id, wish = self.some_grant(data)
        before = self.rig.grant(id)
        assert wish.ends_at is not None
        until = wish.ends_at + timedelta(minutes=minutes)

        outcome = self.outcome_of(lambda: extend_grant(self.rig.deps, id, until=until, by=by))

        if isinstance(outcome, Grant):
            assert by != wish.spot[0]
            assert self.was_admin(by, wish.spot[1])
            assert wish.is_live(self.now)
            assert wish.ends_at <= until <= self.now + LONGEST
            assert wish.needed == 1
            wish.ends_at = until
        else:
            assert isinstance(outcome, Refused)
            assert self.rig.grant(id) == before
            if isinstance(outcome, AlreadySettled):
                assert not wish.is_live(self.now)

    # ── what the world does ──────────────────────────────────────────────────────────────────

    @rule(spot=st.sampled_from(SPOTS[:4]), role=st.sampled_from((None, *TEAM_ROLES)))
    def set_by_hand(self, spot: Spot, role: Role | None) -> None:
        """Somebody changes what a person holds, in W&B itself."""
        self.passes()
        who, where = spot
        self.rig.directory.put(who, where, role)
        if self.ledger.given(spot):
            self.ledger.by_hand[spot].add(role)
        else:
            self.ledger.by_hand[spot] = {role}

    @rule(spot=st.sampled_from(ADMINS), gains=st.booleans())
    def gains_or_loses_the_right(self, spot: Spot, gains: bool) -> None:
        """An approver becomes an admin, or stops being one."""
        self.passes()
        who, where = spot
        self.rig.directory.put(who, where, ADMIN if gains else MEMBER)

    @rule(minutes=st.sampled_from((0, 1, 16, 61, 700)))
    def time_passes(self, minutes: int) -> None:
        """The clock goes on, and all that is done every so often is done."""
        self.passes(timedelta(minutes=minutes))
        self.rig.rosters.read()
        for chore in CHORES:
            chore.run(self.rig.deps)

    @rule()
    def work(self) -> None:
        """The worker does what is due."""
        self.passes()
        self.untouched_admins(self.rig.run)

    @rule(fault=st.sampled_from(sorted(FAULTS)), at=st.integers(1, 40), frees=st.booleans())
    def work_through(self, fault: str, at: int, frees: bool) -> None:
        """The worker does what is due, and once something does not go as it should."""
        self.passes()
        error, names = FAULTS[fault]
        if error is DirectoryRejected:
            for wish in self.ledger.wishes.values():
                wish.excused = wish.excused or wish.is_live(self.now)
        mortal(self.rig, Failing(1 + at % 4 if names else at, error, names))
        with suppress(Crash):
            self.untouched_admins(self.rig.run)
        self.rig = restart(self.rig, frees=frees)

    @rule()
    def all_is_well_for_a_while(self) -> None:
        """Nothing goes wrong: what is held is what is right."""
        self.passes()
        self.rig.rosters.read()
        self.untouched_admins(lambda: self.rig.drain(timedelta(minutes=30)))
        self.look_around()
        for spot in SPOTS:
            if not self.is_held_up(spot):
                held, right = self.rig.held(*spot), self.ledger.right(spot, self.now)
                assert held in right, f"{spot}: {held} is held, {right} is right"


@pytest.mark.timeout(0)
def test_whatever_happens_in_whatever_order_the_promises_hold(
    migrated_file: Path, tmp_path: Path, long: bool
) -> None:
    numbers = count()

    class Fresh(Machine):
        def __init__(self) -> None:
            file = tmp_path / f"{next(numbers)}.db"
            shutil.copy(migrated_file, file)
            super().__init__(file)

    run_state_machine_as_test(
        Fresh,
        settings=settings(
            max_examples=3000 if long else 20,
            stateful_step_count=60 if long else 30,
            derandomize=not long,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
