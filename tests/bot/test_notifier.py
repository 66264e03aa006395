"""`SlackNotifier` against the Slack stand-in: one message a request and audience."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.notifier import METADATA, SlackNotifier
from bot.people import People
from bot.slack_api import new_client
from sandbox.slack_faults import ErrorCode, Lost, RateLimited, SlackFault
from sandbox.slack_people import Person
from sandbox.slack_server import SlackServer
from sandbox.slack_world import SlackWorld
from tests.builders import ADA, NOW, a_grant, a_request
from workflows.domain.chain import Head
from workflows.domain.grants import GrantStatus
from workflows.domain.requests import Decision, RequestStatus
from workflows.errors import NotifierUnavailable
from workflows.ports import APPROVER, CHANNEL, REQUESTER, Alert, Notice, Receipt

PENDING = Notice(a_request(), None, waiting_for=(ADA,))
SETTLED = a_request(
    status=RequestStatus.APPROVED,
    decisions=(Decision(ADA, approved=True, at=NOW, comment=""),),
    settled_at=NOW,
    settled_by=ADA,
)
ACTIVE = Notice(SETTLED, a_grant(status=GrantStatus.ACTIVE))
TO_EVE = Receipt(REQUESTER)
TO_ADA = Receipt(APPROVER + ADA)
STUCK = Alert(
    "a-1",
    "RevocationStuck",
    "eve@corp.example team:vision",
    NOW,
    {"reason": "W&B says that she is the last admin."},
)


class Office:
    """A workspace with eve and ada in it, and the notifier."""

    def __init__(self, server: SlackServer) -> None:
        self.world = server.world
        self.eve = Person(self.world, self.world.add_user("eve", "eve@corp.example"))
        self.ada = Person(self.world, self.world.add_user("ada", ADA))
        self._client = new_client(self.world.bot_token, server.url, timeout=2)
        self.forget()

    def forget(self) -> None:
        """As after a restart: nobody's Slack id is known."""
        people = People(self._client, clock=lambda: 0.0)
        self.notifier = SlackNotifier(self._client, people, lambda: NOW)

    def deliver(self, notice: Notice, receipt: Receipt, *, maybe_posted: bool = False) -> Receipt:
        """Tell somebody."""
        return self.notifier.deliver(notice, receipt, maybe_posted=maybe_posted)

    def called(self, pattern: str = r"chat\..*") -> list[str]:
        """The methods that were called, in order."""
        return [call.method for call in self.world.called(pattern)]


@pytest.fixture
def office() -> Iterator[Office]:
    """Both people at their desks."""
    with SlackServer(SlackWorld()) as server:
        yield Office(server)


def test_the_requesters_message_and_the_card_are_posted_where_they_belong(office: Office) -> None:
    told, asked = office.deliver(PENDING, TO_EVE), office.deliver(PENDING, TO_ADA)
    (message,), (card,) = office.eve.messages(), office.ada.messages()
    assert "waits" in office.eve.text_of(message)
    assert "[Approve] [Deny]" in office.ada.text_of(card)
    assert (told.channel, told.ts) == (message.channel, message.ts)
    assert (asked.channel, asked.ts) == (card.channel, card.ts)
    assert office.world.warnings == []


def test_its_metadata_has_ids_only(office: Office) -> None:
    office.deliver(PENDING, TO_EVE)
    (message,) = office.eve.messages()
    assert message.metadata is not None
    assert message.metadata["event_type"] == METADATA
    assert "corp.example" not in str(message.metadata)
    assert message.metadata["event_payload"]["subject"] == PENDING.request.id


def test_what_has_changed_is_redrawn_in_place(office: Office) -> None:
    posted = office.deliver(PENDING, TO_EVE)
    redrawn = office.deliver(ACTIVE, posted)
    (message,) = office.eve.messages()
    assert "active" in office.eve.text_of(message)
    assert redrawn == replace(posted, drawn=redrawn.drawn)
    assert redrawn.drawn != posted.drawn
    assert office.called() == ["chat.postMessage", "chat.update"]


def test_what_is_drawn_already_costs_no_call(office: Office) -> None:
    posted = office.deliver(ACTIVE, TO_EVE)
    assert office.deliver(ACTIVE, posted) == posted
    assert office.called() == ["chat.postMessage"]


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_message_that_is_gone_is_posted_anew(code: str, office: Office) -> None:
    posted = office.deliver(PENDING, TO_EVE)
    office.world.faults.add(SlackFault("chat.update", ErrorCode(code)))
    again = office.deliver(ACTIVE, posted)
    assert again.ts != posted.ts
    assert office.called() == ["chat.postMessage", "chat.update", "chat.postMessage"]


