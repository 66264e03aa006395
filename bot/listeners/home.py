"""The Home tab: drawn when it is opened, and for whoever has just done something in it."""

from collections.abc import Callable

from slack_bolt import App, Args

from bot import payloads
from bot.listeners.parts import Parts
from bot.slack_api import call, call_webhook
from bot.views import home
from bot.views.blocks import Message
from workflows.domain.entitlements import EmailAddress
from workflows.services.overview import overview_of


class Home:
    """Publishes one person's Home tab."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def register(self, app: App) -> None:
        """Slack says when somebody opens it."""
        app.event("app_home_opened")(self._parts.guard(self.opened))

    def opened(self, args: Args) -> None:
        """Somebody opened the Home tab (or the Messages tab, which has nothing to draw)."""
        event = args.body.get("event") or {}
        if event.get("tab", "home") == "home":
            member = self._parts.who(args.body)
            self.publish(member.slack_id, member.email)
        args.ack()

    def after(self, args: Args, email: EmailAddress, listing: Callable[[], Message]) -> None:
        """What is nobody's stored message is drawn again: this tab, or a listing's answer."""
        container = args.body.get("container") or {}
        if container.get("type") == "view":
            self.publish(payloads.clicker_of(args.body), email)
        elif container.get("is_ephemeral") and args.body.get("response_url"):
            message = listing()
            call_webhook(
                args.body["response_url"],
                text=message.text,
                blocks=message.blocks,
                replace_original=True,
            )

    def publish(self, slack_id: str, email: EmailAddress, notice: str = "") -> None:
        """Draw it from what is stored. Raises `NotifierUnavailable`."""
        seen = overview_of(self._parts.deps, email)
        page = home.HomePage(
            grants=seen.grants,
            standing_roles=seen.standing_roles,
            requests=seen.requests,
            waiting=seen.waiting,
            notice=notice,
        )
        requesters = (request.requester for request in seen.waiting)
        deciders = (one.approver for request in seen.requests for one in request.decisions)
        view = home.draw(
            page, now=self._parts.deps.clock(), mention=self._parts.mention(*requesters, *deciders)
        )
        call(self._parts.client.views_publish, user_id=slack_id, view=view)
