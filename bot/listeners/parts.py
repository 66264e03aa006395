"""What every conversation needs, and the few things that all of them do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt import Args
from slack_sdk import WebClient

from bot import payloads
from bot.listeners.errors import guarded
from bot.people import REMEMBERED, Member, People
from workflows.domain.entitlements import EmailAddress
from workflows.services.deps import Deps

Listener = Callable[[Args], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """`client` is the listeners' own: short time-outs, because somebody is waiting.

    `new_reference` names a failure, to the person and in the log.
    """

    deps: Deps
    people: People
    client: WebClient
    new_reference: Callable[[], str]

    def guard(self, listener: Listener) -> Listener:
        """The listener, with an honest sentence for whatever goes wrong in it."""
        return guarded(listener, self.client, self.new_reference)

    def who(self, body: dict[str, Any], *, max_age: float = REMEMBERED) -> Member:
        """Whoever typed, clicked or opened. Raises `Refused` and `NotifierUnavailable`."""
        return self.people.get(payloads.clicker_of(body), max_age=max_age)

    def mention(self, *emails: EmailAddress) -> dict[EmailAddress, str]:
        """Slack ids of those who are known already."""
        return dict(self.people.mentions(emails))
