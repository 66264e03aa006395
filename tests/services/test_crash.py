"""The process dies at every moment of giving and of taking back; a restart makes it good.

A moment is before and after each call to W&B, each posting and each commit. The number of moments
of each story is written down, so that a test that reaches fewer of them than there are is noticed.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, VIEWER, VISION
from tests.services.crashing import Crash, Points, mortal, restart
from tests.services.rig import Rig
from workflows.domain.entitlements import EmailAddress, Role, Team
from workflows.domain.grants import GrantStatus
from workflows.storage.database import Database

NEW = EmailAddress("new@corp.example")
SPEECH = Team("speech")
HOURS = timedelta(hours=8)

GIVING = 42
RAISING = 64
INVITING = 49
TAKING_BACK = 37
PUTTING_BACK = 40

Story = Callable[[Rig, Points], str]


def survive(rig: Rig, points: Points, work: Callable[[], object], *, frees: bool) -> Rig:
    """Do it, die at the chosen moment, start again; leases are freed or have to run out."""
    mortal(rig, points)
    try:
        work()
    except Crash:
        rig = restart(rig, frees=frees)
    else:
        assert points.at == 0, f"moment {points.at} was never reached"
        rig = restart(rig, frees=True)
    if not frees:
        rig.clock.advance(timedelta(seconds=21))
    rig.drain(timedelta(minutes=30))
    return rig


def moments(rig: Rig, prepare: Callable[[Rig], Callable[[], object]]) -> list[str]:
    """The names of all moments of a story that nothing interrupts."""
    points = Points()
    survive(rig, points, prepare(rig), frees=True)
    return points.names


def giving(rig: Rig, requester: EmailAddress = EVE, role: Role = MEMBER) -> Callable[[], object]:
    """Approved, and the worker is about to begin."""
    request = rig.submit(requester=requester, role=role)
    rig.run()
    rig.approve(request.id)
    return rig_runs(rig)


def raising(rig: Rig) -> Callable[[], object]:
    """A viewer is to become an admin, in a W&B that loses roles elsewhere by it."""
    rig.directory.put(EVE, VISION, VIEWER)
    rig.directory.put(EVE, SPEECH, VIEWER)
    rig.directory.replaces_all = True
    return giving(rig, role=ADMIN)


def inviting(rig: Rig) -> Callable[[], object]:
    """Somebody without an account is to become a member."""
    return giving(rig, requester=NEW)


def taking_back(rig: Rig, role: Role = MEMBER) -> Callable[[], object]:
    """Active, over, and the worker is about to begin."""
    giving(rig, role=role)()
    rig.clock.advance(HOURS)
    rig.tick()
    return rig_runs(rig)


def putting_back(rig: Rig) -> Callable[[], object]:
    """An admin is to become the viewer again that she was."""
    rig.directory.put(EVE, VISION, VIEWER)
    return taking_back(rig, role=ADMIN)


def rig_runs(rig: Rig) -> Callable[[], object]:
    """The worker does all that is due now and two seconds later."""

    def run() -> None:
        rig.run()
        rig.clock.advance(timedelta(seconds=2))
        rig.run()

    return run


def the_grant(rig: Rig) -> str:
    """The id of the only grant there is."""
    (issued,) = [entry for entry in rig.audit() if entry.event == "GrantIssued"]
    return issued.subject


def told(rig: Rig) -> None:
    """Everybody's message shows what is stored; nobody has two."""
    id = the_grant(rig)
    for audience in ("requester", f"approver:{ADA}", f"approver:{BOB}"):
        notice = rig.notifier.notice(id, audience)
        assert notice.request == rig.request(id)
        assert notice.grant == rig.grant(id)
    posted = [(one.subject, one.audience) for one in rig.notifier.posted]
    assert len(posted) == len(set(posted))


def given(rig: Rig, person: EmailAddress, role: Role) -> None:
    """It was given once, people know, and at its end what was before is put back."""
    id = the_grant(rig)
    assert rig.held(person) == role
    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert rig.events(id).count("GrantActivated") == 1
    told(rig)


