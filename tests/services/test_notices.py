"""Telling people: one message each, drawn again from what is stored, nobody held up by another."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, HOUR, MEMBER, OLGA, ORGANIZATION, VISION, terms
from tests.services.crashing import Crash, restart
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import Policy
from workflows.domain.reactions import JobKind
from workflows.domain.requests import RequestStatus
from workflows.errors import DirectoryUnavailable, NotifierUnavailable
from workflows.ports import Receipt
from workflows.services import notices

ADAS, BOBS, OLGAS = f"approver:{ADA}", f"approver:{BOB}", f"approver:{OLGA}"
CHANNEL = "channel:#approvals"


def audiences(rig: Rig) -> Sequence[str]:
    """Whoever has a message, in the order in which they were posted."""
    return [one.audience for one in rig.notifier.posted]


def receipts(rig: Rig, id: str) -> dict[str, Receipt]:
    """As they are stored."""
    with rig.work.look() as work:
        return work.receipts.of(id)


def in_a_channel(rig: Rig) -> None:
    """The policy names a channel."""
    rig.rewire(policy=Policy(defaults=terms(channel="#approvals")))


def test_a_request_is_posted_once_to_the_requester_and_to_each_approver(rig: Rig) -> None:
    request = rig.submit()
    rig.run()
    rig.run()

    assert sorted(audiences(rig)) == sorted(["requester", ADAS, BOBS])
    assert rig.notifier.notice(request.id, ADAS).why == "you are an admin of vision"
    assert rig.notifier.notice(request.id).waiting_for == [ADA, BOB]
    assert rig.notifier.notice(request.id).request == request
    assert {one.ts for one in receipts(rig, request.id).values()} == {"1.0", "2.0", "3.0"}


def test_after_the_decision_every_card_is_drawn_again_from_what_is_stored(rig: Rig) -> None:
    request = rig.submit()
    rig.run()
    rig.deny(request.id, comment="no")
    rig.run()

    for audience in ("requester", ADAS, BOBS):
        told = rig.notifier.find(request.id, audience)
        assert told is not None
        assert told.redrawn == 1
        assert rig.notifier.notice(request.id, audience).request.status is RequestStatus.DENIED
    assert len(rig.notifier.posted) == 3


def test_a_message_that_shows_the_right_thing_is_left_alone(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    request = rig.submit()
    rig.run()
    with rig.work.begin() as work:
        work.redraw(request.id, at=rig.clock())
    rig.run()

    assert [one.redrawn for one in rig.notifier.posted] == [0, 0, 0]


def test_a_card_says_why_its_reader_is_asked_even_after_the_decision(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.submit().id
    rig.run()
    rig.deny(id)
    rig.run()

    assert rig.notifier.notice(id, ADAS).why == "you are an admin of vision"


def test_a_crash_between_posting_and_storing_where_is_found_out(rig: Rig) -> None:
    request = rig.submit()

    def die(audience: str) -> None:
        raise Crash

    rig.notifier.after = die
    with pytest.raises(Crash):
        rig.run()
    (first,) = rig.notifier.posted
    assert receipts(rig, request.id)[first.audience].ts == ""

    rig = restart(rig, frees=True)
    rig.run()

    assert sorted(audiences(rig)) == sorted(["requester", ADAS, BOBS])
    assert receipts(rig, request.id)[first.audience].ts == first.ts


def test_a_crash_just_before_posting_costs_nobody_their_message(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.submit()

    def die(audience: str) -> None:
        raise Crash

    rig.notifier.before = die
    with pytest.raises(Crash):
        rig.run()
    rig = restart(rig, frees=True)
    rig.run()

    assert sorted(audiences(rig)) == sorted(["requester", ADAS, BOBS])


def test_one_person_who_cannot_be_reached_just_now_holds_up_no_other(rig: Rig) -> None:
    rig.notifier.down = {"requester"}
    request = rig.submit()
    rig.run()
    assert sorted(audiences(rig)) == sorted([ADAS, BOBS])
    (job,) = rig.jobs()
    assert job["last_error"] == "Slack does not answer."

    rig.notifier.down = set()
    rig.clock.now = job["due_at"]
    rig.run()

    assert rig.notifier.notice(request.id).request == request
    assert len(rig.notifier.posted) == 3


def test_access_is_given_and_taken_back_while_slack_is_down(rig: Rig) -> None:
    id = rig.approved()
    rig.notifier.down = {"*"}
    rig.run()
    assert rig.held() == MEMBER

    rig.give_back(id)
    rig.run()
    assert rig.held() is None

    rig.notifier.down = set()
    rig.drain()
    assert rig.notifier.notice(id).grant == rig.grant(id)
    assert rig.grant(id).status is GrantStatus.ENDED


def test_a_requester_whom_slack_refused_once_is_told_what_comes_next(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.notifier.gone = {"requester"}
    request = rig.submit()
    rig.run()
    assert receipts(rig, request.id)["requester"].failed
    rig.notifier.gone = set()

    rig.deny(request.id, BOB)
    rig.run()

    assert rig.notifier.notice(request.id).request == rig.request(request.id)
    assert not receipts(rig, request.id)["requester"].failed


def test_a_card_that_slack_refused_to_redraw_is_redrawn_with_the_next_change(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = rig.submit().id
    rig.run()
    rig.notifier.gone = {ADAS}
    rig.approve(id, BOB)
    rig.run()
    assert receipts(rig, id)[ADAS].failed
    rig.notifier.gone = set()

    rig.give_back(id)
    rig.run()

    assert not receipts(rig, id)[ADAS].failed


def test_an_alarm_that_nobody_could_be_told_is_told_when_somebody_can(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.notifier.gone = {OLGAS}
    id = rig.approved(role=ADMIN, duration=Span(3600))
    rig.run()
    for one in (ADA, BOB):
        rig.directory.put(one, VISION, None)
    rig.rosters.read()
    rig.wait(HOUR)
    assert rig.grant(id).stuck
    assert rig.notifier.alerts() == []
    rig.notifier.gone = set()

    rig.wait(HOUR)

    assert rig.notifier.alerts() == [("RevocationStuck", OLGAS)]


def test_someone_who_can_never_be_reached_is_not_tried_again(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.notifier.gone = {ADAS}
    request = rig.submit()
    rig.run()

    assert receipts(rig, request.id)[ADAS].failed == "no such place"
    assert rig.request(request.id).status is RequestStatus.PENDING
    rig.notifier.gone = set()
    rig.deny(request.id, BOB)
    rig.run()
    assert rig.notifier.find(request.id, ADAS) is None
    assert rig.jobs() == []


@pytest.mark.parametrize(("approvals", "gone"), [(1, {ADAS, BOBS}), (2, {ADAS})])
def test_a_request_that_too_few_could_see_lapses_at_once_and_says_so(
    sqlite_rig: Rig, approvals: int, gone: set[str]
) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(defaults=terms(approvals=approvals)))
    rig.notifier.gone = gone
    request = rig.submit()
    rig.run()

    lapsed = rig.request(request.id)
    reason = notices.NOBODY_REACHED if approvals == 1 else notices.TOO_FEW_REACHED
    assert (lapsed.status, lapsed.note) == (RequestStatus.LAPSED, reason)
    assert rig.notifier.notice(request.id).request == lapsed


def test_a_request_that_was_decided_meanwhile_does_not_lapse(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.notifier.gone = {ADAS, BOBS}
    request = rig.submit()

    def decide(audience: str) -> None:
        rig.notifier.after = lambda audience: None
        rig.approve(request.id)

    rig.notifier.after = decide
    rig.run()

    assert rig.request(request.id).status is RequestStatus.APPROVED


def test_where_the_policy_names_a_channel_only_the_channel_is_asked(rig: Rig) -> None:
    in_a_channel(rig)
    request = rig.submit()
    rig.run()

    assert sorted(audiences(rig)) == sorted(["requester", CHANNEL])
    rig.approve(request.id)
    rig.drain()
    assert rig.notifier.notice(request.id, CHANNEL).grant == rig.grant(request.id)


def test_where_the_channel_cannot_be_posted_to_the_approvers_are_asked_themselves(
    rig: Rig,
) -> None:
    in_a_channel(rig)
    rig.notifier.gone = {CHANNEL}
    request = rig.submit()
    rig.run()

    assert sorted(audiences(rig)) == sorted(["requester", ADAS, BOBS])
    assert rig.request(request.id).status is RequestStatus.PENDING


def test_where_neither_the_channel_nor_anybody_can_be_reached_it_lapses(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    in_a_channel(rig)
    rig.notifier.gone = {CHANNEL, ADAS, BOBS}
    request = rig.submit()
    rig.run()

    assert rig.request(request.id).status is RequestStatus.LAPSED


def an_alert(rig: Rig) -> None:
    """Something that the organization's admins have to look at."""
    rig.approved()
    rig.run()
    rig.directory.put(EVE, VISION, ADMIN)
    rig.wait(timedelta(hours=8))