@pytest.mark.parametrize("to", [TO_EVE, TO_ADA])
def test_a_posting_whose_answer_was_lost_is_found_and_not_repeated(
    to: Receipt, office: Office
) -> None:
    office.world.faults.add(SlackFault("chat.postMessage", Lost(), phase="after"))
    with pytest.raises(NotifierUnavailable):
        office.deliver(PENDING, to)
    receipt = office.deliver(ACTIVE, to, maybe_posted=True)
    assert len(office.eve.messages() + office.ada.messages()) == 1
    assert receipt.ts
    assert office.called() == ["chat.postMessage", "chat.update"]


def test_one_in_a_channel_is_found_by_the_channels_id(office: Office) -> None:
    channel = office.world.add_channel("#approvals", office.ada.id)
    to = Receipt(CHANNEL + channel)
    office.world.faults.add(SlackFault("chat.postMessage", Lost(), phase="after"))
    with pytest.raises(NotifierUnavailable):
        office.deliver(PENDING, to)
    receipt = office.deliver(PENDING, to, maybe_posted=True)
    (card,) = office.ada.messages(channel)
    assert (receipt.channel, receipt.ts) == (channel, card.ts)


def test_a_posting_that_never_arrived_is_posted(office: Office) -> None:
    office.world.faults.add(SlackFault("chat.postMessage", Lost(), phase="before"))
    with pytest.raises(NotifierUnavailable):
        office.deliver(PENDING, TO_EVE)
    receipt = office.deliver(PENDING, TO_EVE, maybe_posted=True)
    (message,) = office.eve.messages()
    assert receipt.ts == message.ts


def test_the_message_of_another_request_or_audience_is_not_taken_for_it(office: Office) -> None:
    office.deliver(PENDING, TO_EVE)
    other = Notice(a_request(id="r-2"), None)
    receipt = office.deliver(other, TO_EVE, maybe_posted=True)
    first, second = office.eve.messages()
    assert receipt.ts == second.ts != first.ts


def test_a_channel_by_its_name_gets_the_card(office: Office) -> None:
    office.world.add_channel("#approvals", office.ada.id)
    receipt = office.deliver(PENDING, Receipt(f"{CHANNEL}#approvals"))
    (card,) = office.ada.messages("#approvals")
    assert (receipt.channel, receipt.ts) == (card.channel, card.ts)
    assert office.deliver(ACTIVE, receipt).ts == card.ts


def test_who_is_not_in_slack_can_never_be_told(office: Office) -> None:
    receipt = office.deliver(PENDING, Receipt(APPROVER + "nobody@corp.example"))
    assert receipt.failed == "nobody in this Slack has that address"
    assert office.called() == []


@pytest.mark.parametrize("to", [TO_EVE, TO_ADA])
def test_a_posted_message_is_redrawn_although_slack_no_longer_shows_the_address(
    to: Receipt, office: Office
) -> None:
    posted = office.deliver(PENDING, to)
    for person in (office.eve, office.ada):
        office.world.deactivate(person.id)
    office.forget()
    before = len(office.called(r"users\..*"))
    redrawn = office.deliver(ACTIVE, posted)
    assert (redrawn.channel, redrawn.ts, redrawn.failed) == (posted.channel, posted.ts, "")
    assert redrawn.drawn != posted.drawn
    assert office.called() == ["chat.postMessage", "chat.update"]
    assert len(office.called(r"users\..*")) == before, "where it is was not asked again"


def test_a_channel_that_takes_nothing_says_why(office: Office) -> None:
    channel = office.world.add_channel("#old", office.ada.id)
    office.world.archive(channel)
    assert office.deliver(PENDING, Receipt(CHANNEL + channel)).failed == "Slack said is_archived"


@pytest.mark.parametrize("code", ["not_in_channel", "channel_not_found", "cannot_dm_bot"])
def test_a_place_that_the_bot_was_shut_out_of_says_why(code: str, office: Office) -> None:
    office.world.faults.add(SlackFault("chat.postMessage", ErrorCode(code)))
    assert office.deliver(PENDING, TO_EVE).failed == f"Slack said {code}"


