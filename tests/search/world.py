"""The outside: W&B, Slack and the clock, as objects that are saved, put back and made to fail."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, NOW, OLGA, STEWARD
from workflows.directories.memory import Account, MemoryDirectory
from workflows.domain.entitlements import (
    EmailAddress,
    Organization,
    Place,
    Role,
    place_from_text,
    place_to_text,
)
from workflows.domain.roster import Roster

LATE = timedelta(seconds=30)  # after this a write lands that nobody waits for any more
VERY_LATE = timedelta(minutes=55)  # and after this even the most belated has landed
SHOWN_AFTER = timedelta(seconds=5)  # for this long a stale reading may not show a change
REFRESHED = timedelta(seconds=20)  # as often as the roster is read

KIM = EmailAddress("kim@corp.example")

Told = tuple[str, ...]  # what a message shows: the states that people are told

Key = tuple[str, str]  # address, place as text


@dataclass(frozen=True, slots=True)
class Landing:
    """A write that timed out and that W&B carries out later."""

    at: datetime
    person: EmailAddress
    place: Place
    role: Role | None
    base: Role | None  # what people had set when it was sent


@dataclass(frozen=True, slots=True)
class SavedWorld:
    """A copy of everything outside."""

    now: datetime
    accounts: Mapping[str, Account]
    teams: Mapping[str, Mapping[str, Role]]
    roles: Mapping[str, Role]
    landings: tuple[Landing, ...]
    messages: Mapping[tuple[str, str], Told]
    posts: Mapping[tuple[str, str], int]
    hands: Mapping[Key, tuple[Role | None, ...]]
    meddled: frozenset[Key]
    landed_at: datetime | None
    changed_at: datetime
    before: tuple[Mapping[str, Account], Mapping[str, Mapping[str, Role]]]
    roster: Roster


class World:
    """W&B as it is, what Slack shows, and what time it is."""

    def __init__(self) -> None:
        self.now = NOW
        self.inner = MemoryDirectory(clock=lambda: self.now)
        for email in (EVE, KIM, ADA, BOB):
            self.inner.add_person(email)
        self.inner.add_person(OLGA, organization_role=ADMIN)
        self.inner.add_team("vision", {ADA: ADMIN, BOB: ADMIN})
        self.inner.add_team("speech", {OLGA: ADMIN})
        self.inner.custom_roles[STEWARD.name] = STEWARD
        self.landings: tuple[Landing, ...] = ()
        self.messages: dict[tuple[str, str], Told] = {}
        self.posts: dict[tuple[str, str], int] = {}
        self.hands: dict[Key, tuple[Role | None, ...]] = {}  # what people set, oldest first
        self.meddled: frozenset[Key] = frozenset()  # where they did so since the scene began
        self.first: dict[Key, Role] = {}  # who held what when the scene began
        self.just_now: dict[Key, Role | None] = {}  # before what nobody has read yet
        self.landed_at: datetime | None = None
        self.changed_at = NOW - timedelta(days=1)
        self.before = self._copy()
        self.roster = self.inner.roster()

    def clock(self) -> datetime:
        """Now."""
        return self.now

    # -- saving -------------------------------------------------------------------------------

    def save(self) -> SavedWorld:
        """A copy."""
        accounts, teams = self._copy()
        return SavedWorld(
            self.now,
            accounts,
            teams,
            dict(self.inner.custom_roles),
            self.landings,
            dict(self.messages),
            dict(self.posts),
            dict(self.hands),
            self.meddled,
            self.landed_at,
            self.changed_at,
            self.before,
            self.roster,
        )

    def load(self, saved: SavedWorld) -> None:
        """As it was."""
        self.now = saved.now
        self.inner.accounts = dict(saved.accounts)
        self.inner.teams = {name: dict(members) for name, members in saved.teams.items()}
        self.inner.custom_roles = dict(saved.roles)
        self.inner.calls.clear()
        self.landings = saved.landings
        self.messages = dict(saved.messages)
        self.posts = dict(saved.posts)
        self.hands = dict(saved.hands)
        self.meddled = saved.meddled
        self.landed_at = saved.landed_at
        self.changed_at = saved.changed_at
        self.before = saved.before
        self.roster = saved.roster

    def _copy(self) -> tuple[dict[str, Account], dict[str, dict[str, Role]]]:
        teams = {name: dict(members) for name, members in self.inner.teams.items()}
        return dict(self.inner.accounts), teams

    # -- changing W&B -------------------------------------------------------------------------

    def held(self, person: EmailAddress, place: Place) -> Role | None:
        """What is really held; nothing without an account."""
        try:
            return self.inner.role_of(person, place)
        except LookupError:
            return None

    def by_hand(self, person: EmailAddress, place: Place, role: Role | None) -> None:
        """An admin changes a role in the web app."""
        self.about_to_change()
        self.inner.put(person, place, role)
        key = (person, place_to_text(place))
        self.just_now.setdefault(key, self.base(person, place))
        self.hands[key] = (*self.hands.get(key, ()), role)
        self.meddled |= {key}

    def base(self, person: EmailAddress, place: Place) -> Role | None:
        """What people last set there, and nobody of us is to lower."""
        hands = self.hands.get((person, place_to_text(place)), ())
        return hands[-1] if hands else unasked(place)

    def seen(self, person: EmailAddress, place: Place) -> None:
        """It was read: what was set by hand until now is known."""
        self.just_now.pop((person, place_to_text(place)), None)

    def forget_hand(self, person: EmailAddress, place: Place) -> None:
        """What was set between our reading and our writing is overwritten: nobody can look then."""
        key = (person, place_to_text(place))
        if key in self.just_now:
            self.hands[key] = (*self.hands[key], self.just_now[key])

    def was_ours(self, person: EmailAddress, place: Place) -> None:
        """A hand set what we had given: it looks like ours, and what was first there counts."""
        key = (person, place_to_text(place))
        self.hands[key] = (*self.hands.get(key, ()), self.first.get(key, unasked(place)))

    def about_to_change(self) -> None:
        """What a stale reading would show from now on."""
        self.before, self.changed_at = self._copy(), self.now

    def land(self) -> None:
        """Carry out what is due of the writes that nobody waits for any more."""
        due = [one for one in self.landings if one.at <= self.now]
        self.landings = tuple(one for one in self.landings if one.at > self.now)
        for one in due:
            key = (one.person, place_to_text(one.place))
            base = self.base(one.person, one.place)
            undone = self.held(one.person, one.place) == base != one.base
            if undone and base is not None:  # W&B undoes what a hand gave; none gets back more
                self.hands[key] = (*self.hands[key], one.base)
            self.about_to_change()
            self.landed_at = self.now
            self.inner.put(one.person, one.place, one.role)

    def current_roster(self) -> Roster:
        """The roster as the keeper would have it now."""
        if self.now - self.roster.read_at >= REFRESHED:
            self.roster = self.inner.roster()
        return self.roster


def held_by_everybody(world: World) -> dict[Key, str]:
    """Every role that is held anywhere, without the names of accounts."""
    inner = world.inner
    held: dict[Key, str] = {}
    for account in inner.accounts.values():
        held[account.email, "organization"] = account.organization_role.name
        for team, members in inner.teams.items():
            if account.id in members:
                held[account.email, f"team:{team}"] = members[account.id].name
    return held


def unasked(place: Place) -> Role | None:
    """What everybody has there without anybody's doing: every account is in the organization."""
    return MEMBER if isinstance(place, Organization) else None


def place_of(text: str) -> Place:
    """See `place_from_text`."""
    return place_from_text(text)