def test_an_alert_reaches_every_organization_admin_once(rig: Rig) -> None:
    rig.directory.put(BOB, ORGANIZATION, ADMIN)
    rig.rosters.read()
    an_alert(rig)

    assert rig.notifier.alerts() == [("DriftFound", BOBS), ("DriftFound", OLGAS)]
    (drift,) = [entry for entry in rig.audit() if entry.event == "DriftFound"]
    shown = [one.shows for one in rig.notifier.posted if one.subject == f"alert {drift.id}"]
    assert shown[0].detail == drift.detail  # type: ignore[union-attr]  # an alert it is


def test_an_alert_that_one_admin_could_not_get_comes_to_nobody_twice(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.put(BOB, ORGANIZATION, ADMIN)
    rig.rosters.read()
    rig.notifier.down = {OLGAS}
    an_alert(rig)
    assert rig.notifier.alerts() == [("DriftFound", BOBS)]

    rig.notifier.down = set()
    rig.drain()

    assert rig.notifier.alerts() == [("DriftFound", BOBS), ("DriftFound", OLGAS)]


def test_without_a_reading_of_the_directory_messages_wait(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.submit()
    with rig.work.begin() as work:
        job = work.outbox.claim([JobKind.NOTIFY], now=rig.clock(), token="t")
    assert job is not None
    with rig.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM roster")

    with pytest.raises(DirectoryUnavailable):
        notices.notify(rig.deps, job)


def test_when_everybody_is_unreachable_the_first_reason_is_kept(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.notifier.down = {"*"}
    rig.submit()
    with rig.work.begin() as work:
        job = work.outbox.claim([JobKind.NOTIFY], now=rig.clock(), token="t")
    assert job is not None

    with pytest.raises(NotifierUnavailable):
        notices.notify(rig.deps, job)