@pytest.mark.parametrize("code", ["invalid_blocks", "msg_too_long", "msg_blocks_too_long"])
def test_a_message_that_slack_does_not_take_as_it_is_drawn_is_said_in_words(
    code: str, office: Office
) -> None:
    office.world.faults.add(SlackFault("chat.postMessage", ErrorCode(code)))

    posted = office.deliver(PENDING, TO_EVE)

    (message,) = office.eve.messages()
    assert (posted.ts, posted.failed) == (message.ts, "")
    assert message.text
    assert not message.blocks
    office.world.faults.add(SlackFault("chat.update", ErrorCode(code)))
    redrawn = office.deliver(ACTIVE, posted)
    (changed,) = office.eve.messages()
    assert (redrawn.ts, redrawn.failed) == (message.ts, "")
    assert changed.text != message.text


def test_words_that_slack_does_not_take_either_are_tried_again_later(office: Office) -> None:
    for _ in range(2):
        office.world.faults.add(SlackFault("chat.postMessage", ErrorCode("msg_too_long")))
    with pytest.raises(NotifierUnavailable):
        office.deliver(PENDING, TO_EVE)
    assert office.deliver(PENDING, TO_EVE, maybe_posted=True).ts


@pytest.mark.parametrize("code", ["token_revoked", "invalid_auth", "account_inactive"])
def test_a_token_that_slack_refuses_is_a_matter_of_time(code: str, office: Office) -> None:
    office.world.faults.add(SlackFault("chat.postMessage", ErrorCode(code)))
    with pytest.raises(NotifierUnavailable):
        office.deliver(PENDING, TO_EVE)
    office.deliver(PENDING, TO_EVE, maybe_posted=True)
    assert len(office.eve.messages()) == 1


def test_a_slack_that_is_down_raises_and_keeps_nothing(office: Office) -> None:
    office.world.down()
    with pytest.raises(NotifierUnavailable):
        office.deliver(PENDING, TO_EVE)
    office.world.up()
    office.deliver(PENDING, TO_EVE, maybe_posted=True)
    assert len(office.eve.messages()) == 1


def test_a_rate_limit_is_handed_on_with_its_time(office: Office) -> None:
    office.world.faults.add(SlackFault("chat.postMessage", RateLimited(retry_after=3)))
    with pytest.raises(NotifierUnavailable) as later:
        office.deliver(PENDING, TO_EVE)
    assert later.value.retry_after == 3.0


def test_an_alert_is_posted_once(office: Office) -> None:
    posted = office.notifier.alert(STUCK, TO_ADA, maybe_posted=False)
    assert office.notifier.alert(STUCK, posted, maybe_posted=False) == posted
    (message,) = office.ada.messages()
    assert "cannot be taken back" in office.ada.text_of(message)
    assert "the last admin" in office.ada.text_of(message)
    assert office.called() == ["chat.postMessage"]


def test_an_alert_that_shows_something_else_by_now_is_redrawn(office: Office) -> None:
    posted = office.notifier.alert(STUCK, TO_ADA, maybe_posted=False)
    later = replace(STUCK, at=NOW + timedelta(hours=1))
    again = office.notifier.alert(later, posted, maybe_posted=False)
    assert (again.ts, again.drawn == posted.drawn) == (posted.ts, False)
    assert office.called() == ["chat.postMessage", "chat.update"]


def test_an_alert_whose_answer_was_lost_is_found(office: Office) -> None:
    office.world.faults.add(SlackFault("chat.postMessage", Lost(), phase="after"))
    with pytest.raises(NotifierUnavailable):
        office.notifier.alert(STUCK, TO_ADA, maybe_posted=False)
    receipt = office.notifier.alert(STUCK, TO_ADA, maybe_posted=True)
    (message,) = office.ada.messages()
    assert receipt.ts == message.ts


def test_an_alert_to_nobody_has_failed(office: Office) -> None:
    receipt = office.notifier.alert(STUCK, Receipt(APPROVER + "x@corp.example"), maybe_posted=False)
    assert receipt.failed


def test_the_head_of_the_audit_chain_is_posted_to_a_channel(office: Office) -> None:
    channel = office.world.add_channel("#audit", office.ada.id)
    head = Head(1234, "ab" * 32, "none")
    office.notifier.publish(head, NOW, channel)
    (message,) = office.ada.messages(channel)
    assert "1234 sealed rows" in message.text
    assert "ab" * 32 in str(message.blocks)
    with pytest.raises(NotifierUnavailable, match="channel_not_found"):
        office.notifier.publish(head, NOW, "C0NOWHERE")
    assert office.world.warnings == []
