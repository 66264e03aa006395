"""What the engine calls: W&B and Slack, with a moment before each call and one after."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from tests.search.faults import Fault
from tests.search.world import LATE, SHOWN_AFTER, VERY_LATE, Landing, Told, World
from workflows.domain.chain import Head
from workflows.domain.entitlements import (
    EmailAddress,
    Place,
    Role,
)
from workflows.domain.roster import Roster
from workflows.domain.standings import Reading
from workflows.errors import (
    DirectoryChanged,
    DirectoryClosed,
    DirectoryRejected,
    DirectoryUnavailable,
    NotifierUnavailable,
)
from workflows.ports import Alert, Notice, Receipt

Reach = Callable[[str], Fault | None]


class Rosters:
    """`Rosters` over the world: the keeper has read it within the last seconds."""

    def __init__(self, world: World) -> None:
        self._world = world

    def current(self) -> Roster:
        """The last reading."""
        return self._world.current_roster()

    def recent(self) -> Roster:
        """Nothing is remembered."""
        return self.current()

    def newer(self) -> Roster:
        """Read now."""
        self._world.roster = self._world.inner.roster()
        return self._world.roster

    def ask(self, *, soon: bool = False) -> None:
        """It is read often enough."""


class Watch(Protocol):
    """Who looks on while W&B is changed; see `promises`."""

    def next_end(self) -> datetime:
        """When the next grant ends."""

    def written(
        self, person: EmailAddress, place: Place, before: Role | None, after: Role | None
    ) -> None:
        """We are about to change this."""

    def applied(self, person: EmailAddress, place: Place) -> None:
        """It was changed."""


class Wandb:
    """`Directory` with a moment before each call and one after."""

    def __init__(self, world: World, reach: Reach, watch: Watch) -> None:
        self._world = world
        self._reach = reach
        self._watch = watch

    def roster(self) -> Roster:
        """Everybody."""
        return self._world.inner.roster()

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """See `Directory`."""
        fault = self._asked("read")
        reading = (self._stale if fault is Fault.STALE else self._world.inner.read)(
            person, place, account=account
        )
        self._world.seen(person, place)
        self._reach("read answered")
        return reading

    def _stale(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        world, inner = self._world, self._world.inner
        if world.now - world.changed_at > SHOWN_AFTER:
            return inner.read(person, place, account=account)
        now = inner.accounts, inner.teams
        accounts, teams = world.before
        inner.accounts = dict(accounts)
        inner.teams = {name: dict(members) for name, members in teams.items()}
        try:
            return inner.read(person, place, account=account)
        finally:
            inner.accounts, inner.teams = now

    def invite(self, person: EmailAddress) -> str:
        """See `Directory`."""
        self._asked("invite")
        self._world.about_to_change()
        account = self._world.inner.invite(person)
        self._answered("invite")
        return account

    def set_role(
        self, person: EmailAddress, place: Place, role: Role | None, *, seen: Reading
    ) -> Reading:
        """See `Directory`."""
        fault = self._asked("set_role")
        inner = self._world.inner
        if fault is Fault.IGNORED:
            return inner.read(person, place, account=seen.account)
        if fault in (Fault.LATE, Fault.VERY_LATE):
            at = self._world.now + LATE
            if fault is Fault.VERY_LATE:
                at = min(self._watch.next_end() + timedelta(seconds=2), at + VERY_LATE)
            landing = Landing(at, person, place, role, self._world.base(person, place))
            self._world.landings = (*self._world.landings, landing)
            raise DirectoryUnavailable("W&B did not answer in time.")
        self._watch.written(person, place, self._world.held(person, place), role)
        self._world.about_to_change()
        reading = inner.set_role(person, place, role, seen=seen)
        self._watch.applied(person, place)
        self._answered("set_role")
        return reading

    def put_back_others(self, seen: Reading, roles: Mapping[str, str]) -> None:
        """See `Directory`."""
        self._asked("put_back")
        self._world.inner.put_back_others(seen, roles)
        self._answered("put_back")

    def is_own_account(self, account: str) -> bool:
        """See `Directory`."""
        return self._world.inner.is_own_account(account)

    def _asked(self, call: str) -> Fault | None:
        match fault := self._reach(f"{call} asked"):
            case Fault.DOWN:
                raise DirectoryUnavailable("W&B did not answer.")
            case Fault.CLOSED:
                raise DirectoryClosed("W&B refuses our key (403).")
            case Fault.REFUSED:
                raise DirectoryRejected("W&B said no.")
            case Fault.CHANGED:
                raise DirectoryChanged("It was changed in W&B since it was read.")
            case _:
                return fault

    def _answered(self, call: str) -> None:
        if self._reach(f"{call} answered") is Fault.LOST:
            raise DirectoryUnavailable("W&B's answer was lost.")


class Slack:
    """`Notifier` that keeps what each message shows."""

    def __init__(self, world: World, reach: Reach) -> None:
        self._world = world
        self._reach = reach

    def deliver(self, notice: Notice, receipt: Receipt, *, maybe_posted: bool) -> Receipt:
        """Post it, find it by its metadata, or redraw it."""
        grant = notice.grant
        shows = (
            notice.request.status.value,
            str(len(notice.request.approvals)),
            grant.status.value if grant else "",
            grant.stuck if grant else "",
        )
        return self._tell(notice.request.id, shows, receipt, maybe_posted)

    def alert(self, alert: Alert, receipt: Receipt, *, maybe_posted: bool) -> Receipt:
        """Post it, or find it."""
        shows = (alert.event, alert.subject)
        return self._tell(f"alert {alert.id}", shows, receipt, maybe_posted)

    def publish(self, head: Head, at: datetime, channel: str) -> None:
        """Nothing is sealed in a search."""

    def _tell(self, subject: str, shows: Told, receipt: Receipt, maybe_posted: bool) -> Receipt:
        drawn = repr(shows)
        if receipt.drawn == drawn:
            return receipt
        if self._reach("post asked") is Fault.DOWN:
            raise NotifierUnavailable("Slack does not answer.")
        key = (subject, receipt.audience)
        known = key in self._world.messages and (maybe_posted or bool(receipt.ts))
        self._world.messages[key] = shows
        if not known:
            self._world.posts[key] = self._world.posts.get(key, 0) + 1
        if self._reach("post answered") is Fault.LOST:
            raise NotifierUnavailable("Slack's answer was lost.")
        return replace(receipt, channel="D1", ts="1.0", drawn=drawn)
