"""The engine, the world and a scene: one step at a time, saved and put back at will."""

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from sqlalchemy.exc import OperationalError

from tests.builders import ADA, ADMIN, BOB, EVE, NOW, STEWARD, VISION
from tests.search.calls import Rosters, Slack, Wandb
from tests.search.faults import Fault
from tests.search.gateway import MemoryDatabase
from tests.search.promises import Bugs, Promises, moment
from tests.search.scenes import Scene, Stage
from tests.search.world import SavedWorld, World, held_by_everybody
from tests.services.stand_ins import FakeGroups
from workflows import points
from workflows.domain.entitlements import Role, place_to_text
from workflows.errors import AccessError, NotFound, Refused
from workflows.services import expiry, grants
from workflows.services.deps import Deps
from workflows.storage.outbox import LEASE
from workflows.storage.unit_of_work import Work
from workflows.worker import DIRECTORY, MESSAGES, Worker

AGAIN = timedelta(seconds=5)  # a person whose click failed clicks again
TICK = timedelta(seconds=1)  # a thread that stumbled looks again
GIVE_UP = 6  # clicks of one person that failed in a row: something is broken
INSTANT = timedelta(microseconds=1)


class Crash(BaseException):
    """The process is gone; nothing may catch it."""


class Steady:
    """Chance without chance: retries come at their earliest."""

    def random(self) -> float:
        """The lowest."""
        return 0.0


class What(IntEnum):
    """What can happen next; of two at the same time the first."""

    LANDING = 0
    ACT = 1
    SWEEP = 2
    JOB = 3


@dataclass(frozen=True, slots=True)
class Saved:
    """Everything there is at the end of a step."""

    database: bytes
    world: SavedWorld
    acts_done: int
    clicks: int
    not_before: datetime
    last_fault_at: datetime
    faults: int
    ids: Mapping[str, str]
    numbers: int
    steps: int


