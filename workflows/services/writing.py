"""Change one role in W&B: fences before, what is sent noted before it is sent, read back after.

fences ─► note what is about to be sent ─► send, read back ─► compare the other teams ─► note
"""

import logging
from collections.abc import Collection, Mapping
from datetime import timedelta

from workflows.domain import drift, standings
from workflows.domain.entitlements import MEMBER, PREDEFINED, EmailAddress, Role
from workflows.domain.reactions import JobKind
from workflows.domain.standings import Reading, Standing
from workflows.errors import Conflict, DirectoryRejected, DirectoryUnavailable, Unavailable
from workflows.services.authority import Authority
from workflows.services.deps import Deps
from workflows.services.gate import Gatekeeper
from workflows.services.leased import Key, LeasedStanding, States
from workflows.storage.unit_of_work import UnitOfWork

LONG = timedelta(seconds=20)  # what is tried again sooner than this is left to it

log = logging.getLogger(__name__)


class Writing:
    """What one pass of `ensure` tells W&B. `replaced`: a custom role that is gone from W&B, so that
    the role it inherited from was put back in its place. `begun`: there was something to tell.

    W&B's answer is stored with what comes of it (`answered`), or alone where that is overtaken.
    """

    def __init__(
        self, deps: Deps, key: Key, kept: LeasedStanding, authority: Authority, gate: Gatekeeper
    ) -> None:
        self._deps = deps
        self._key = key
        self._kept = kept
        self._authority = authority
        self._gate = gate
        self.replaced: Role | None = None
        self.begun = False
        self._is_answered = False
        self._confirmed: Role | None = None  # what W&B showed after the last write

    def write(
        self, reading: Reading, held: Role | None, wanted: Role | None, planned_for: States
    ) -> Role | None:
        """Tell W&B, after noting that we are about to; what W&B shows then.

        Raises `Conflict` where the grants are no longer those that it was `planned_for`.
        """
        self.begun = True
        witness = self._fence(reading, held, wanted)
        now = self._deps.clock()
        with self._kept.about_to_write(planned_for) as work:
            if witness is not None:
                witness.must_still_stand(work)
            work.record(
                standings.send(
                    self._kept.standing, wanted, held=held, others=reading.others, now=now
                )
            )
        log.info("telling W&B", extra={"standing": self._kept.standing.key})
        person, place = self._key.person, self._key.place
        try:
            with self._gate.writing():
                after = self._deps.directory.set_role(person, place, wanted, seen=reading)
        except DirectoryRejected:
            self._forget_if_untouched(held)
            if not self._kept.issued and wanted is not None and self._is_gone(wanted):
                return self._write_base_of(wanted, held, planned_for)
            raise
        self.look_at_others(after)
        if after.held != wanted and after.exact:
            raise DirectoryUnavailable("W&B took the change, but does not show it yet.")
        self._is_answered, self._confirmed = True, wanted
        self._deps.rosters.ask()
        return wanted

    def answered(self) -> Standing:
        """The standing as W&B's answer left it, not stored yet."""
        standing = self._kept.standing
        return standings.answered(standing, self._confirmed) if self._is_answered else standing

    def wake_others(self, work: UnitOfWork) -> None:
        """W&B takes changes: what has failed for long need not wait. Its success wakes the next."""
        if self._is_answered:
            now = self._deps.clock()
            work.hasten_long_waiting(JobKind.ENSURE, beyond=now + LONG, at=now)

    def store_answer(self) -> None:
        """Keep what W&B answered, though what comes of it could not be stored."""
        if self._is_answered:
            self._kept.save(self.answered())

    def _fence(self, reading: Reading, held: Role | None, wanted: Role | None) -> "_Witness | None":
        """Raises `DirectoryRejected` where it must not be done, whatever was approved."""
        own = reading.account is not None and self._deps.directory.is_own_account(reading.account)
        witness = None
        if standings.lowers_admin(held, wanted):
            witness = self._another_admin(reading.account)
        refusal = standings.fence(reading, held, wanted, own=own, other_admins=witness is not None)
        if refusal is not None:
            raise DirectoryRejected(refusal)
        return witness

    def _another_admin(self, account: str | None) -> "_Witness | None":
        """Somebody who is an admin there too, and is not being lowered at this very moment."""
        rosters, place = self._deps.rosters, self._key.place
        return (
            self._witness_among(rosters.current().admins(place), account)
            # Who became an admin a moment ago shows in a newer one only.
            or self._witness_among(rosters.newer().admins(place), account)
        )

    def _witness_among(
        self, admins: Collection[EmailAddress], account: str | None
    ) -> "_Witness | None":
        place = self._key.place
        failure: Unavailable | None = None
        for email in sorted(admins):
            with self._deps.look() as work:
                theirs = work.standings.get(email, place)
            if theirs.unanswered:
                continue
            try:
                if self._authority.admin_account(email, place) not in (None, account):
                    return _Witness(Key(email, place), theirs.version)
            except Unavailable as error:  # one sick record holds up nothing if another is well
                failure = error
        if failure is not None:
            raise failure
        return None

    def _forget_if_untouched(self, held: Role | None) -> None:
        """W&B said no. Where it left everything as it was, nothing of ours can be there."""
        standing = self._kept.standing
        if standings.believed(standing, self._ask(standing.account)) == held:
            self._kept.save(standings.answered(standing, standing.last_seen))

    def _is_gone(self, role: Role) -> bool:
        """Whether this is a custom role that W&B has no more."""
        return role.custom and role.name not in self._deps.rosters.newer().custom_roles

    def _write_base_of(self, role: Role, held: Role | None, planned_for: States) -> Role | None:
        """What W&B itself makes of a custom role that is deleted: the role it inherits from.

        Where it was there before us, that is noted: later looks need not find it out once more.
        """
        self.replaced = role
        base = PREDEFINED[role.rank.name.lower()]
        if self._kept.standing.prior == role:
            now = self._deps.clock()
            self._kept.record(standings.replace_prior(self._kept.standing, base, now=now))
        if base == held:
            return held
        return self.write(self._ask(self._kept.standing.account), held, base, planned_for)

    def look_at_others(self, after: Reading) -> None:
        """An alarm when a write of ours cost the person roles in other teams; put them back.

        Only a W&B that replaces the whole list takes all of them at once (it makes a member of
        whom it forgot), and only right after the write can it have been that.
        """
        standing, before = self._kept.standing, self._kept.standing.others
        lost = drift.lost_others(before, after.others)
        if before is None or not lost:
            return
        now = self._deps.clock()
        all_lost = all(team in lost or role.lower() == MEMBER.name for team, role in before.items())
        recent = (
            standing.sent_at is not None and now - standing.sent_at <= standings.PUT_BACK_WITHIN
        )
        put_back = all_lost and recent and after.account is not None and self._put_back(after, lost)
        self._kept.record(
            drift.note_others(self._kept.standing, before, after.others, put_back=put_back, now=now)
        )

    def _put_back(self, after: Reading, lost: Mapping[str, str]) -> bool:
        """Whether W&B took it. A no (the team is gone) is told, and holds up nothing here."""
        try:
            with self._gate.writing():
                self._deps.directory.put_back_others(after, lost)
        except DirectoryRejected as refusal:
            log.error("other roles could not be put back", extra={"why": str(refusal)})
            return False
        return True

    def _ask(self, account: str | None) -> Reading:
        return self._deps.directory.read(self._key.person, self._key.place, account=account)


class _Witness:
    """Another admin, as W&B showed them; valid while nothing of ours has changed about them."""

    def __init__(self, key: Key, version: int) -> None:
        self._key = key
        self._version = version

    def must_still_stand(self, work: UnitOfWork) -> None:
        """In the commit that lowers somebody. Raises `Conflict`.

        Two admins whose access ends in the same moment would else vouch for each other.
        """
        theirs = work.standings.get(self._key.person, self._key.place, locked=True)
        if theirs.version != self._version:
            raise Conflict("the other admin is being changed as well")
