"""The engine, its world and the ledger beside it; what must be true of them after every step."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)
from sqlalchemy import event

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, OLGA, ORGANIZATION, VISION
from tests.services.crashing import restart
from tests.services.ledger import Ledger, Spot, Wish, Word
from tests.services.rig import Rig
from workflows.domain.entitlements import EmailAddress, Place, Rank, Role, Team
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import Policy, Rule, Terms
from workflows.domain.requests import RequestStatus
from workflows.errors import (
    Refused,
)
from workflows.services import audit_chain
from workflows.storage.database import Database

MIA = EmailAddress("mia@corp.example")
SPEECH = Team("speech")
ASKERS = (EVE, MIA)
ADMINS: tuple[Spot, ...] = ((ADA, VISION), (BOB, VISION), (OLGA, SPEECH), (OLGA, ORGANIZATION))
EVERYBODY = (ADA, BOB, OLGA, *ASKERS)
PLACES: tuple[Place, ...] = (VISION, SPEECH, ORGANIZATION)
SPOTS: tuple[Spot, ...] = tuple((who, where) for where in PLACES for who in ASKERS)
FRESH = timedelta(seconds=60)  # as old as a reading may be by which somebody decides
TWO_FOR_ADMINS = Policy(rules=(Rule(roles=("admin",), terms=Terms(rule="two", approvals=2)),))
OUTCOMES = ("RequestApproved", "RequestDenied", "RequestCancelled", "RequestLapsed")


class CheckedWorld(RuleBasedStateMachine):
    """A state machine without rules: who has some says what happens."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.database = Database(f"sqlite:///{file}")
        event.listen(self.database.engine, "connect", _do_not_wait_for_the_disk)
        self.rig = Rig(self.database, policy=TWO_FOR_ADMINS)
        self.rig.directory.add_person(MIA)
        self.rig.rosters.read()
        self.ledger = Ledger()
        for spot in SPOTS:
            self.ledger.by_hand[spot] = {MEMBER if spot[1] == ORGANIZATION else None}
        self.seen_admin: dict[Spot, datetime] = {}
        self.told = 0
        self.look_around()

    # ── what must be true after every step ───────────────────────────────────────────────────

    @invariant()
    def look_around(self) -> None:
        """Bring the ledger up to what was told; then compare."""
        for spot in (*ADMINS, *SPOTS):
            if self.is_admin(*spot):
                self.seen_admin[spot] = self.now
        self.note_who_lacks_the_right()
        self.every_fact_is_rightly_there_once()
        for id, wish in self.granted().items():
            self.a_grant_is_as_the_ledger_says(id, wish)
        for spot in SPOTS:
            self.what_is_held_is_explained(spot)

    def note_who_lacks_the_right(self) -> None:
        """Whoever approved it cannot any more: it may fail. Too few could decide: it may lapse."""
        for wish in self.ledger.wishes.values():
            who, where = wish.spot
            if not all(self.is_admin(one, where) for one in wish.yes):
                wish.excused = True
            if len([one for one in self.admins_of(where) if one != who]) < wish.needed:
                wish.lacks_people = True

    def every_fact_is_rightly_there_once(self) -> None:
        """One row a transition; an approval counts when its right is there at the effect."""
        rows = self.rig.audit()
        for row in rows[self.told :]:
            if row.event == "GrantActivated":
                wish = self.ledger.wishes[row.subject]
                assert all(self.was_admin(one, wish.spot[1], timedelta(0)) for one in wish.yes)
        self.told = len(rows)
        facts = Counter((row.subject, row.event) for row in rows)
        for id, wish in self.ledger.wishes.items():
            outcomes = [name for name in OUTCOMES if facts[id, name]]
            if outcomes == ["RequestLapsed"] and wish.word is Word.PENDING:
                assert wish.lacks_people or self.now >= wish.lapses_at, f"{id} lapsed too soon"
                wish.word = Word.LAPSED
            word = wish.word.value
            assert self.rig.request(id).status.value == word
            assert outcomes == ([] if word == "pending" else [f"Request{word.title()}"])
            for name in (*OUTCOMES, "GrantIssued", "GrantActivated", "GrantEnded", "GrantFailed"):
                assert facts[id, name] <= 1
            assert facts[id, "GrantExpired"] + facts[id, "GrantRevoked"] <= 1
            assert facts[id, "GrantIssued"] == int(wish.since is not None)

    def a_grant_is_as_the_ledger_says(self, id: str, wish: Wish) -> None:
        """It ends when its time is up or somebody ends it; it fails only where it may."""
        grant = self.rig.grant(id)
        assert grant.ends_at == wish.ends_at
        taken = grant.status is GrantStatus.FAILED or grant.ended_by == "bot"
        if taken and not wish.over:
            assert wish.excused, f"{id} came to nothing: {grant.note}"
            assert grant.note
            wish.over = True
        if grant.status in (GrantStatus.ISSUED, GrantStatus.ACTIVE):
            assert not wish.over

    def what_is_held_is_explained(self, spot: Spot) -> None:
        """By what was there or set by hand, and what was approved; never less than was there."""
        held = self.rig.held(*spot)
        assert held in self.ledger.explained(spot), f"{spot} holds {held}"
        theirs = self.ledger.by_hand[spot]
        if len(theirs) == 1:
            (prior,) = theirs
            assert rank(held) >= rank(prior), f"{spot} held {prior} and holds {held}"
        self.forget_what_is_over_for_long(spot, held)

    def forget_what_is_over_for_long(self, spot: Spot, held: Role | None) -> None:
        """No grant is open and the last look is done: from here on every change is theirs."""
        who, where = spot
        with self.rig.work.look() as work:
            open = work.grants.open_of(who, where)
            standing = work.standings.get(who, where)
        owed = any(job["subject"] == standing.key for job in self.rig.jobs())
        if not open and not owed and not standing.unanswered and self.ledger.given(spot):
            self.ledger.settle(spot, held)

    def untouched_admins(self, act: Callable[[], object]) -> None:
        """Nothing that the engine does costs a place its last admin."""
        before = [where for where in PLACES if self.admins_of(where)]
        try:
            act()
        finally:
            for where in before:
                assert self.admins_of(where), f"{where} has lost its last admin"

    # ── in the end ───────────────────────────────────────────────────────────────────────────

    def teardown(self) -> None:
        """The world is healthy and there is time: everything is over, told, and as it was."""
        try:
            self.in_the_end()
        finally:
            self.database.close()

    def in_the_end(self) -> None:
        """See `teardown`."""
        self.rig = restart(self.rig, frees=True)
        for who, where in ADMINS:
            self.rig.directory.put(who, where, ADMIN)
        self.passes()
        self.rig.rosters.read()
        self.rig.drain()
        self.rig.wait(timedelta(days=4))
        self.rig.drain()
        self.look_around()
        assert self.rig.jobs() == []
        for spot in SPOTS:
            assert self.rig.held(*spot) in self.ledger.by_hand[spot]
        for id in self.ledger.wishes:
            assert self.rig.request(id).status is not RequestStatus.PENDING
            told = self.rig.notifier.notice(id)
            assert told.request == self.rig.request(id)
            if id in self.granted():
                assert told.grant == self.rig.grant(id)
                assert told.grant.status in (GrantStatus.ENDED, GrantStatus.FAILED)
        self.the_chain_is_whole()
        posted = Counter((one.subject, one.audience) for one in self.rig.notifier.posted)
        assert all(times == 1 for times in posted.values())

    def the_chain_is_whole(self) -> None:
        """Every fact is sealed, in order, and none was changed."""
        while audit_chain.seal(self.rig.deps):
            continue
        with self.rig.work.look() as work:
            verdict = audit_chain.verify(work)
        assert verdict.wrong is None
        assert (verdict.waiting, verdict.rows) == (0, len(self.rig.audit()))

    # ── small things ─────────────────────────────────────────────────────────────────────────

    @property
    def now(self) -> datetime:
        """By the only clock there is."""
        return self.rig.clock.now

    def passes(self, time: timedelta = timedelta(0)) -> None:
        """Nothing happens at the same moment as something else."""
        self.rig.clock.advance(time + timedelta(seconds=1))

    def outcome_of(self, act: Callable[[], object]) -> object:
        """What came of it: what is stored, or the words for the person."""
        try:
            return act()
        except Refused as refusal:
            return refusal

    def some_wish(self, data: st.DataObject) -> tuple[str, Wish]:
        """Any request; the younger the simpler."""
        id = data.draw(st.sampled_from(list(self.ledger.wishes)[::-1]))
        return id, self.ledger.wishes[id]

    def granted(self) -> dict[str, Wish]:
        """What was ever approved."""
        return {id: one for id, one in self.ledger.wishes.items() if one.since}

    def some_grant(self, data: st.DataObject) -> tuple[str, Wish]:
        """Anything that was ever approved."""
        id = data.draw(st.sampled_from(list(self.granted())[::-1]))
        return id, self.ledger.wishes[id]

    def is_admin(self, who: EmailAddress, where: Place) -> bool:
        """In W&B, at this moment."""
        return self.rig.held(who, where) == ADMIN

    def was_admin(self, who: EmailAddress, where: Place, lately: timedelta = FRESH) -> bool:
        """At some moment of the last minute."""
        seen = self.seen_admin.get((who, where))
        return seen is not None and seen >= self.now - lately - timedelta(seconds=1)

    def admins_of(self, where: Place) -> list[EmailAddress]:
        """Everybody who is one."""
        return [who for who in EVERYBODY if self.is_admin(who, where)]

    def is_held_up(self, spot: Spot) -> bool:
        """Whether nobody but the askers is an admin there, so that theirs may not be lowered."""
        held = self.rig.held(*spot)
        return held == ADMIN and set(self.admins_of(spot[1])) <= set(ASKERS)


def _do_not_wait_for_the_disk(connection: Any, _entry: object) -> None:  # the DBAPI's own type
    connection.execute("PRAGMA synchronous=OFF")


def rank(role: Role | None) -> int:
    """Nothing is the least."""
    return role.rank if role else Rank.VIEWER - 1