class Machine:
    """One scene, on its way."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        _listen_for_bugs()
        self.database = MemoryDatabase()
        self.world = World()
        for (person, place), role in scene.before.items():
            self.world.by_hand(person, place, role)
            self.world.first[person, place_to_text(place)] = role
        self.world.meddled = frozenset()
        self.world.changed_at = NOW - timedelta(days=1)
        self.world.roster = self.world.inner.roster()
        self.promises = Promises(self.world, self.database)
        self.work = Work(self.database)
        self.deps = Deps(
            begin=self.work.begin,
            look=self.work.look,
            policy=scene.policy,
            directory=Wandb(self.world, self._reach, self.promises),
            groups=FakeGroups(),
            notifier=Slack(self.world, self._reach),
            rosters=Rosters(self.world),
            clock=self.world.clock,
            new_id=self._new_id,
        )
        self.worker = Worker(self.deps, random=Steady())  # type: ignore[arg-type]  # all it uses
        self.ids: dict[str, str] = {}
        self.acts_done = 0
        self.clicks = 0  # of the act that is next, in vain
        self.not_before = self.world.now
        self.numbers = 0
        self.steps = 0
        self.moments: list[str] = []
        self._planned: Mapping[int, Fault] = {}
        self._muted = True

    def _new_id(self) -> str:
        self.numbers += 1
        return f"id-{self.numbers}"

    # -- saving -------------------------------------------------------------------------------

    def save(self) -> Saved:
        """A copy of everything."""
        return Saved(
            self.database.save(),
            self.world.save(),
            self.acts_done,
            self.clicks,
            self.not_before,
            self.promises.last_fault_at,
            self.promises.faults,
            dict(self.ids),
            self.numbers,
            self.steps,
        )

    def load(self, saved: Saved) -> None:
        """As it was."""
        self.database.load(saved.database)
        self.world.load(saved.world)
        self.acts_done = saved.acts_done
        self.clicks = saved.clicks
        self.not_before = saved.not_before
        self.promises.last_fault_at = saved.last_fault_at
        self.promises.faults = saved.faults
        self.ids = dict(saved.ids)
        self.numbers = saved.numbers
        self.steps = saved.steps

    # -- one step -----------------------------------------------------------------------------

    def next_event(self) -> tuple[datetime, What] | None:
        """What happens next, and when; None when nothing ever does."""
        found: list[tuple[datetime, What]] = []
        if self.acts_done < len(self.scene.acts):
            at = NOW + self.scene.acts[self.acts_done].at
            found.append((at if not self.clicks else self.not_before, What.ACT))
        found += [(one.at, What.LANDING) for one in self.world.landings]
        sweep, job = self._due()
        if sweep is not None:
            found.append((max(sweep, self.not_before), What.SWEEP))
        if job is not None:
            found.append((max(job, self.not_before), What.JOB))
        if not found:
            return None
        at, what = min(found)
        return max(at, self.world.now), what

    def _due(self) -> tuple[datetime | None, datetime | None]:
        sql = (
            "SELECT (SELECT min(ends_at) FROM access_grant WHERE status IN ('issued', 'active')),"
            " (SELECT min(lapses_at) FROM access_request WHERE status = 'pending'),"
            " (SELECT min(CASE WHEN lease_token IS NULL THEN due_at"
            "  ELSE max(due_at, lease_until) END) FROM job)"
        )
        end, lapse, job = self.database.rows(sql)[0]
        sweeps = [moment(one) for one in (end, lapse) if one]
        return min(sweeps, default=None), moment(job) + INSTANT if job else None

    def step(self, planned: Mapping[int, Fault] | None = None) -> list[str] | None:
        """Let the next thing happen, with these faults at its moments; the moments it had.

        None when there is nothing left to happen.
        """
        event = self.next_event()
        if event is None:
            return None
        self.world.now, what = event
        self.promises.hold_in_time()
        self.steps += 1
        self.moments = []
        self.world.just_now.clear()
        self._planned = planned or {}
        self.promises.meeting = frozenset(self._planned.values())
        if self._planned:
            self.promises.last_fault_at = self.world.now
            self.promises.faults += len(self._planned)
        self._muted = False
        points.set_hook(self._on_point)
        try:
            self._happen(what)
        except Crash as crash:
            self._muted = True
            if str(crash) == Fault.CRASH:
                with self.work.begin() as work:
                    work.outbox.free_all()
        finally:
            self._muted = True
            points.set_hook(None)
        if self._planned:
            self.promises.last_fault_at = max(self.world.now, self.promises.last_fault_at)
        return self.moments

    def _happen(self, what: What) -> None:
        match what:
            case What.LANDING:
                self.world.land()
            case What.ACT:
                self._act()
            case What.SWEEP:
                with self._stumbling():
                    self.sweep()
            case What.JOB:
                with self._stumbling():
                    if not self.worker.run_one((*DIRECTORY, *MESSAGES)):
                        self._wait_for_a_lease()

    def sweep(self) -> None:
        """What the scheduler's tick does."""
        expiry.expire_due_grants(self.deps)
        expiry.lapse_overdue_requests(self.deps)

    @contextmanager
    def _stumbling(self) -> Iterator[None]:
        """A thread that meets a database in trouble looks again a moment later."""
        try:
            yield
        except OperationalError:
            self.not_before = self.world.now + TICK

    def _wait_for_a_lease(self) -> None:
        sql = "SELECT min(lease_until) FROM job WHERE lease_token IS NOT NULL"
        until = self.database.rows(sql)[0][0]
        wait = moment(until) + INSTANT if until else self.world.now + TICK
        self.not_before = max(wait, self.world.now + INSTANT)

    def _act(self) -> None:
        """Done, or refused with a reason; else the person tries again."""
        self.clicks += 1
        self.not_before = self.world.now + AGAIN
        assert self.clicks < GIVE_UP, "somebody clicks and clicks, and nothing comes of it"
        act = self.scene.acts[self.acts_done]
        with suppress(OperationalError):
            with suppress(Refused, NotFound):
                act.do(Stage(self.deps, self.world, self.ids))
            self.acts_done += 1
            self.clicks = 0
            self.not_before = self.world.now

    # -- faults -------------------------------------------------------------------------------

    def _on_point(self, name: str) -> None:
        self._reach(name)

    def _reach(self, name: str) -> Fault | None:
        """One more moment; what is planned for it happens."""
        if self._muted:
            return None
        fault = self._planned.get(len(self.moments))
        self.moments.append(name)
        if fault is not None:
            self._muted = True
            try:
                self._meet(fault)
            finally:
                self._muted = False
        return fault

    def _meet(self, fault: Fault) -> None:
        match fault:
            case Fault.CRASH | Fault.DEATH:
                raise Crash(fault)
            case Fault.COMMIT_FAILS | Fault.COMMIT_UNKNOWN:
                raise OperationalError("COMMIT", None, sqlite3.OperationalError("disk I/O error"))
            case Fault.STALLED:
                self.world.now += LEASE + TICK
                self._somebody_else_works()
            case Fault.END:
                self._the_end_comes()
            case Fault.GIVEN_BACK:
                self._given_back()
            case Fault.HAND_REMOVES:
                self._by_hand(None)
            case Fault.HAND_RAISES:
                held = self.world.held(EVE, VISION)
                self._by_hand(ADMIN if held == STEWARD else STEWARD)
            case Fault.RIGHT_LOST:
                self._right_lost()

    def _somebody_else_works(self) -> None:
        self.sweep()
        for _ in range(3):
            if not self.worker.run_one((*DIRECTORY, *MESSAGES)):
                return

    def _the_end_comes(self) -> None:
        sql = "SELECT min(ends_at) FROM access_grant WHERE status IN ('issued', 'active')"
        end = self.database.rows(sql)[0][0]
        if end:
            self.world.now = max(self.world.now, moment(end))
            self.sweep()

    def _given_back(self) -> None:
        sql = "SELECT id, person FROM access_grant WHERE status IN ('issued', 'active') LIMIT 1"
        for id, person in self.database.rows(sql):
            with suppress(AccessError):
                grants.give_back(self.deps, id, by=person)

    def _by_hand(self, role: Role | None) -> None:
        if self.world.inner.teams["vision"]:
            self.world.by_hand(EVE, VISION, role)

    def _right_lost(self) -> None:
        sql = "SELECT approver FROM decision WHERE approved LIMIT 1"
        admins = {who for who in (ADA, BOB) if self.world.held(who, VISION) == ADMIN}
        for (approver,) in self.database.rows(sql):
            if admins - {approver}:  # else nobody could ever be lowered there again
                self.world.by_hand(approver, VISION, None)


def _listen_for_bugs() -> None:
    """Nothing is written; what the product takes for a bug stops the search."""
    log = logging.getLogger("workflows")
    log.setLevel(logging.ERROR)
    log.propagate = False
    if not log.handlers:
        log.addHandler(Bugs())


def shown(machine: Machine) -> Iterator[str]:
    """The audit log, and what is held: for whoever looks at a failure."""
    for at, actor, event, subject, detail in machine.database.rows(
        "SELECT at, actor, event, subject, detail FROM audit ORDER BY id"
    ):
        yield f"{at}  {actor:18} {event:18} {subject}  {detail}"
    for person, place in machine.database.rows("SELECT person, place FROM standing"):
        yield f"{person} holds {held_by_everybody(machine.world).get((person, place))} in {place}"
    yield f"jobs: {machine.database.rows('SELECT key, due_at, attempts FROM job')}"
