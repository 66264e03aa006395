"""What the engine asks of the outside. Each has a real implementation and one for tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workflows.domain.chain import Head
from workflows.domain.drift import Instead
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.grants import Grant
from workflows.domain.requests import AccessRequest
from workflows.domain.roster import Roster
from workflows.domain.standings import Reading

Clock = Callable[[], datetime]  # aware, UTC
NewId = Callable[[], str]


class Directory(Protocol):
    """Where access really lives. Every method can be called twice with the same outcome.

    Raises `Unavailable` when asking again may help, `DirectoryChanged` when it has to be read again
    first, and `DirectoryRejected` when neither helps. Retries nothing itself.
    """

    def roster(self) -> Roster:
        """Everybody: teams, who is in them with which role, the organization's admins.

        Complete or not at all: a partial list raises `DirectoryUnavailable`. `groups` stays empty.
        """

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """What the person holds there now.

        Found by `account` when it is known (our earlier reading), else by exact primary address;
        `Reading.account` None: there is none. Raises `DirectoryRejected` when several accounts have
        the address, and when W&B says so little that not even membership is known.
        """

    def invite(self, person: EmailAddress) -> str:
        """The account with this address, made if there was none. Looks before it makes one."""

    def set_role(
        self, person: EmailAddress, place: Place, role: Role | None, *, seen: Reading
    ) -> Reading:
        """Make the person hold exactly this there (None: nothing), and read it back.

        Sends only what the difference to `seen` needs, with `seen.tag`. Never empties a group,
        never replaces one, never deletes or deactivates an account.
        """

    def put_back_others(self, seen: Reading, roles: Mapping[str, str]) -> None:
        """Give the account the roles in other teams that a write of ours has cost it.

        From then on every write of a team role sends the whole list (this W&B replaces it).
        """

    def is_own_account(self, account: str) -> bool:
        """Whether this is the account that our key belongs to."""


class Groups(Protocol):
    """Groups of people that are kept elsewhere (Slack user groups)."""

    def members(self, group: str) -> frozenset[EmailAddress]:
        """The addresses of the active people in it. Raises `NotifierUnavailable`."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a message went: `channel` and `ts` as the notifier understands them.

    `drawn` is a digest of what the message shows; `channel` and `ts` are empty while the first
    posting is under way, and `failed` says why it never will be posted.
    """

    audience: str
    channel: str = ""
    ts: str = ""
    drawn: str = ""
    failed: str = ""


REQUESTER = "requester"  # the audience of the one message that the requester has
CHANNEL = "channel:"  # prefix of an audience that is a channel
APPROVER = "approver:"  # prefix of an audience that is one approver, by address


@dataclass(frozen=True, slots=True)
class Notice:
    """What one request's messages have to show now. All of it is stored; nothing is remembered."""

    request: AccessRequest
    grant: Grant | None
    why: str = ""  # why the approver it goes to was asked
    waiting_for: Sequence[EmailAddress] = ()  # who may decide, for the requester's message
    held_now: Role | None = None  # what was last read back there
    trouble: str = ""  # what keeps an approved request from being carried out just now
    instead: Instead | None = None  # what W&B shows in place of what is live, by somebody's hand


MANY_STUCK = "ManyStuck"  # the event of the one alert about everything that is stuck


@dataclass(frozen=True, slots=True)
class Since:
    """What became of an alert: `DriftAdopted` by Olga, or a newer `DriftFound`."""

    event: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """What the organization's admins have to look at; `DriftAsked` goes to the person themselves.

    `row` is the audit row it tells of, and what its buttons carry. `since` is what became of a
    finding, oldest first.
    """

    id: str
    event: str
    subject: str
    at: datetime
    detail: Mapping[str, object]
    row: int = 0
    by: str = ""
    since: tuple[Since, ...] = ()


class Notifier(Protocol):
    """Tells people. Delivered to at least once: drawing the same again must be harmless.

    Raises `NotifierUnavailable` when asking again may help. A place that can never be reached
    (no such person, archived channel) comes back as a receipt with `failed`.
    """

    def deliver(self, notice: Notice, receipt: Receipt, *, maybe_posted: bool) -> Receipt:
        """Post or redraw the one message of this request for `receipt.audience`.

        `maybe_posted`: an earlier try may have posted it without telling us where; it is looked
        for by its metadata before it is posted again.
        """

    def alert(self, alert: Alert, receipt: Receipt, *, maybe_posted: bool) -> Receipt:
        """Tell the one admin `receipt.audience` names: post it once, redraw it when it changes."""

    def publish(self, head: Head, at: datetime, channel: str) -> None:
        """Post the head of the audit chain to a channel; each call is a message of its own."""
