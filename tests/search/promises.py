"""What must be true after every step and in the end, said without the product's own code.

I1 nobody holds more than they held before and were given · I2 what was approved is given or fails
by name · I3 what is over is gone in time · I4 what was there is never lowered · I5 one outcome a
request · I6 the right is there at the effect · I7 one audit row a transition · I8 everybody is told
once · I10 the last admin stays · I12 from everywhere it all comes to its end.
"""

import json
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import OperationalError

from tests.search.faults import Fault
from tests.search.gateway import MemoryDatabase
from tests.search.world import World, place_of, unasked
from workflows.domain.entitlements import (
    PREDEFINED,
    EmailAddress,
    Place,
    Rank,
    Role,
    place_to_text,
    role_from_text,
)

BOUND = timedelta(minutes=3)  # after an end, or after the last fault, in which it has to be gone

LAST_LOOK = timedelta(hours=1)  # after an end; what lands until then is found
LIVE = ("issued", "active")

# While one of these meets a step, what that step read may be overtaken before it writes.
OVERTAKING = frozenset(
    {
        Fault.STALLED,
        Fault.END,
        Fault.GIVEN_BACK,
        Fault.HAND_REMOVES,
        Fault.HAND_RAISES,
        Fault.RIGHT_LOST,
    }
)
LIVES = {  # the states that a grant's audit rows may go through
    "GrantIssued": {"GrantActivated", "GrantExpired", "GrantRevoked", "GrantFailed"},
    "GrantActivated": {"GrantExpired", "GrantRevoked"},
    "GrantExpired": {"GrantEnded"},
    "GrantRevoked": {"GrantEnded"},
    "GrantEnded": set(),
    "GrantFailed": set(),
}
STATUS = {
    "GrantIssued": "issued",
    "GrantActivated": "active",
    "GrantExpired": "ending",
    "GrantRevoked": "ending",
    "GrantEnded": "ended",
    "GrantFailed": "failed",
}
OUTCOMES = {
    "RequestApproved": "approved",
    "RequestDenied": "denied",
    "RequestCancelled": "cancelled",
    "RequestLapsed": "lapsed",
}


class Broken(BaseException):
    """A promise that was not kept; the product must not catch it."""


