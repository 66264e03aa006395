"""A random walk over the whole engine, with the promise as the assertion.

People ask, decide, cancel and give back; time passes; the worker runs, meets a W&B that fails, and
dies; somebody changes W&B by hand. `WALKS` and `STEPS` of the environment make it longer.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, OLGA, STEWARD, VIEWER, VISION
from tests.services.crashing import Crash, Points, mortal, restart
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Role
from workflows.domain.grants import OPEN, GrantStatus
from workflows.errors import AccessError, DirectoryRejected, DirectoryUnavailable, Refused
from workflows.services.requests import cancel_request
from workflows.storage.database import Database

WALKS = int(os.environ.get("WALKS", "8"))
STEPS = int(os.environ.get("STEPS", "40"))
ROLES = (VIEWER, MEMBER, ADMIN, STEWARD)
PEOPLE = (EVE, EmailAddress("mia@corp.example"))


class Walk:
    """One world, and what may happen in it."""

    def __init__(self, database: Database, seed: int) -> None:
        self.random = Random(seed)
        self.rig = Rig(database)
        self.by_hand: dict[EmailAddress, set[Role | None]] = {person: set() for person in PEOPLE}
        self.ids: list[str] = []
        self.rig.directory.add_person(PEOPLE[1])
        for person in PEOPLE:
            self._hand(person, self.random.choice((None, VIEWER, MEMBER)))
        self.rig.rosters.read()

    def step(self) -> None:
        """Something happens."""
        act = self.random.choice(
            (
                *[self.submit] * 3,
                *[self.decide] * 5,
                *[self.work] * 4,
                *[self.time_passes] * 3,
                self.cancel,
                self.give_back,
                self.fail,
                self.die,
                self.meddle,
            )
        )
        with suppress(Refused):
            act()

    def submit(self) -> None:
        """Somebody asks for something."""
        request = self.rig.submit(
            requester=self.random.choice(PEOPLE),
            role=self.random.choice(ROLES),
            duration=Span(self.random.choice((900, 3600, 8 * 3600))),
        )
        self.ids.append(request.id)

    def _any(self) -> str:
        return self.random.choice(self.ids) if self.ids else self.rig.submit().id

    def decide(self) -> None:
        """Anybody presses a button."""
        by = self.random.choice((ADA, BOB, OLGA, *PEOPLE))
        press = self.rig.deny if self.random.random() < 0.2 else self.rig.approve
        press(self._any(), by)

    def cancel(self) -> None:
        """Somebody presses Cancel."""
        cancel_request(self.rig.deps, self._any(), by=self.random.choice(PEOPLE))

    def give_back(self) -> None:
        """Somebody is done with what they have."""
        granted = [entry.subject for entry in self.rig.audit() if entry.event == "GrantIssued"]
        if granted:
            self.rig.give_back(self.random.choice(granted), by=self.random.choice(PEOPLE))

    def work(self) -> None:
        """The worker does what is due."""
        self.rig.run()

    def time_passes(self) -> None:
        """Seconds, minutes or hours."""
        self.rig.clock.advance(timedelta(seconds=self.random.choice((2, 70, 1000, 5000, 40_000))))
        self.rig.tick()

    def fail(self) -> None:
        """W&B or Slack is about to misbehave once."""
        error: AccessError = DirectoryUnavailable("502")
        if self.random.random() < 0.2:
            error = DirectoryRejected("no")
        after = self.random.random() < 0.5
        method = self.random.choice(("set_role", "read"))
        self.rig.directory.fail_next(error, on=method, after=after)

    def die(self) -> None:
        """The process dies somewhere in what it does next."""
        mortal(self.rig, Points(self.random.randrange(1, 40)))
        with suppress(Crash):
            self.rig.run()
        self.rig = restart(self.rig, frees=True)

    def meddle(self) -> None:
        """Somebody changes a role by hand."""
        self._hand(self.random.choice(PEOPLE), self.random.choice((None, *ROLES)))

    def _hand(self, person: EmailAddress, role: Role | None) -> None:
        self.rig.directory.put(person, VISION, role)
        self.by_hand[person].add(role)

    # -- what must be true --------------------------------------------------------------------

    def nobody_holds_more_than_was_given(self) -> None:
        """Whatever is held was set by hand, or some grant that may still be there gives it."""
        for person in PEOPLE:
            held = self.rig.held(person)
            with self.rig.work.look() as work:
                standing = work.standings.get(person, VISION)
                granted = {grant.role for grant in work.grants.open_of(person, VISION)}
            assert held in {None, *granted, *self.by_hand[person]} | set(standing.unanswered)

    def every_transition_has_its_row(self) -> None:
        """The audit log tells the life of each grant, in order, each step once."""
        for id in self._granted():
            told = [name for name in self.rig.events(id) if name.startswith("Grant")]
            assert told[0] == "GrantIssued"
            assert len(told) == len(set(told))
            status = self.rig.grant(id).status
            last = {
                GrantStatus.ISSUED: {"GrantIssued"},
                GrantStatus.ACTIVE: {"GrantActivated"},
                GrantStatus.ENDING: {"GrantExpired", "GrantRevoked"},
                GrantStatus.ENDED: {"GrantEnded"},
                GrantStatus.FAILED: {"GrantFailed"},
            }[status]
            assert told[-1] in last

    def what_may_be_there_is_owed_an_ensure(self) -> None:
        """Access that is over, or not given yet, is never forgotten."""
        owed = {job["subject"] for job in self.rig.jobs() if job["kind"] == "ensure"}
        for id in self._granted():
            grant = self.rig.grant(id)
            if grant.status in OPEN - {GrantStatus.ACTIVE}:
                assert f"{grant.person} team:vision" in owed

    def _granted(self) -> Sequence[str]:
        every = (entry.subject for entry in self.rig.audit() if entry.event == "GrantIssued")
        return list(every)

    def in_the_end_everything_is_over_and_told(self) -> None:
        """With a healthy world and time, nothing is left and everybody knows."""
        self.rig.drain()
        assert self.rig.jobs() == []
        for id in self._granted():
            grant = self.rig.grant(id)
            assert grant.status in (GrantStatus.ENDED, GrantStatus.FAILED)
            assert self.rig.notifier.notice(id).grant == grant
        for person in PEOPLE:
            assert self.rig.held(person) in self.by_hand[person]
        posted = [(one.subject, one.audience) for one in self.rig.notifier.posted]
        assert len(posted) == len(set(posted))


@pytest.mark.parametrize("seed", range(WALKS))
def test_the_promise_holds_after_every_step_and_in_the_end(sqlite: Database, seed: int) -> None:
    walk = Walk(sqlite, seed)

    for _ in range(STEPS):
        walk.step()
        walk.nobody_holds_more_than_was_given()
        walk.every_transition_has_its_row()
        walk.what_may_be_there_is_owed_an_ensure()

    walk.in_the_end_everything_is_over_and_told()
