"""One team for which W&B does not answer, and hours without any answer: who waits, and how long."""

import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

import pytest

from tests.builders import HOUR, OLGA
from tests.services.rig import Rig
from workflows import patience
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Place, Role, Team
from workflows.domain.grants import GrantStatus
from workflows.domain.standings import Reading
from workflows.errors import DirectoryUnavailable
from workflows.ports import Directory
from workflows.services.roster import RosterKeeper
from workflows.worker import DIRECTORY, Worker

SPEECH = Team("speech")
VISION = Team("vision")


class Sick:
    """A directory that does not answer where `is_sick` says so; everything else is handed on."""

    def __init__(self, inner: Directory, is_sick: Callable[[Place], bool]) -> None:
        self._inner = inner
        self._is_sick = is_sick
        self.tries = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """Times out where it is sick."""
        if self._is_sick(place):
            self.tries += 1
            raise DirectoryUnavailable("W&B did not answer (ReadTimeout).")
        return self._inner.read(person, place, account=account)

    def set_role(
        self, person: EmailAddress, place: Place, role: Role | None, *, seen: Reading
    ) -> Reading:
        """Handed on."""
        return self._inner.set_role(person, place, role, seen=seen)


def people(rig: Rig, count: int) -> list[EmailAddress]:
    """So many more people with accounts."""
    found = [EmailAddress(f"p{number}@corp.example") for number in range(count)]
    for person in found:
        rig.directory.add_person(person)
    rig.rosters.read()
    return found


def test_a_team_that_does_not_answer_holds_up_no_other(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    many = people(rig, 12)
    sick = [rig.approved(requester=one, duration=Span(3600)) for one in many]
    well = rig.approved(place=SPEECH, duration=Span(3600), by=OLGA)
    directory = Sick(rig.directory, lambda place: place == VISION)
    rig.rewire(directory=directory)  # type: ignore[arg-type]  # hands on what it does not have

    rig.run()
    assert directory.tries == len(sick)  # each once: nobody is tried again before the next
    assert rig.grant(well).status is GrantStatus.ACTIVE
    rig.wait(HOUR)

    assert rig.grant(well).status is GrantStatus.ENDED
    assert rig.held(place=SPEECH) is None
    assert {rig.grant(id).status for id in sick} == {GrantStatus.ENDING}


def test_after_eight_hours_without_w_and_b_everything_that_waited_is_done_at_once(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    many = people(rig, 4)
    ids = [rig.approved(requester=one, duration=Span(3600)) for one in many]
    rig.run()
    down = [True]
    directory = Sick(rig.directory, lambda place: down[0])
    rig.rewire(directory=directory)  # type: ignore[arg-type]  # hands on what it does not have
    rig.rosters.stuck = True
    keeper = RosterKeeper(
        begin=rig.work.begin,
        look=rig.work.look,
        directory=rig.directory,
        groups=rig.groups,
        policy=rig.deps.policy,
        clock=rig.clock,
    )
    for _ in range(8 * 30):
        rig.wait(timedelta(minutes=2))
    tried = directory.tries

    down[0] = False
    keeper.refresh()  # W&B is read again, every five seconds while it is down
    rig.run()

    assert tried < 60 * len(ids)  # far less than every five seconds
    assert {rig.grant(id).status for id in ids} == {GrantStatus.ENDED}
    assert all(rig.held(one) is None for one in many)


class Hanging(Sick):
    """Holds whoever asks where it is sick, until `released`; then there is no answer either."""

    def __init__(self, inner: Directory, is_sick: Callable[[Place], bool]) -> None:
        super().__init__(inner, is_sick)
        self.released = threading.Event()
        self.waiting = 0
        self._lock = threading.Lock()

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """Hangs where it is sick."""
        if self._is_sick(place):
            with self._lock:
                self.waiting += 1
            self.released.wait(20)
        return super().read(person, place, account=account)


def test_calls_that_hang_for_one_team_never_hold_every_thread(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "SLOW", 0.0)  # whatever fails has waited for long
    many = people(rig, 12)
    first = rig.approved(requester=many[0])
    hanging = Hanging(rig.directory, lambda place: place == VISION)
    rig.rewire(directory=hanging)  # type: ignore[arg-type]  # hands on what it does not have
    hanging.released.set()
    worker = Worker(rig.deps, random=Random(0))
    worker.run_one(DIRECTORY)  # from here on it is known to be sick
    hanging.released.clear()
    for one in many[1:]:
        rig.approved(requester=one)
    well = rig.approved(place=SPEECH, by=OLGA)
    done = threading.Condition()
    rig.directory.after = lambda what: _tell(done)
    rig.work.on_owed(lambda kinds: _tell(done))

    worker.start()
    try:
        with done:
            active = done.wait_for(lambda: rig.grant(well).status is GrantStatus.ACTIVE, 20)
        held_up = hanging.waiting
    finally:
        hanging.released.set()
        worker.stop()

    assert active
    assert held_up <= 2  # the one that found out, and the one whose turn it is
    assert rig.grant(first).status is GrantStatus.ISSUED


def _tell(changed: threading.Condition) -> None:
    with changed:
        changed.notify_all()


def test_a_team_that_answers_again_is_anybodys() -> None:
    turns = patience.Patience()
    turns.done("team:vision", seconds=15.0, failed=True)
    mine, theirs = turns.avoid(), _elsewhere(turns.avoid)
    turns.claimed("team:vision")
    turns.done("team:vision", seconds=0.1, failed=False)

    assert (mine, theirs) == ((), ("team:vision",))
    assert _elsewhere(turns.avoid) == ()


def test_whoever_finds_nothing_at_a_sick_team_leaves_the_turn_to_the_next() -> None:
    turns = patience.Patience()
    turns.done("team:vision", seconds=15.0, failed=True)
    turns.avoid()
    turns.claimed("team:speech")

    assert _elsewhere(turns.avoid) == ()


def test_what_fails_at_once_makes_no_team_sick() -> None:
    turns = patience.Patience()
    turns.done("team:vision", seconds=0.2, failed=True)
    turns.avoid()

    assert _elsewhere(turns.avoid) == ()


def _elsewhere(ask: Callable[[], Collection[str]]) -> Collection[str]:
    """What another thread is told."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(ask).result()
