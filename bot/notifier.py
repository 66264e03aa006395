"""The one place that posts or redraws messages unasked: one message a request and audience.

Slack promises nothing about a posting whose answer was lost, so before one is tried again the
message is looked for by its metadata (docs.slack.dev/messaging/message-metadata).
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from slack_sdk import WebClient

from bot.people import People
from bot.slack_api import SlackSaidNo, call
from bot.views import alert_message, audit_head_message, drift_message, request_message, review_card
from bot.views.blocks import Message
from workflows.domain.chain import Head
from workflows.domain.entitlements import EmailAddress
from workflows.errors import NotifierUnavailable
from workflows.ports import APPROVER, CHANNEL, REQUESTER, Alert, Clock, Notice, Receipt

METADATA = "wandb_access_message"  # event type; the payload has ids only, other apps may read it
LOOK_BACK = 100  # messages of a conversation that are looked through

# The message is no longer there to be redrawn; a new one takes its place.
_MESSAGE_IS_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})

# Slack does not take what the message shows; the same words without blocks it takes.
_MESSAGE_IS_WRONG = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "invalid_attachments",
    }
)
MAX_TEXT = 3_000  # characters of the words alone; Slack cuts at 4,000 by its own advice

log = logging.getLogger(__name__)


class SlackNotifier:
    """`ports.Notifier` over Slack."""

    def __init__(self, client: WebClient, people: People, clock: Clock) -> None:
        self._client = client
        self._people = people
        self._clock = clock

    def deliver(self, notice: Notice, receipt: Receipt, *, maybe_posted: bool) -> Receipt:
        """See `ports.Notifier`."""
        draw = request_message.draw if receipt.audience == REQUESTER else review_card.draw
        mention = self._people.mentions(_concerned(notice))
        message = draw(notice, now=self._clock(), mention=mention)
        to = _Destination(receipt.audience, notice.request.requester)
        return self._show(message, receipt, to, subject=notice.request.id, look=maybe_posted)

    def alert(self, alert: Alert, receipt: Receipt, *, maybe_posted: bool) -> Receipt:
        """See `ports.Notifier`."""
        to = _Destination(receipt.audience, EmailAddress(""))
        mention = self._people.mentions(drift_message.concerned(alert))
        message = alert_message.draw(alert, mention)
        return self._show(message, receipt, to, subject=alert.id, look=maybe_posted)

    def publish(self, head: Head, at: datetime, channel: str) -> None:
        """See `ports.Notifier`."""
        try:
            self._post(channel, audit_head_message.draw(head, at), {})
        except SlackSaidNo as no:
            raise NotifierUnavailable(f"Slack said {no.code}") from no

    def _show(
        self, message: Message, receipt: Receipt, to: "_Destination", *, subject: str, look: bool
    ) -> Receipt:
        drawn = _digest(message)
        if receipt.ts and receipt.drawn == drawn:
            return receipt
        metadata = {
            "event_type": METADATA,
            "event_payload": {"subject": subject, "audience": _digest_of(receipt.audience)},
        }
        try:
            if receipt.ts and self._redrawn(receipt, message, metadata):
                return replace(receipt, drawn=drawn)
            address = to.address(self._people)
            if address is None:
                return replace(receipt, failed="nobody in this Slack has that address")
            if not receipt.ts and look:
                receipt = self._find(receipt, address, metadata)
                if receipt.ts and self._redrawn(receipt, message, metadata):
                    return replace(receipt, drawn=drawn)
            posted = self._post(address, message, metadata)
        except SlackSaidNo as no:
            log.error("Slack refuses a message", extra={"request_id": subject, "code": no.code})
            return replace(receipt, failed=f"Slack said {no.code}")
        return replace(receipt, channel=posted["channel"], ts=posted["ts"], drawn=drawn)

    def _redrawn(self, receipt: Receipt, message: Message, metadata: Mapping[str, Any]) -> bool:
        """Whether the message that there was shows this now; False when it is gone."""
        try:
            self._update(receipt, message, metadata)
        except SlackSaidNo as no:
            if no.code not in _MESSAGE_IS_GONE:
                raise
            return False
        return True

    def _post(self, to: str, message: Message, metadata: Mapping[str, Any]) -> dict[str, Any]:
        def post(text: str, blocks: object) -> dict[str, Any]:
            return call(
                self._client.chat_postMessage,
                channel=to,
                text=text,
                blocks=blocks,
                metadata=metadata or None,
                unfurl_links=False,
                unfurl_media=False,
            )

        return _or_its_words_alone(post, message)

    def _update(self, receipt: Receipt, message: Message, metadata: Mapping[str, Any]) -> None:
        def update(text: str, blocks: object) -> dict[str, Any]:
            return call(
                self._client.chat_update,
                channel=receipt.channel,
                ts=receipt.ts,
                text=text,
                blocks=blocks,  # an empty list takes away what is there
                metadata=metadata,
            )

        _or_its_words_alone(update, message)

    def _find(self, receipt: Receipt, to: str, metadata: Mapping[str, Any]) -> Receipt:
        """Where an earlier posting went, if it arrived. A `#name` cannot be looked into."""
        if to.startswith("#"):
            return receipt
        channel = to
        if receipt.audience.startswith(APPROVER) or receipt.audience == REQUESTER:
            channel = call(self._client.conversations_open, users=to)["channel"]["id"]
        history = call(
            self._client.conversations_history,
            channel=channel,
            limit=LOOK_BACK,
            include_all_metadata=True,
        )
        for message in history.get("messages") or ():
            found = message.get("metadata") or {}
            if found.get("event_payload") == metadata["event_payload"]:
                return replace(receipt, channel=channel, ts=message["ts"])
        return receipt


def _or_its_words_alone(
    say: Callable[[str, object], dict[str, Any]], message: Message
) -> dict[str, Any]:
    """A message that Slack does not take as it is drawn is said without its drawing.

    Who reads it knows what there is to know; buttons are in App Home too. A plain text that is not
    taken either is tried again later: the fault is not that of whoever it goes to.
    """
    try:
        return say(message.text, message.blocks)
    except SlackSaidNo as no:
        if no.code not in _MESSAGE_IS_WRONG:
            raise
        log.error("Slack does not take a message as it is drawn", extra={"code": no.code})
    try:
        return say(message.text[:MAX_TEXT], [])
    except SlackSaidNo as no:
        if no.code not in _MESSAGE_IS_WRONG:
            raise
        raise NotifierUnavailable(f"Slack said {no.code}") from no


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where an audience is. Asked of Slack only for what is posted for the first time."""

    audience: str
    requester: EmailAddress

    def address(self, people: People) -> str | None:
        """As Slack takes it: a channel's id or `#name`, or a person's id for their messages."""
        if self.audience.startswith(CHANNEL):
            return self.audience.removeprefix(CHANNEL)
        is_requester = self.audience == REQUESTER
        email = self.requester if is_requester else self.audience.removeprefix(APPROVER)
        member = people.find(EmailAddress(email))
        return member.slack_id if member else None


def _concerned(notice: Notice) -> list[EmailAddress]:
    request = notice.request
    deciders = [decision.approver for decision in request.decisions]
    settled_by = [EmailAddress(request.settled_by)] if "@" in request.settled_by else []
    return [request.requester, *notice.waiting_for, *deciders, *settled_by]


def _digest(message: Message) -> str:
    return _digest_of(json.dumps([message.text, message.blocks], sort_keys=True))


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
