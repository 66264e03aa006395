"""Decide on a request: approve with a button, deny with a reason, see what waits for me."""

from slack_bolt import Args

from bot import payloads
from bot.listeners.errors import tell_quietly
from bot.listeners.home import Home, is_home
from bot.listeners.parts import Parts
from bot.listeners.ways import Heard, Way
from bot.meters import DECISIONS
from bot.people import TO_DECIDE
from bot.slack_api import call
from bot.views import denial_modal, listing, review_card
from bot.views.blocks import Message
from workflows.domain.entitlements import EmailAddress
from workflows.domain.requests import RequestStatus
from workflows.services.overview import overview_of
from workflows.services.requests import check_may_decide, decide_request


class ReviewRequest:
    """From the card to the stored decision."""

    def __init__(self, parts: Parts, home: Home) -> None:
        self._parts = parts
        self._home = home

    def heard(self) -> Heard:
        """The two buttons of the card, and the form that asks for a denial's reason."""
        return {
            (Way.ACTION, review_card.APPROVE): self.approve,
            (Way.ACTION, review_card.DENY): self.open_denial,
            (Way.VIEW, denial_modal.CALLBACK_ID): self.submit_denial,
        }

    def approve(self, args: Args) -> None:
        """Decide, then acknowledge: what Slack heard us take is stored."""
        member = self._parts.who(args.body, max_age=TO_DECIDE)
        id = payloads.request_id_of(args.payload)
        request = decide_request(self._parts.deps, id, by=member.email, approved=True)
        DECISIONS.add("approved")
        args.ack()
        if request.status is RequestStatus.PENDING:
            tell_quietly(
                args,
                f"Your approval counts: {len(request.approvals)} of {request.needed}. "
                "Somebody else has to approve as well.",
            )
        self._home.after(args, member.email, lambda: self._listing(member.email))

    def open_denial(self, args: Args) -> None:
        """Ask for the reason, of somebody who may deny."""
        member = self._parts.who(args.body, max_age=TO_DECIDE)
        id = payloads.request_id_of(args.payload)
        request = check_may_decide(self._parts.deps, id, by=member.email)
        mention = self._parts.mention(request.requester)
        view = denial_modal.draw(
            request,
            now=self._parts.deps.clock(),
            mention=mention,
            on_home=is_home(args.body),
        )
        call(self._parts.client.views_open, trigger_id=args.body.get("trigger_id"), view=view)
        args.ack()

    def submit_denial(self, args: Args) -> None:
        """Deny, for that reason."""
        denial = payloads.denial_of(args.body.get("view"))
        member = self._parts.who(args.body, max_age=TO_DECIDE)
        decide_request(
            self._parts.deps,
            denial.request_id,
            by=member.email,
            approved=False,
            comment=denial.reason,
        )
        DECISIONS.add("denied")
        args.ack()
        if denial.on_home:
            self._home.again(member.slack_id, member.email)

    def show(self, args: Args) -> None:
        """`/wandb approvals`."""
        message = self._listing(self._parts.who(args.body, max_age=TO_DECIDE).email)
        args.ack(response_type="ephemeral", text=message.text, blocks=message.blocks)

    def _listing(self, email: EmailAddress) -> Message:
        waiting = overview_of(self._parts.deps, email).waiting
        mention = self._parts.mention(*(request.requester for request in waiting))
        return listing.approvals(waiting, now=self._parts.deps.clock(), mention=mention)
