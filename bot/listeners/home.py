"""The Home tab: drawn when it is opened, and for whoever has just done something in it."""

import logging
from collections.abc import Callable
from typing import Any

from slack_bolt import Args

from bot import payloads
from bot.listeners.parts import Parts
from bot.listeners.ways import Heard, Way
from bot.people import TO_DECIDE
from bot.slack_api import SlackSaidNo, call, call_webhook
from bot.views import home, needs_attention
from bot.views.blocks import Message
from workflows.domain.entitlements import EmailAddress
from workflows.errors import NotifierUnavailable
from workflows.services.overview import overview_of
from workflows.services.stuck import retry_as

log = logging.getLogger(__name__)


class Home:
    """Publishes one person's Home tab."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def heard(self) -> Heard:
        """Slack says when somebody opens it; and the button beside what is stuck."""
        return {
            (Way.EVENT, "app_home_opened"): self.opened,
            (Way.ACTION, needs_attention.TRY_NOW): self.try_now,
        }

    def opened(self, args: Args) -> None:
        """Somebody opened the Home tab (or the Messages tab, which has nothing to draw)."""
        event = args.body.get("event") or {}
        if event.get("tab", "home") == "home":
            member = self._parts.who(args.body)
            self.publish(member.slack_id, member.email)
        args.ack()

    def try_now(self, args: Args) -> None:
        """Have what is stuck tried at once; for admins of the organization by now."""
        member = self._parts.who(args.body, max_age=TO_DECIDE)
        id = payloads.stuck_id_of(args.payload)
        retry_as(self._parts.deps, id, by=member.email)
        args.ack()
        self.again(member.slack_id, member.email, "It is being tried now.")

    def after(self, args: Args, email: EmailAddress, listing: Callable[[], Message]) -> None:
        """What is nobody's stored message is drawn again: this tab, or a listing's answer."""
        container = args.body.get("container") or {}
        if is_home(args.body):
            self.again(payloads.clicker_of(args.body), email)
        elif container.get("is_ephemeral") and args.body.get("response_url"):
            message = listing()
            try:
                call_webhook(
                    args.body["response_url"],
                    text=message.text,
                    blocks=message.blocks,
                    replace_original=True,
                )
            except NotifierUnavailable as error:
                _not_drawn(error)

    def again(self, slack_id: str, email: EmailAddress, notice: str = "") -> None:
        """Publish it after something was done, which stays done when Slack does not take this."""
        try:
            self.publish(slack_id, email, notice)
        except (NotifierUnavailable, SlackSaidNo) as error:
            _not_drawn(error)

    def publish(self, slack_id: str, email: EmailAddress, notice: str = "") -> None:
        """Draw it from what is stored. Raises `NotifierUnavailable`."""
        seen = overview_of(self._parts.deps, email)
        page = home.HomePage(
            grants=seen.grants,
            instead=seen.instead,
            standing_roles=seen.standing_roles,
            requests=seen.requests,
            waiting=seen.waiting,
            stuck=seen.stuck,
            stuck_count=seen.stuck_count,
            notice=notice,
        )
        requesters = (request.requester for request in seen.waiting)
        deciders = (one.approver for request in seen.requests for one in request.decisions)
        view = home.draw(
            page, now=self._parts.deps.clock(), mention=self._parts.mention(*requesters, *deciders)
        )
        call(self._parts.client.views_publish, user_id=slack_id, view=view)


def is_home(body: dict[str, Any]) -> bool:
    """Whether it was clicked on the Home tab, and not in a message."""
    container = body.get("container") or {}
    return bool(container.get("type") == "view")


def _not_drawn(error: Exception) -> None:
    log.warning("what was done is not shown yet", extra={"error": str(error)})