def over(rig: Rig, person: EmailAddress, prior: Role | None) -> None:
    """It ended once, people know, and the person holds what they held before."""
    id = the_grant(rig)
    rig.drain()
    assert rig.held(person) == prior
    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.events(id).count("GrantEnded") == 1
    assert rig.events(id).count("GrantActivated") == 1
    assert rig.jobs() == []
    told(rig)


@pytest.mark.parametrize(
    ("prepare", "count"),
    [
        (giving, GIVING),
        (raising, RAISING),
        (inviting, INVITING),
        (taking_back, TAKING_BACK),
        (putting_back, PUTTING_BACK),
    ],
)
def test_every_moment_of_every_story_is_tried(
    sqlite_rig: Rig, prepare: Callable[[Rig], Callable[[], object]], count: int
) -> None:
    names = moments(sqlite_rig, prepare)

    assert len(names) == count, f"{prepare.__name__} has {len(names)} moments now: {names}"


@pytest.mark.parametrize("at", range(1, GIVING + 1))
def test_a_crash_while_giving_costs_only_a_second_try(sqlite_rig: Rig, at: int) -> None:
    rig = survive(sqlite_rig, Points(at), giving(sqlite_rig), frees=at % 2 == 0)

    given(rig, EVE, MEMBER)
    over(rig, EVE, None)


@pytest.mark.parametrize("at", range(1, RAISING + 1))
def test_a_crash_while_raising_loses_nothing_that_was_there(sqlite_rig: Rig, at: int) -> None:
    rig = survive(sqlite_rig, Points(at), raising(sqlite_rig), frees=at % 2 == 1)

    given(rig, EVE, ADMIN)
    assert rig.held(EVE, SPEECH) == VIEWER
    over(rig, EVE, VIEWER)


@pytest.mark.parametrize("at", range(1, INVITING + 1))
def test_a_crash_while_inviting_makes_one_account(sqlite_rig: Rig, at: int) -> None:
    rig = survive(sqlite_rig, Points(at), inviting(sqlite_rig), frees=at % 2 == 0)

    given(rig, NEW, MEMBER)
    assert sum(one.email == NEW for one in rig.directory.accounts.values()) == 1
    over(rig, NEW, None)


@pytest.mark.parametrize("at", range(1, TAKING_BACK + 1))
def test_a_crash_while_taking_back_costs_only_a_second_try(sqlite_rig: Rig, at: int) -> None:
    rig = survive(sqlite_rig, Points(at), taking_back(sqlite_rig), frees=at % 2 == 1)

    over(rig, EVE, None)


@pytest.mark.parametrize("at", range(1, PUTTING_BACK + 1))
def test_a_crash_while_putting_back_keeps_what_was_before(sqlite_rig: Rig, at: int) -> None:
    rig = survive(sqlite_rig, Points(at), putting_back(sqlite_rig), frees=at % 2 == 0)

    over(rig, EVE, VIEWER)


@pytest.mark.parametrize("second", range(1, 34, 3))
def test_a_crash_during_the_recovery_from_a_crash_changes_nothing(
    sqlite_rig: Rig, second: int
) -> None:
    rig = sqlite_rig
    work = giving(rig)
    mortal(rig, Points(at=17))
    with pytest.raises(Crash):
        work()
    rig = restart(rig, frees=True)
    rig = survive(rig, Points(second), rig_runs(rig), frees=False)

    given(rig, EVE, MEMBER)
    over(rig, EVE, None)


def test_a_crash_anywhere_is_survived_on_postgresql_too(database: Database) -> None:
    everybody = [EmailAddress(f"p{at}@corp.example") for at in range(1, GIVING + 1, 4)]
    rig = Rig(database)
    for person in everybody:
        rig.directory.add_person(person)
    rig.rosters.read()

    for number, person in enumerate(everybody):
        rig.approved(requester=person)
        mortal(rig, Points(1 + 4 * number))
        with pytest.raises(Crash):
            rig_runs(rig)()
        rig = restart(rig, frees=False)
        rig.clock.advance(timedelta(seconds=21))
        rig.rosters.read()
        rig.run()
        assert rig.held(person) == MEMBER

    rig.drain()
    assert [rig.held(person) for person in everybody] == [None] * len(everybody)
    assert rig.events().count("GrantActivated") == rig.events().count("GrantEnded")
    assert rig.jobs() == []
