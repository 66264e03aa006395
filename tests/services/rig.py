"""The engine on a real database, with stand-ins at its ports and a clock that is advanced.

Eve asks; Ada and Bob are admins of the team `vision`; Olga is the organization's admin.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, OLGA, STEWARD, VISION, an_ask
from tests.services.faithful import FaithfulWork
from tests.services.stand_ins import FakeClock, FakeGroups, RecordingNotifier
from workflows.directories.memory import MemoryDirectory
from workflows.domain.durations import Duration, Span
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.grants import Grant
from workflows.domain.policy import Policy
from workflows.domain.requests import AccessRequest
from workflows.domain.roster import Roster
from workflows.domain.standings import Standing
from workflows.errors import DirectoryUnavailable
from workflows.ports import Directory, Notifier
from workflows.services import expiry, grants, requests
from workflows.services.deps import Deps
from workflows.storage.bookkeeping import JobRow, table_of
from workflows.storage.database import Database
from workflows.storage.outbox import Job
from workflows.storage.records import AuditEntry
from workflows.storage.unit_of_work import UnitOfWork, Work
from workflows.worker import DIRECTORY, Worker

Transaction = Callable[[], AbstractContextManager[UnitOfWork]]


class DirectRosters:
    """`Rosters` without a thread: whoever wants a newer reading makes one."""

    def __init__(self, directory: Directory, groups: FakeGroups, work: Work) -> None:
        self._directory = directory
        self._groups = groups
        self._work = work
        self.stuck = False  # a newer reading does not come in time
        self.newer_asked = 0
        self.asked = self.asked_soon = 0

    def current(self) -> Roster:
        """The stored reading."""
        with self._work.look() as work:
            roster = work.roster()
        if roster is None:
            raise DirectoryUnavailable("W&B has not been read yet.")
        return roster

    def recent(self) -> Roster:
        """Nothing is remembered."""
        return self.current()

    def newer(self) -> Roster:
        """Read now, unless it is stuck."""
        self.newer_asked += 1
        if not self.stuck:
            self.read()
        return self.current()

    def read(self) -> None:
        """Read and store."""
        roster = replace(self._directory.roster(), groups=dict(self._groups.known))
        with self._work.begin() as work:
            work.keep_roster(roster)

    def ask(self, *, soon: bool = False) -> None:
        """Counted, no more."""
        self.asked += 1
        self.asked_soon += soon


def a_directory(clock: FakeClock) -> MemoryDirectory:
    """Eve, Ada, Bob and Olga, and the teams vision and speech."""
    directory = MemoryDirectory(clock=clock)
    for email in (EVE, ADA, BOB):
        directory.add_person(email)
    directory.add_person(OLGA, organization_role=ADMIN)
    directory.add_team("vision", {ADA: ADMIN, BOB: ADMIN})
    directory.add_team("speech", {OLGA: ADMIN})
    directory.custom_roles[STEWARD.name] = STEWARD
    return directory


class Rig:
    """Everything connected. A second one `on` the first is the same world after a restart."""

    def __init__(
        self, database: Database, *, policy: Policy | None = None, on: "Rig | None" = None
    ) -> None:
        self.database = database
        self.work = FaithfulWork(database)
        self.clock: FakeClock = on.clock if on else FakeClock()
        self.directory: MemoryDirectory = on.directory if on else a_directory(self.clock)
        self.notifier: RecordingNotifier = on.notifier if on else RecordingNotifier()
        self.groups: FakeGroups = on.groups if on else FakeGroups()
        self.rosters = DirectRosters(self.directory, self.groups, self.work)
        self.numbers: Iterator[int] = on.numbers if on else itertools.count(1)
        self.deps: Deps = Deps(
            begin=self.work.begin,
            look=self.work.look,
            policy=policy or (on.deps.policy if on else Policy()),
            directory=self.directory,
            groups=self.groups,
            notifier=self.notifier,
            rosters=self.rosters,
            clock=self.clock,
            new_id=self._new_id,
        )
        self.worker = Worker(self.deps, random=Random(0))
        if on is None:
            self.rosters.read()

    def _new_id(self) -> str:
        return f"id-{next(self.numbers)}"

    def rewire(
        self,
        *,
        policy: Policy | None = None,
        begin: Transaction | None = None,
        look: Transaction | None = None,
        directory: Directory | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        """Put something else at a port."""
        self.deps = replace(
            self.deps,
            policy=policy or self.deps.policy,
            begin=begin or self.deps.begin,
            look=look or self.deps.look,
            directory=directory or self.deps.directory,
            notifier=notifier or self.deps.notifier,
        )
        self.worker = Worker(self.deps, random=Random(0))

    # -- what people do -------------------------------------------------------------------------

    def submit(
        self,
        *,
        requester: EmailAddress = EVE,
        place: Place = VISION,
        role: Role = MEMBER,
        duration: Duration = Span(8 * 3600),  # noqa: B008  # frozen
        reason: str = "to look at the sweep",
        origin: str = "",
    ) -> AccessRequest:
        """Ask; each time with a form of its own unless told otherwise."""
        ask = an_ask(
            requester=requester,
            place=place,
            role=role,
            duration=duration,
            reason=reason,
            origin=origin or f"form-{next(self.numbers)}",
        )
        return requests.submit_request(self.deps, ask)

    def approve(self, id: str, by: EmailAddress = ADA) -> AccessRequest:
        """Press Approve."""
        return requests.decide_request(self.deps, id, by=by, approved=True)

    def deny(self, id: str, by: EmailAddress = ADA, comment: str = "not now") -> AccessRequest:
        """Press Deny and say why."""
        return requests.decide_request(self.deps, id, by=by, approved=False, comment=comment)

    def give_back(self, id: str, by: EmailAddress = EVE) -> Grant:
        """Press “I'm done”."""
        return grants.give_back(self.deps, id, by=by)

    def approved(
        self,
        *,
        requester: EmailAddress = EVE,
        place: Place = VISION,
        role: Role = MEMBER,
        duration: Duration = Span(8 * 3600),  # noqa: B008  # frozen
        by: EmailAddress = ADA,
    ) -> str:
        """A request that was asked for and approved: the id of both it and its grant."""
        request = self.submit(requester=requester, place=place, role=role, duration=duration)
        return self.approve(request.id, by).id

    # -- what time does -------------------------------------------------------------------------

    def tick(self) -> None:
        """What the scheduler's sweep does."""
        expiry.expire_due_grants(self.deps)
        expiry.lapse_overdue_requests(self.deps)

    def run(self) -> int:
        """Everything that is due, in this thread."""
        return self.worker.run_due()

    def wait(self, by: timedelta) -> None:
        """Let time pass, then sweep and work."""
        self.clock.advance(by)
        self.tick()
        self.run()

    def drain(self, limit: timedelta = timedelta(days=60)) -> None:
        """Let time pass, from one thing that is owed to the next, until nothing is."""
        until = self.clock.now + limit
        self.tick()
        self.run()
        while (due := self._next()) is not None and due <= until:
            self.clock.now = max(self.clock.now, due) + timedelta(seconds=1)
            self.tick()
            self.run()

    def _next(self) -> datetime | None:
        with self.work.look() as work:
            moments = [one["due_at"] for one in self.jobs()]
            end = work.grants.next_end()
        return min([*moments, *([end] if end else [])], default=None)

    # -- what there is --------------------------------------------------------------------------

    def request(self, id: str) -> AccessRequest:
        """As it is stored."""
        with self.work.look() as work:
            return work.requests.get(id)

    def grant(self, id: str) -> Grant:
        """As it is stored."""
        with self.work.look() as work:
            return work.grants.get(id)

    def standing(self, person: EmailAddress = EVE, place: Place = VISION) -> Standing:
        """As it is stored."""
        with self.work.look() as work:
            return work.standings.get(person, place)

    def held(self, person: EmailAddress = EVE, place: Place = VISION) -> Role | None:
        """What W&B really has."""
        return self.directory.role_of(person, place)

    def audit(self, *subjects: str) -> list[AuditEntry]:
        """The facts about these subjects, or all."""
        with self.work.look() as work:
            return work.audit.of(subjects) if subjects else list(work.audit.all())

    def events(self, *subjects: str) -> list[str]:
        """The names of the facts about these subjects, or all, oldest first."""
        return [entry.event for entry in self.audit(*subjects)]

    def jobs(self) -> list[Mapping[str, Any]]:
        """Every row of the outbox."""
        with self.database.read() as connection:
            rows = connection.execute(select(table_of(JobRow)).order_by("key")).mappings()
            return [dict(row) for row in rows]

    def writes(self) -> list[tuple[str, str, str]]:
        """The calls that change W&B."""
        changing = ("set_role", "invite", "put_back_others")
        return [call for call in self.directory.calls if call[0] in changing]

    def claim(self) -> Job:
        """Take the next job as a worker would."""
        with self.work.begin() as work:
            job = work.outbox.claim(DIRECTORY, now=self.clock(), token=self._new_id())
        assert job is not None
        return job