class Bugs(logging.Handler):
    """Raises what the product caught as a bug; trouble with the database was made by the search."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, OperationalError):
            raise Broken(f"a bug: {error!r}") from error


class Promises:
    """Looks on, and raises `Broken`."""

    def __init__(self, world: World, database: MemoryDatabase) -> None:
        self._world = world
        self._database = database
        self.meeting: frozenset[Fault] = frozenset()  # the faults of the step that is under way
        self.last_fault_at = world.now
        self.faults = 0  # so far

    def next_end(self) -> datetime:
        """When the next live grant ends; in two minutes, if none does."""
        sql = "SELECT min(ends_at) FROM access_grant WHERE status IN ('issued', 'active')"
        found = self._database.rows(sql)[0][0]
        return moment(found) if found else self._world.now + timedelta(minutes=2)

    # -- at the moment of a write -------------------------------------------------------------

    def written(
        self, person: EmailAddress, place: Place, before: Role | None, after: Role | None
    ) -> None:
        """We are about to change this: is it ours to change, and justified?"""
        if self.meeting & OVERTAKING:
            return
        base = self._world.base(person, place)
        if after == base:  # what people last set there; it is among what we sent by now
            return
        if base in self._looks_like_ours(person, place):  # nobody can tell a hand from our own
            self._world.was_ours(person, place)
            return
        if after in self._explained((person, place_to_text(place)), place):
            if base is not None and (after is None or after.rank < base.rank):
                raise Broken(f"I4: {person} was set to {base} in {place}, now to {after} again")
            return
        if base is not None and (after is None or not after.covers(base)):
            raise Broken(f"I4: {person} held {base} in {place} and is set to {after}")
        live = self._grants(person, place, LIVE)
        given = [approvers for role, approvers in live if role_from_text(role) == after]
        if not given:
            raise Broken(f"I1: {person} is given {after} in {place}, and nothing says so")
        raised = before is None or (after is not None and not before.covers(after))
        sure = Fault.STALE not in self.meeting  # else the right was lost a moment ago
        if given and raised and sure and not any(self._may_approve(one, place) for one in given):
            raise Broken(f"I6: {person} is given {after} in {place} by who may not any more")

    @staticmethod
    def _inherited(base: Role | None) -> set[Role | None]:
        return {PREDEFINED[base.rank.name.lower()]} if base is not None and base.custom else set()

    def _looks_like_ours(self, person: EmailAddress, place: Place) -> set[Role | None]:
        sql = "SELECT last_seen, unanswered FROM standing WHERE person = ? AND place = ?"
        for last_seen, unanswered in self._database.rows(sql, person, place_to_text(place)):
            return {role_from_text(text) for text in (last_seen, *json.loads(unanswered))}
        return set()

    def _may_approve(self, approvers: str, place: Place) -> bool:
        admins = {
            email
            for (email, where), role in self._admins().items()
            if where in (place_to_text(place), "organization") and role
        }
        return any(f'"{email}"' in approvers for email in admins)

    def _admins(self) -> dict[tuple[str, str], bool]:
        inner = self._world.inner
        found: dict[tuple[str, str], bool] = {}
        for account in inner.accounts.values():
            found[account.email, "organization"] = account.organization_role.rank is Rank.ADMIN
            for team, members in inner.teams.items():
                role = members.get(account.id)
                found[account.email, f"team:{team}"] = role is not None and role.name == "admin"
        return found

    def applied(self, person: EmailAddress, place: Place) -> None:
        """Is there still an admin? What a hand did a moment ago is overwritten."""
        self._world.forget_hand(person, place)
        sure = not self.meeting & OVERTAKING and Fault.STALE not in self.meeting
        if sure and not any(
            is_admin
            for (_, where), is_admin in self._admins().items()
            if where == place_to_text(place)
        ):
            raise Broken(f"I10: {place} has no admin left")

    # -- after every step ---------------------------------------------------------------------

    def hold(self) -> None:
        """What must be true between any two steps."""
        self._nobody_holds_more()
        self._every_transition_has_its_row()
        self._what_is_owed_is_owed()

    def _nobody_holds_more(self) -> None:
        world = self._world
        owed = self._owed()
        for key in self._touched():
            person, place = EmailAddress(key[0]), place_of(key[1])
            held = world.held(person, place)
            base = self._explained(key, place)
            if held in base:
                continue
            open_ = ("issued", "active", "ending")
            base |= {role_from_text(role) for role, _ in self._grants(person, place, open_)}
            if f"{person} {key[1]}" in owed:  # it is being looked after
                base |= {one.role for one in world.landings} | self._unanswered(key) | {held}
            if held not in base:
                raise Broken(f"I1: {person} holds {held} in {place}, and nobody looks after it")

    def hold_in_time(self) -> None:
        """Before the next thing happens: was anything held for too long until now?

        I3, by what W&B holds and not by what we say. What lands late is found by the next look.
        """
        world = self._world
        sql = (
            "SELECT person, place, max(over_at), max(stuck) FROM access_grant"
            " WHERE over_at IS NOT NULL GROUP BY person, place"
        )
        for who, where, over_at, stuck in self._database.rows(sql):
            person, place = EmailAddress(who), place_of(where)
            held = world.held(person, place)
            live = {role_from_text(one) for one, _ in self._grants(person, place, LIVE)}
            if stuck or held in live | self._explained((who, where), place):
                continue
            late = max(moment(over_at), self.last_fault_at)
            if world.landed_at is not None:
                late = max(late, world.landed_at + LAST_LOOK)
            if world.now - late > BOUND:
                raise Broken(f"I3: {who} still holds {held} in {where}, over since {over_at}")

    def _explained(self, key: tuple[str, str], place: Place) -> set[Role | None]:
        """What people set there, and what W&B makes of it when a custom role is deleted."""
        roles = set(self._world.hands.get(key, ())) or {unasked(place)}
        return roles.union(*(self._inherited(role) for role in roles))

    def _touched(self) -> list[tuple[str, str]]:
        return [tuple(row) for row in self._database.rows("SELECT person, place FROM standing")]

    def _unanswered(self, key: tuple[str, str]) -> set[Role | None]:
        sql = "SELECT last_seen, prior FROM standing WHERE person = ? AND place = ?"
        return {role_from_text(text) for row in self._database.rows(sql, *key) for text in row}

    def _owed(self) -> set[str]:
        return {
            row[0] for row in self._database.rows("SELECT subject FROM job WHERE kind = 'ensure'")
        }

    def _grants(
        self, person: EmailAddress, place: Place, statuses: tuple[str, ...]
    ) -> list[tuple[str, str]]:
        marks = ", ".join("?" * len(statuses))
        sql = (
            "SELECT role, approvers FROM access_grant WHERE person = ? AND place = ?"
            f" AND status IN ({marks})"
        )
        rows = self._database.rows(sql, person, place_to_text(place), *statuses)
        return [(row[0], row[1]) for row in rows]

    def _every_transition_has_its_row(self) -> None:
        last: dict[str, str] = {}
        outcome: Counter[str] = Counter()
        said: dict[str, str] = {}
        sql = "SELECT subject, event FROM audit ORDER BY id"
        for subject, event in self._database.rows(sql):
            if event in OUTCOMES:
                outcome[subject] += 1
                said[subject] = OUTCOMES[event]
            if event not in LIVES:
                continue
            before = last.get(subject)
            if before is None and event != "GrantIssued":
                raise Broken(f"I7: {subject} begins with {event}")
            if before is not None and event not in LIVES[before]:
                raise Broken(f"I5/I7: {subject} went from {before} to {event}")
            last[subject] = event
        if any(count > 1 for count in outcome.values()):
            raise Broken(f"I5: {outcome} outcomes")
        for id, status in self._database.rows("SELECT id, status FROM access_grant"):
            if STATUS.get(last.get(id, "")) != status:
                raise Broken(f"I7: grant {id} is {status}, its last row says {last.get(id)}")
            if said.get(id) != "approved":
                raise Broken(f"I5: there is a grant for {id}, which was never approved")
        for id, status in self._database.rows("SELECT id, status FROM access_request"):
            if said.get(id, "pending") != status:
                raise Broken(f"I7: request {id} is {status}, its last row says {said.get(id)}")

    def _what_is_owed_is_owed(self) -> None:
        owed = self._owed()
        late = self._world.now - BOUND
        calm = self.last_fault_at <= late
        sql = (
            "SELECT id, person, place, status, coalesce(over_at, issued_at), stuck"
            " FROM access_grant WHERE status IN ('issued', 'ending')"
        )
        for id, person, place, status, since, stuck in self._database.rows(sql):
            if f"{person} {place}" not in owed:
                raise Broken(f"I12: grant {id} is {status}, and nobody is to do anything about it")
            if calm and moment(since) <= late and not stuck:  # stuck: people were told
                raise Broken(f"I2/I3: grant {id} is {status} since {since}")

    # -- in the end ---------------------------------------------------------------------------

    def hold_in_the_end(self) -> None:
        """Nothing is due any more: everything is over, as it was before, and told."""
        self.hold()
        left = self._database.rows("SELECT key FROM job")
        if left:
            raise Broken(f"I12: {[row[0] for row in left]} is never done")
        world = self._world
        sql = "SELECT id, status, stuck FROM access_grant"
        grants = {row[0]: (row[1], row[2]) for row in self._database.rows(sql)}
        if any(status not in ("ended", "failed") for status, _ in grants.values()):
            raise Broken(f"I12: {grants}")
        for key in self._touched():
            person, place = EmailAddress(key[0]), place_of(key[1])
            held = world.held(person, place)
            if held not in self._explained(key, place):
                raise Broken(f"I1/I3/I4: in the end {person} holds {held} in {place}")
        self._everybody_was_told(grants)
        self._no_hand_is_made_up()

    def _everybody_was_told(self, grants: dict[str, tuple[str, str]]) -> None:
        world = self._world
        for id, status in self._database.rows("SELECT id, status FROM access_request"):
            told = world.messages.get((id, "requester"))
            grant = grants.get(id, ("", ""))[0]
            if told is None or (told[0], told[2]) != (status, grant):
                raise Broken(f"I8: {id} is {status} {grant}, its requester sees {told}")
            for (subject, audience), shows in world.messages.items():
                if subject == id and (shows[0], shows[2]) != (status, grant):
                    raise Broken(f"I8: {audience} sees {shows} of {id}, which is {status} {grant}")
        often = [key for key, count in world.posts.items() if count > 1 + self.faults]
        if often:
            raise Broken(f"I8: posted more often than something went wrong: {often}")

    def _no_hand_is_made_up(self) -> None:
        sql = "SELECT id, person, place, note FROM access_grant WHERE note LIKE '%by hand%'"
        for id, person, place, note in self._database.rows(sql):
            if (person, place) not in self._world.meddled:
                raise Broken(f"I8: {id} ended, and nobody's hand did what it says: {note}")


def moment(stored: str) -> datetime:
    """A time as SQLite has it: UTC without saying so."""
    found = datetime.fromisoformat(stored)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
