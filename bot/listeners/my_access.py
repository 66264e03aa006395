"""My own access: see it, give it back, take a request back."""

from collections.abc import Callable

from slack_bolt import Args

from bot import payloads
from bot.listeners.home import Home
from bot.listeners.parts import Parts
from bot.listeners.ways import Heard, Way
from bot.people import TO_DECIDE
from bot.views import listing, request_message
from bot.views.blocks import Message
from workflows.domain.entitlements import EmailAddress
from workflows.services.deps import Deps
from workflows.services.grants import give_back
from workflows.services.overview import overview_of
from workflows.services.requests import cancel_request


class MyAccess:
    """What somebody does about what is theirs."""

    def __init__(self, parts: Parts, home: Home) -> None:
        self._parts = parts
        self._home = home

    def heard(self) -> Heard:
        """The buttons of the requester's message."""
        return {
            (Way.ACTION, request_message.CANCEL): self.cancel,
            (Way.ACTION, request_message.DONE): self.done,
        }

    def show(self, args: Args) -> None:
        """`/wandb my-access`."""
        message = self._listing(self._parts.who(args.body).email)
        args.ack(response_type="ephemeral", text=message.text, blocks=message.blocks)

    def cancel(self, args: Args) -> None:
        """Take the request back."""
        self._do(args, cancel_request)

    def done(self, args: Args) -> None:
        """Give the access back before its time."""
        self._do(args, give_back)

    def _do(self, args: Args, use_case: Callable[..., object]) -> None:
        member = self._parts.who(args.body, max_age=TO_DECIDE)
        deps: Deps = self._parts.deps
        use_case(deps, payloads.request_id_of(args.payload), by=member.email)
        args.ack()
        self._home.after(args, member.email, lambda: self._listing(member.email))

    def _listing(self, email: EmailAddress) -> Message:
        seen = overview_of(self._parts.deps, email)
        deciders = (one.approver for request in seen.requests for one in request.decisions)
        return listing.my_access(
            seen.grants,
            seen.standing_roles,
            seen.requests,
            instead=seen.instead,
            now=self._parts.deps.clock(),
            mention=self._parts.mention(*deciders),
        )
