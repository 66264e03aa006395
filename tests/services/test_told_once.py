"""What people are told of trouble: once, for the right reason, and not forgotten."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic

import pytest

from tests.builders import ADA, ADMIN, BOB, HOUR, MEMBER, OLGA, ORGANIZATION, VISION
from tests.services.rig import Rig
from tests.services.stand_ins import RecordingNotifier
from workflows.domain.chain import Head
from workflows.domain.durations import Span
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import Policy
from workflows.domain.reactions import JobKind
from workflows.errors import DirectoryRejected, DirectoryUnavailable, LeaseLost
from workflows.ports import Alert, Notice, Receipt
from workflows.services.notices import notify
from workflows.services.roster import RosterKeeper

STUCK = [("RevocationStuck", f"approver:{OLGA}")]


def last_admin(rig: Rig) -> str:
    """A grant that is over, of the only admin that the team has left."""
    id = rig.approved(role=ADMIN, duration=Span(3600))
    rig.run()
    rig.directory.put(ADA, VISION, None)
    rig.directory.put(BOB, VISION, None)
    rig.rosters.read()
    return id


@pytest.mark.parametrize("a_third_stays", [False, True])
def test_a_no_to_a_new_grant_is_not_told_as_why_another_one_does_not_end(
    rig: Rig, a_third_stays: bool
) -> None:
    over = rig.approved(role=MEMBER, duration=Span(3600))
    rig.run()
    if a_third_stays:
        rig.approved(role=MEMBER, duration=Span(7200))
        rig.run()
    rig.clock.advance(timedelta(minutes=59, seconds=50))
    rig.rosters.read()
    new = rig.approved(role=ADMIN, by=BOB)
    rig.clock.advance(timedelta(seconds=10))
    rig.tick()
    rig.directory.fail_next(DirectoryRejected("W&B has no free seat."), on="set_role")

    rig.run()

    assert rig.held() == (MEMBER if a_third_stays else None)
    assert rig.grant(over).status is GrantStatus.ENDED
    assert "RevocationStuck" not in rig.events()
    assert rig.notifier.alerts() == []
    assert rig.grant(new).note == "W&B has no free seat."
    assert not rig.grant(new).is_live


def test_an_end_that_is_stuck_for_reasons_that_alternate_is_told_once(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = last_admin(rig)
    rig.wait(HOUR)
    rig.clock.advance(timedelta(minutes=5))
    for _ in range(5):
        rig.directory.fail_next(DirectoryUnavailable("502"), on="read")
        rig.wait(timedelta(minutes=20))
        rig.wait(timedelta(minutes=20))

    assert rig.events(id).count("RevocationStuck") == 1
    assert rig.notifier.alerts() == STUCK
    assert "Nobody else is an admin there" in rig.grant(id).stuck


def test_an_alert_without_anybody_to_tell_is_told_when_there_is_somebody(rig: Rig) -> None:
    id = last_admin(rig)
    rig.directory.put(OLGA, ORGANIZATION, MEMBER)
    rig.rosters.read()
    rig.wait(HOUR)
    assert rig.grant(id).stuck
    assert rig.notifier.alerts() == []
    (owed,) = [one for one in rig.jobs() if one["kind"] == "alert"]
    assert owed["last_error"] == "There is no organization admin to tell."

    rig.directory.put(OLGA, ORGANIZATION, ADMIN)
    rig.rosters.read()
    rig.wait(HOUR)

    assert rig.notifier.alerts() == STUCK
    assert [one for one in rig.jobs() if one["kind"] == "alert"] == []


def test_a_message_job_whose_lease_is_gone_stores_no_receipt(rig: Rig) -> None:
    id = rig.submit().id
    with rig.work.begin() as work:
        lost = work.outbox.claim([JobKind.NOTIFY], now=rig.clock(), token="lost")
    assert lost is not None
    rig.clock.advance(timedelta(seconds=30))
    with rig.work.begin() as work:
        assert work.outbox.claim([JobKind.NOTIFY], now=rig.clock(), token="new") is not None

    with pytest.raises(LeaseLost):
        notify(rig.deps, lost)

    with rig.work.look() as looked:
        assert looked.receipts.of(id) == {}
    assert rig.notifier.posted == []


def test_a_message_job_that_loses_its_lease_while_it_posts_stores_nothing_after_it(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = rig.submit().id
    with rig.work.begin() as work:
        lost = work.outbox.claim([JobKind.NOTIFY], now=rig.clock(), token="lost")
    assert lost is not None

    def lose(audience: str) -> None:
        rig.clock.advance(timedelta(seconds=30))
        with rig.work.begin() as work:
            assert work.outbox.claim([JobKind.NOTIFY], now=rig.clock(), token="new") is not None

    rig.notifier.after = lose
    with pytest.raises(LeaseLost):
        notify(rig.deps, lost)

    with rig.work.look() as looked:
        assert [receipt.ts for receipt in looked.receipts.of(id).values()] == [""]


@dataclass
class Stalling:
    """Hands on to the inner notifier, after something else has happened once."""

    inner: RecordingNotifier
    meanwhile: Callable[[], object] | None

    def deliver(self, notice: Notice, receipt: Receipt, *, maybe_posted: bool) -> Receipt:
        """See `Notifier`."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return self.inner.deliver(notice, receipt, maybe_posted=maybe_posted)

    def alert(self, alert: Alert, receipt: Receipt, *, maybe_posted: bool) -> Receipt:
        """See `Notifier`."""
        return self.inner.alert(alert, receipt, maybe_posted=maybe_posted)

    def publish(self, head: Head, at: datetime, channel: str) -> None:
        """See `Notifier`."""
        self.inner.publish(head, at, channel)


def test_what_a_stalled_worker_draws_over_newer_news_is_drawn_once_more(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.submit().id
    rig.run()
    rig.approve(id)
    rig.clock.advance(timedelta(seconds=2))
    with rig.work.begin() as work:
        stalled = work.outbox.claim([JobKind.NOTIFY], now=rig.clock(), token="stalled")
    assert stalled is not None

    def overtaken() -> None:
        rig.clock.advance(timedelta(seconds=30))
        rig.run()  # another worker gives the access, and draws that

    stalling = replace(rig.deps, notifier=Stalling(rig.notifier, overtaken))
    with pytest.raises(LeaseLost):
        notify(stalling, stalled)
    shown = rig.notifier.notice(id).grant
    assert shown is not None
    assert shown.status is GrantStatus.ISSUED

    rig.run()

    assert rig.notifier.notice(id).grant == rig.grant(id)
    assert rig.jobs() == []


def test_however_often_the_roster_is_asked_for_w_and_b_is_read_about_once_a_second(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    keeper = RosterKeeper(
        begin=rig.work.begin,
        look=rig.work.look,
        directory=rig.directory,
        groups=rig.groups,
        policy=Policy(),
        clock=rig.clock,
    )
    before = [call[0] for call in rig.directory.calls].count("roster")
    thread = threading.Thread(target=keeper.run)
    thread.start()
    began = monotonic()
    while monotonic() < began + 2.5:
        keeper.newer()
    keeper.stop()
    thread.join(10)

    read = [call[0] for call in rig.directory.calls].count("roster") - before
    assert 2 <= read <= 2 + monotonic() - began
