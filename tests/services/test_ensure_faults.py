"""W&B at its worst: lost answers, late answers, changes that it takes and does not show."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, OLGA, VIEWER, VISION, terms
from tests.services.rig import Rig
from workflows.directories.memory import MemoryDirectory
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import ChatGroup, Policy, Rule
from workflows.domain.roster import Roster
from workflows.domain.standings import LAG, Reading
from workflows.errors import (
    DirectoryChanged,
    DirectoryClosed,
    DirectoryRejected,
    DirectoryUnavailable,
    LeaseLost,
)
from workflows.services.standings import ensure


class Blind:
    """A directory that takes a change and shows what was there before, so many times."""

    def __init__(self, inner: MemoryDirectory, times: int) -> None:
        self._inner = inner
        self._left = times

    def roster(self) -> Roster:
        """As it is."""
        return self._inner.roster()

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """As it is."""
        return self._inner.read(person, place, account=account)

    def invite(self, person: EmailAddress) -> str:
        """As it is."""
        return self._inner.invite(person)

    def set_role(
        self, person: EmailAddress, place: Place, role: Role | None, *, seen: Reading
    ) -> Reading:
        """Takes it, or only says so."""
        if self._left > 0:
            self._left -= 1
            return seen
        return self._inner.set_role(person, place, role, seen=seen)

    def put_back_others(self, seen: Reading, roles: Mapping[str, str]) -> None:
        """As it is."""
        self._inner.put_back_others(seen, roles)

    def is_own_account(self, account: str) -> bool:
        """As it is."""
        return self._inner.is_own_account(account)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("prior", [None, VIEWER])
def test_a_lost_answer_costs_only_another_try(rig: Rig, after: bool, prior: Role | None) -> None:
    rig.directory.put(EVE, VISION, prior)
    id = rig.approved(role=ADMIN)
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role", after=after)
    rig.drain(timedelta(minutes=1))
    assert rig.held() == ADMIN
    assert rig.grant(id).status is GrantStatus.ACTIVE

    rig.clock.advance(timedelta(hours=8))
    rig.tick()
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role", after=after)
    rig.drain()

    assert rig.held() == prior
    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.events(id).count("GrantActivated") == rig.events(id).count("GrantEnded") == 1


def test_a_change_that_is_taken_and_not_shown_is_sent_again(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.rewire(directory=Blind(rig.directory, times=2))
    id = rig.approved()
    rig.run()
    assert rig.grant(id).status is GrantStatus.ISSUED

    rig.drain(timedelta(minutes=1))

    assert rig.held() == MEMBER
    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_whoever_lost_the_right_after_a_write_without_an_answer_is_watched_for_late_landing(
    rig: Rig,
) -> None:
    id = rig.approved(by=ADA)
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role")
    rig.run()
    rig.directory.put(ADA, VISION, MEMBER)
    rig.wait(LAG)
    assert rig.grant(id).status is GrantStatus.ENDED
    assert ADA in rig.grant(id).note

    rig.directory.put(EVE, VISION, MEMBER)  # our first try lands
    rig.drain()

    assert rig.held() is None


def test_an_account_deactivated_after_a_write_without_an_answer_is_watched_as_well(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = rig.approved()
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role", after=True)
    rig.run()
    rig.directory.set_active(EVE, False)

    rig.drain()

    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED
    assert "deactivated" in rig.grant(id).note


def test_a_no_in_the_middle_of_giving_takes_back_what_was_begun(rig: Rig) -> None:
    id = rig.approved(role=ADMIN)
    half_done = DirectoryRejected("added, but the role was refused")

    def half(method: str) -> None:
        if method == "set_role" and rig.held() == ADMIN:
            rig.directory.put(EVE, VISION, MEMBER)
            rig.directory.after = lambda method: None
            raise half_done

    rig.directory.after = half
    rig.run()

    assert rig.held() is None
    grant = rig.grant(id)
    assert (grant.status, grant.note) == (GrantStatus.ENDED, str(half_done))


def test_a_plain_no_to_a_write_leaves_nothing_to_watch(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    rig.directory.fail_next(DirectoryRejected("no"), on="set_role")
    rig.run()

    assert rig.grant(id).status is GrantStatus.FAILED
    assert rig.standing().unanswered == ()
    assert rig.jobs() == []


def test_a_no_to_taking_back_is_stuck_and_tried_again(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    rig.run()
    rig.directory.fail_next(DirectoryRejected("not today"), on="set_role")
    rig.wait(timedelta(hours=8))
    assert rig.grant(id).stuck == "not today"

    rig.drain()

    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.held() is None


def test_a_no_to_a_second_look_does_not_end_the_looking(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(duration=Span(900))
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role")
    rig.run()
    rig.wait(timedelta(minutes=15))
    assert rig.grant(id).status is GrantStatus.ENDED

    rig.directory.fail_next(DirectoryRejected("Several W&B accounts have it."), on="read")
    rig.wait(timedelta(minutes=1))
    rig.directory.put(EVE, VISION, MEMBER)  # lands after the look that met a no
    rig.drain()

    assert rig.held() is None


def test_a_key_that_is_refused_keeps_everything_until_it_works(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    for _ in range(4):
        rig.directory.fail_next(DirectoryClosed("401"), on="read")

    rig.drain(timedelta(hours=1))

    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_a_directory_that_names_a_wait_is_left_alone_for_so_long(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved()
    busy = DirectoryUnavailable("429", retry_after=120)
    rig.directory.fail_next(busy, on="read")
    rig.run()

    (job,) = [one for one in rig.jobs() if one["kind"] == "ensure"]
    assert job["due_at"] >= rig.clock.now + timedelta(seconds=120)


@pytest.mark.parametrize("method", ["read", "set_role"])
def test_a_lost_lease_stores_nothing_more(rig: Rig, method: str) -> None:
    id = rig.approved()
    job = rig.claim()
    before = rig.events()

    def lose() -> None:
        rig.clock.advance(timedelta(seconds=30))
        assert rig.claim().token != job.token

    if method == "set_role":
        rig.directory.after = lambda method: lose()
    else:
        lose()
    with pytest.raises(LeaseLost):
        ensure(rig.deps, job)

    assert rig.grant(id).status is GrantStatus.ISSUED
    stored = rig.events()[len(before) :]
    assert stored == ([] if method == "read" else ["PriorNoted", "RoleSent"])


def test_a_worker_whose_lease_was_taken_over_goes_on_with_other_work(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()

    def lose(method: str) -> None:
        rig.directory.after = lambda method: None
        rig.clock.advance(timedelta(seconds=30))
        rig.claim()

    rig.directory.after = lose
    rig.run()
    assert rig.grant(id).status is GrantStatus.ISSUED

    rig.wait(timedelta(seconds=30))
    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_a_grant_that_expires_while_it_is_being_given_is_taken_back_at_once(rig: Rig) -> None:
    id = rig.approved(duration=Span(900))

    def expire(method: str) -> None:
        rig.directory.after = lambda method: None
        rig.clock.advance(timedelta(minutes=15))
        rig.tick()

    rig.directory.after = expire
    rig.run()
    rig.drain()

    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED


def test_a_chat_that_is_down_holds_up_no_end(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    by_group = Rule(roles=("member",), terms=terms(approvers=(ChatGroup("S1"),)))
    rig.rewire(policy=Policy(rules=(by_group,)))
    rig.groups.known["S1"] = frozenset({OLGA})
    rig.rosters.read()
    admin = rig.approved(role=ADMIN, duration=Span(900), by=BOB)
    rig.run()
    rig.clock.advance(timedelta(minutes=14))
    rig.rosters.read()
    member = rig.approved(role=MEMBER, by=OLGA)
    rig.groups.down = True

    rig.wait(timedelta(minutes=1))

    assert rig.grant(admin).status is GrantStatus.ENDED
    assert rig.held() is None
    assert rig.grant(member).status is GrantStatus.ISSUED
    rig.groups.down = False
    rig.drain(timedelta(minutes=20))
    assert rig.grant(member).status is GrantStatus.ACTIVE


def test_an_account_that_changed_hands_in_412_is_read_again(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved()
    rig.directory.fail_next(DirectoryChanged("412"), on="set_role")
    rig.run()

    assert rig.held() == MEMBER
    assert rig.standing().last_seen == MEMBER


def test_what_failed_is_tried_at_once_when_w_and_b_takes_another_change(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.add_person("p1@corp.example")
    rig.rosters.read()
    waiting = rig.approved()
    for _ in range(9):
        rig.directory.fail_next(DirectoryUnavailable("W&B has trouble (500)."), on="set_role")
        rig.wait(timedelta(seconds=25))
    rig.directory.fail_next(
        DirectoryUnavailable("W&B asks for fewer calls (429).", retry_after=1e9), on="set_role"
    )
    rig.wait(timedelta(seconds=25))
    assert rig.grant(waiting).status is GrantStatus.ISSUED

    rig.approved(requester=EmailAddress("p1@corp.example"))
    rig.run()

    assert rig.grant(waiting).status is GrantStatus.ACTIVE
