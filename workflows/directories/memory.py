"""A directory that is a dictionary: what W&B does with a change, without W&B. For tests.

It behaves as the W&B one towards its callers (the same contract is run against both), and it can be
made to fail before or after a change, which is what a lost answer is.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from workflows.domain.entitlements import (
    MEMBER,
    VIEWER,
    EmailAddress,
    Organization,
    Place,
    Role,
    Team,
    email_of,
)
from workflows.domain.roster import Roster, RosterPerson, RosterTeam
from workflows.domain.standings import Reading
from workflows.errors import AccessError, DirectoryChanged, DirectoryRejected
from workflows.ports import Clock


@dataclass(frozen=True, slots=True)
class Account:
    """One account; `version` counts its changes and is its tag."""

    id: str
    email: EmailAddress
    emails: frozenset[EmailAddress]
    active: bool = True
    human: bool = True
    organization_role: Role = MEMBER
    version: int = 0


@dataclass(slots=True)
class _Failure:
    error: AccessError
    on: str
    after: bool


@dataclass
class MemoryDirectory:
    """`ports.Directory` in memory. Safe to use from several threads.

    `calls` holds every call as (method, address or account, place or empty). `before` and `after`
    are called with the method's name around each change, outside the lock: a place to crash or to
    let somebody else act. `shows_roles` False: it tells admins from others, and no more.
    """

    clock: Clock = lambda: datetime(2026, 1, 1, tzinfo=UTC)
    custom_roles: dict[str, Role] = field(default_factory=dict)
    own_account: str = ""
    seats: int | None = None  # how many people there is room for
    replaces_all: bool = False  # a write of one team role makes the others `member`
    shows_roles: bool = True
    before: Callable[[str], None] = lambda method: None
    after: Callable[[str], None] = lambda method: None
    accounts: dict[str, Account] = field(default_factory=dict)
    teams: dict[str, dict[str, Role]] = field(default_factory=dict)  # name → account → role
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _failures: list[_Failure] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # -- setting up, and changes by hand ------------------------------------------------------

    def add_person(
        self,
        email: str,
        *,
        organization_role: Role = MEMBER,
        active: bool = True,
        human: bool = True,
        emails: tuple[str, ...] = (),
    ) -> str:
        """Make an account; gives its id."""
        with self._lock:
            account = f"account-{next(self._numbers)}"
            every = frozenset(map(email_of, (email, *emails)))
            self.accounts[account] = Account(
                account, email_of(email), every, active, human, organization_role
            )
            return account

    def add_team(self, name: str, roles: Mapping[str, Role] | None = None) -> None:
        """Make a team; `roles` by address."""
        with self._lock:
            self.teams[name] = {self.account_of(who): r for who, r in (roles or {}).items()}

    def put(self, email: str, place: Place, role: Role | None) -> None:
        """Change a role by hand, as an admin in the web app would."""
        with self._lock:
            self._apply(self.account_of(email), place, role)

    def set_active(self, email: str, active: bool) -> None:
        """Deactivate or reactivate an account."""
        with self._lock:
            account = self.accounts[self.account_of(email)]
            self.accounts[account.id] = replace(account, active=active)

    def delete_person(self, email: str) -> None:
        """Delete the account, as an admin in the web app would."""
        with self._lock:
            account = self.account_of(email)
            for members in self.teams.values():
                members.pop(account, None)
            del self.accounts[account]

    def role_of(self, email: str, place: Place) -> Role | None:
        """What is really held, whatever `shows_roles` says."""
        with self._lock:
            return self._held(self.account_of(email), place)

    def account_of(self, email: str) -> str:
        """The id of the account with this primary address; raises `LookupError`."""
        found = self._find(email_of(email))
        if found is None:
            raise LookupError(email)
        return found.id

    def fail_next(self, error: AccessError, *, on: str = "", after: bool = False) -> None:
        """Let the next call (of the method `on`) raise this, with `after` once it is done."""
        with self._lock:
            self._failures.append(_Failure(error, on, after))

    # -- ports.Directory ----------------------------------------------------------------------

    def roster(self) -> Roster:
        """Everybody."""
        self._called("roster")
        with self._lock:
            people = {
                each.id: RosterPerson(
                    account=each.id,
                    username=each.email.partition("@")[0],
                    name=each.email.partition("@")[0].title(),
                    email=each.email,
                    emails=each.emails,
                    active=each.active,
                    organization_role=each.organization_role,
                )
                for each in self.accounts.values()
                if each.human
            }
            teams = {
                name: RosterTeam(
                    f"team-{name}",
                    name,
                    {a: self._shown(r) for a, r in members.items() if a in people},
                )
                for name, members in self.teams.items()
            }
            found = Roster(self.clock(), people, teams, dict(self.custom_roles))
        self._failed("roster", after=True)
        return found

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """What the person holds there now."""
        self._called("read", person, place)
        with self._lock:
            found = self.accounts.get(account) if account else self._find(person)
            if found and isinstance(place, Organization) and not self.shows_roles:
                raise DirectoryRejected("W&B does not say who is an admin of the organization.")
            reading = self._reading(found, place)
        self._failed("read", after=True)
        return reading

    def invite(self, person: EmailAddress) -> str:
        """The account with this address, made if there was none."""
        self._called("invite", person)
        with self._lock:
            found = self._find(person)
            account = found.id if found else ""
        if not account:
            self.before("invite")
            with self._lock:
                if self.seats is not None and len(self.accounts) >= self.seats:
                    raise DirectoryRejected("W&B has no free seat (“Seat limit reached”).")
                account = self.add_person(person)
            self.after("invite")
        self._failed("invite", after=True)
        return account

    def set_role(
        self, person: EmailAddress, place: Place, role: Role | None, *, seen: Reading
    ) -> Reading:
        """Make the person hold exactly this there, and read it back."""
        self._called("set_role", person, place)
        self.before("set_role")
        with self._lock:
            account = self.accounts.get(seen.account or "")
            if account is None:
                raise DirectoryRejected(f"There is no W&B account with the address {person}.")
            if isinstance(place, Organization) and (role is None or role == VIEWER or role.custom):
                raise DirectoryRejected("In the organization there are only admins and members.")
            if isinstance(place, Team) and place.name not in self.teams and role is not None:
                raise DirectoryRejected(f"There is no team {place.name} in W&B any more.")
            if role is not None and seen.held is not None and seen.tag != str(account.version):
                raise DirectoryChanged("It was changed in W&B since it was read.")
            self._write(account.id, place, role)
            sent = replace(self._reading(self.accounts[account.id], place), held=role, exact=True)
            reading = self._reading(self.accounts[account.id], place)
        self.after("set_role")
        self._failed("set_role", after=True)
        return reading if reading.exact else sent

    def put_back_others(self, seen: Reading, roles: Mapping[str, str]) -> None:
        """Give back what a write of ours has cost in other teams."""
        self._called("put_back_others", seen.account or "")
        self.before("put_back_others")
        with self._lock:
            self.replaces_all = False  # from now on whole lists are sent
            for team, name in roles.items():
                self._apply(seen.account or "", Team(team), self._named(name))
        self.after("put_back_others")
        self._failed("put_back_others", after=True)

    def is_own_account(self, account: str) -> bool:
        """Whether this is the account that our key belongs to."""
        return bool(account) and account == self.own_account

    # -- inside -------------------------------------------------------------------------------

    def _find(self, email: EmailAddress) -> Account | None:
        found = [each for each in self.accounts.values() if each.email == email]
        if len(found) > 1:
            raise DirectoryRejected(f"Several W&B accounts have the address {email}.")
        return found[0] if found else None

    def _reading(self, account: Account | None, place: Place) -> Reading:
        if account is None:
            return Reading(account=None)
        tag = str(account.version)
        if not account.human:
            return Reading(account.id, account.active, human=False, tag=tag)
        held = self._held(account.id, place)
        shown = held if isinstance(place, Organization) else self._shown(held)
        others = None
        if self.shows_roles:
            here = place.name if isinstance(place, Team) else None
            others = {
                name: members[account.id].name
                for name, members in self.teams.items()
                if account.id in members and name != here
            }
        return Reading(
            account=account.id,
            active=account.active,
            held=shown,
            exact=shown == held,
            others=others,
            tag=tag,
        )

    def _held(self, account: str, place: Place) -> Role | None:
        if isinstance(place, Organization):
            return self.accounts[account].organization_role
        return self.teams.get(place.name, {}).get(account)

    def _shown(self, role: Role | None) -> Role | None:
        """A role as this directory shows it: None for one that it keeps to itself."""
        return role if self.shows_roles or role is None or role.name == "admin" else None

    def _write(self, account: str, place: Place, role: Role | None) -> None:
        held = self._held(account, place)
        if isinstance(place, Team) and self.replaces_all and role is not None and held != role:
            for name, members in self.teams.items():
                if account in members and name != place.name and role != MEMBER:
                    members[account] = MEMBER
        self._apply(account, place, role)

    def _apply(self, account: str, place: Place, role: Role | None) -> None:
        known = self.accounts[account]
        if self._held(account, place) == role:
            return
        if isinstance(place, Organization):
            known = replace(known, organization_role=role or MEMBER)
        elif role is None:
            self.teams[place.name].pop(account, None)
        else:
            self.teams[place.name][account] = role
        self.accounts[account] = replace(known, version=known.version + 1)

    def _named(self, name: str) -> Role:
        found = Roster(self.clock(), custom_roles=self.custom_roles).find_role(name)
        if found is None:
            raise DirectoryRejected(f"W&B has no role {name}.")
        return found

    def _called(self, method: str, who: str = "", place: Place | None = None) -> None:
        with self._lock:
            self.calls.append((method, who, str(place or "")))
        self._failed(method, after=False)

    def _failed(self, method: str, *, after: bool) -> None:
        with self._lock:
            for failure in self._failures:
                if failure.on in ("", method) and failure.after is after:
                    self._failures.remove(failure)
                    raise failure.error
