"""Decide about what somebody else changed: adopt it, have it put back, ask the person."""

from collections.abc import Callable

from slack_bolt import Args

from bot import payloads
from bot.listeners.errors import tell_quietly
from bot.listeners.parts import Parts
from bot.listeners.ways import Heard, Way
from bot.people import TO_DECIDE
from bot.views import drift_message
from workflows.domain.standings import Standing
from workflows.services import findings

ASKED = "I have asked them. You can still adopt it or have it put back."


class ReviewDrift:
    """From the alert's buttons to the stored decision; every admin's message is drawn anew."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def heard(self) -> Heard:
        """The three buttons."""
        return {
            (Way.ACTION, drift_message.ADOPT): self.adopt,
            (Way.ACTION, drift_message.PUT_BACK): self.put_back,
            (Way.ACTION, drift_message.ASK): self.ask,
        }

    def adopt(self, args: Args) -> None:
        """What was found is right."""
        self._decide(args, findings.adopt)

    def put_back(self, args: Args) -> None:
        """What was found is to be undone."""
        self._decide(args, findings.put_back)

    def ask(self, args: Args) -> None:
        """Let the person say what it was for."""
        self._decide(args, findings.ask_person)
        tell_quietly(args, ASKED)

    def _decide(self, args: Args, use_case: Callable[..., Standing]) -> None:
        """Decide, then acknowledge: what Slack heard us take is stored."""
        member = self._parts.who(args.body, max_age=TO_DECIDE)
        use_case(self._parts.deps, payloads.request_id_of(args.payload), by=member.email)
        args.ack()
