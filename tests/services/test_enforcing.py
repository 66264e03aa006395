"""`drift: enforce`: what was taken is put back, a few times; what was raised is left."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.builders import ADMIN, EVE, HOUR, MEMBER, OLGA, VIEWER, VISION
from tests.services.rig import Rig
from workflows.directories.memory import MemoryDirectory
from workflows.domain.drift import FindingState, Instead, Word, finding_of
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.grants import GrantStatus
from workflows.domain.planning import MOST_FIGHTS
from workflows.domain.policy import Policy
from workflows.domain.standings import LAG, Reading
from workflows.errors import DirectoryRejected, DirectoryUnavailable
from workflows.services import reconcile
from workflows.services.reconcile import IN_HAND, LEFT, PUT_BACK, TOLD, Difference

KEY = f"{EVE} team:vision"
DRIFT = ("DriftFound", f"approver:{OLGA}")


@pytest.fixture
def rig(rig: Rig) -> Rig:
    """Where the policy says so."""
    rig.rewire(policy=Policy(enforces=True))
    return rig


@pytest.fixture
def sqlite_rig(sqlite_rig: Rig) -> Rig:
    """The same, on one database."""
    sqlite_rig.rewire(policy=Policy(enforces=True))
    return sqlite_rig


def compare(rig: Rig, *, dry_run: bool = False) -> tuple[Difference, ...]:
    """Reconcile, and do what is owed after it."""
    found = reconcile.reconcile(rig.deps, dry_run=dry_run).differences
    rig.run()
    return found


def given(rig: Rig, role: Role = MEMBER, *, hours: int = 8) -> str:
    """Eve has it, and some time has passed since."""
    id = rig.approved(role=role, duration=Span(hours * 3600))
    rig.run()
    rig.clock.advance(LAG)
    return id


def test_what_was_taken_is_put_back_where_the_policy_says_so(rig: Rig) -> None:
    given(rig, ADMIN)
    rig.directory.put(EVE, VISION, MEMBER)

    found = compare(rig)

    assert found == (Difference(KEY, "admin", "member", PUT_BACK, owed=True),)
    assert rig.held() == ADMIN
    assert rig.notifier.alerts() == [DRIFT]
    assert compare(rig) == ()
    rig.drain()
    assert rig.held() is None


def test_what_was_raised_is_left_whatever_the_policy_says(rig: Rig) -> None:
    given(rig)
    rig.directory.put(EVE, VISION, ADMIN)

    assert compare(rig) == (Difference(KEY, "member", "admin", LEFT, owed=True),)
    rig.drain()

    assert rig.held() == ADMIN
    assert rig.notifier.alerts() == [DRIFT]


def test_something_that_reverts_us_each_hour_is_fought_a_few_times_and_then_told(
    rig: Rig,
) -> None:
    given(rig, hours=24)

    for _ in range(20):
        rig.directory.put(EVE, VISION, None)
        rig.clock.advance(timedelta(minutes=50))
        compare(rig)
        compare(rig)

    assert len(rig.writes()) == 1 + MOST_FIGHTS
    findings = [one.detail["done"] for one in rig.audit(KEY) if one.event == "DriftFound"]
    assert findings == ["put back", "given up"]
    assert rig.notifier.alerts() == [DRIFT, DRIFT]
    assert rig.held() is None


def test_a_reading_that_may_be_old_is_no_reason_to_write(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved()
    rig.run()
    rig.clock.advance(timedelta(seconds=1))
    rig.directory.put(EVE, VISION, None)

    compare(rig)

    assert len(rig.writes()) == 1
    (job,) = rig.jobs()
    assert job["last_error"] == "W&B may still show what was there before the last change."
    assert compare(rig) == (Difference(KEY, "member", "nothing", IN_HAND, owed=False),)
    rig.wait(LAG)
    assert rig.held() == MEMBER


def test_an_account_that_is_gone_is_told_and_not_fought_over(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    given(rig)
    rig.directory.delete_person(EVE)

    assert compare(rig) == (Difference(KEY, "member", "nothing", LEFT, owed=True),)
    assert compare(rig) == (Difference(KEY, "member", "nothing", TOLD, owed=False),)
    assert len(rig.writes()) == 1


def test_a_team_that_is_gone_is_told_once_and_tried_as_long_as_the_access_is_open(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = given(rig)
    del rig.directory.teams["vision"]

    compare(rig)
    compare(rig)

    assert rig.notifier.alerts() == [DRIFT, ("PutBackRefused", f"approver:{OLGA}")]
    rig.wait(8 * HOUR)
    assert rig.grant(id).status is GrantStatus.ENDED
    assert len(rig.notifier.alerts()) == 2


def test_a_fence_holds_up_putting_back_as_well(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    given(rig)
    rig.directory.put(EVE, VISION, None)
    rig.directory.fail_next(DirectoryRejected("W&B has no free seat."), on="set_role")

    compare(rig)

    assert rig.held() is None
    assert ("PutBackRefused", f"approver:{OLGA}") in rig.notifier.alerts()
    rig.drain(timedelta(minutes=10))
    assert rig.held() == MEMBER
    assert rig.standing().drift == ""


class Meanwhile:
    """A directory whose next reading takes a while, in which something happens."""

    def __init__(self, inner: MemoryDirectory, happens: Callable[[], object]) -> None:
        self._inner = inner
        self._happens = [happens]

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """What was there before it happened."""
        reading = self._inner.read(person, place, account=account)
        if self._happens:
            self._happens.pop()()
        return reading


def test_what_comes_to_its_end_while_a_hand_is_noted_is_not_given_once_more(rig: Rig) -> None:
    id = rig.approved(duration=Span(3600))
    rig.run()
    rig.clock.advance(timedelta(seconds=3599))
    rig.directory.put(EVE, VISION, None)

    def its_time_is_up() -> None:
        rig.clock.advance(timedelta(seconds=1))
        rig.tick()

    reconcile.reconcile(rig.deps, dry_run=False)
    rig.rewire(
        policy=Policy(enforces=True),
        directory=Meanwhile(rig.directory, its_time_is_up),
    )
    rig.run()

    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED
    sent = [entry.detail["after"] for entry in rig.audit() if entry.event == "RoleSent"]
    assert sent == ["member"]  # when it was given, and not again


def test_what_w_and_b_does_not_let_us_put_back_is_not_called_active(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = given(rig)
    rig.directory.put(EVE, VISION, None)
    for _ in range(2):
        rig.directory.fail_next(DirectoryUnavailable("503"), on="set_role")

    compare(rig)
    rig.wait(timedelta(seconds=3))
    rig.wait(timedelta(seconds=1))

    assert rig.held() is None
    assert rig.notifier.notice(id).instead == Instead(None, Word.PUT_BACK)
    rig.drain(timedelta(minutes=5))
    assert rig.held() == MEMBER
    assert rig.notifier.notice(id).instead is None


def test_what_was_refused_is_over_when_another_end_finds_it_right(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    given(rig, hours=2)
    lower = given(rig, VIEWER, hours=10)
    rig.directory.put(EVE, VISION, None)
    rig.directory.fail_next(DirectoryRejected("no seat"), on="set_role")
    compare(rig)
    assert finding_of(rig.standing()).state is FindingState.REFUSED

    rig.directory.put(EVE, VISION, VIEWER)
    rig.clock.advance(timedelta(hours=2))
    rig.tick()
    rig.run()
    rig.wait(timedelta(seconds=1))

    assert finding_of(rig.standing()).state is FindingState.NONE
    assert rig.notifier.notice(lower).instead is None
