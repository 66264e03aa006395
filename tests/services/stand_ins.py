"""Hand-written stand-ins for a clock, for Slack and for its user groups; they record."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.builders import NOW
from workflows.domain.chain import Head
from workflows.domain.entitlements import EmailAddress
from workflows.errors import NotifierUnavailable
from workflows.ports import Alert, Notice, Receipt


class FakeClock:
    """Stands still until it is advanced."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Now."""
        return self.now

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


@dataclass
class Posted:
    """One message: to whom, about what, and what it shows now."""

    audience: str
    subject: str
    ts: str
    shows: Notice | Alert
    redrawn: int = 0


@dataclass
class RecordingNotifier:
    """Keeps what it was asked to show.

    `down`: who cannot be reached just now; `*` is everybody. `gone`: who never will be. `before`
    and `after` are called with the audience around each posting: a place to crash.
    """

    down: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    before: Callable[[str], None] = lambda audience: None
    after: Callable[[str], None] = lambda audience: None
    posted: list[Posted] = field(default_factory=list)
    heads: list[tuple[str, Head]] = field(default_factory=list)

    def publish(self, head: Head, at: datetime, channel: str) -> None:
        """Kept, with its channel."""
        if "*" in self.down:
            raise NotifierUnavailable("Slack does not answer.")
        self.heads.append((channel, head))

    def deliver(self, notice: Notice, receipt: Receipt, *, maybe_posted: bool) -> Receipt:
        """Post it, find it, redraw it, or leave it alone when it shows the same already."""
        return self._tell(notice.request.id, notice, receipt, maybe_posted)

    def alert(self, alert: Alert, receipt: Receipt, *, maybe_posted: bool) -> Receipt:
        """Post it once, and redraw it when it shows something else."""
        return self._tell(alert.id, alert, receipt, maybe_posted)

    def _tell(
        self, subject: str, shows: Notice | Alert, receipt: Receipt, maybe_posted: bool
    ) -> Receipt:
        audience, drawn = receipt.audience, repr(shows)
        if audience in self.down or "*" in self.down:
            raise NotifierUnavailable("Slack does not answer.")
        if audience in self.gone:
            return replace(receipt, failed="no such place")
        if receipt.drawn == drawn:
            return receipt
        found = self.find(subject, audience) if maybe_posted or receipt.ts else None
        if found is None:
            self.before(audience)
            found = Posted(audience, subject, f"{len(self.posted) + 1}.0", shows)
            self.posted.append(found)
            self.after(audience)
        else:
            found.shows = shows
            found.redrawn += 1
        return replace(receipt, channel="D1", ts=found.ts, drawn=drawn)

    def find(self, subject: str, audience: str) -> Posted | None:
        """The message about this to that audience, by its metadata."""
        every = (one for one in self.posted if (one.subject, one.audience) == (subject, audience))
        return next(every, None)

    def notice(self, subject: str, audience: str = "requester") -> Notice:
        """What the message about this request shows its audience."""
        found = self.find(subject, audience)
        assert found is not None, f"{audience} has no message about {subject}"
        assert isinstance(found.shows, Notice)
        return found.shows

    def alerts(self) -> list[tuple[str, str]]:
        """Every alert that was posted: what happened, and who was told."""
        told = [
            (one.shows.event, one.audience) for one in self.posted if isinstance(one.shows, Alert)
        ]
        return sorted(told)


@dataclass
class FakeGroups:
    """Chat groups that are a dictionary. `down`: the chat does not answer."""

    known: dict[str, frozenset[EmailAddress]] = field(default_factory=dict)
    down: bool = False

    def members(self, group: str) -> frozenset[EmailAddress]:
        """The addresses in it."""
        if self.down:
            raise NotifierUnavailable("Slack does not answer.")
        return self.known.get(group, frozenset())
