"""A standing and its open grants, as one worker that holds the lease works on them.

Every storing checks the lease and leaves what is in memory as it is in the database.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from workflows.domain.entitlements import EmailAddress, Place
from workflows.domain.events import Change
from workflows.domain.gate import Gate
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.standings import Standing
from workflows.errors import Conflict, DirectoryUnavailable, LeaseLost
from workflows.services.deps import Deps
from workflows.storage.outbox import LEASE, Job
from workflows.storage.unit_of_work import E, UnitOfWork

WRITE_WITHIN = LEASE / 2  # from asking for the lease to telling W&B

States = Mapping[str, GrantStatus]  # where each grant is, by its id


@dataclass(frozen=True, slots=True)
class Key:
    """Whose standing, and where."""

    person: EmailAddress
    place: Place


class LeasedStanding:
    """What is stored of one standing. A grant issued since this began waits for the next pass."""

    def __init__(self, deps: Deps, job: Job, key: Key) -> None:
        self._deps = deps
        self._job = job
        self._key = key
        with deps.look() as work:
            stored = work.standings.with_grants(key.person, key.place)
            self.gate: Gate = work.gate.load()
        self.standing: Standing = stored[0]
        self.grants: Sequence[Grant] = stored[1]
        self._considered = {grant.id for grant in self.grants}

    def with_status(self, *statuses: GrantStatus) -> list[Grant]:
        """The grants in one of these states, in the order they were issued."""
        return [grant for grant in self.grants if grant.status in statuses]

    @property
    def issued(self) -> list[Grant]:
        """What is to be given."""
        return self.with_status(GrantStatus.ISSUED)

    @property
    def ending(self) -> list[Grant]:
        """What is to be taken back."""
        return self.with_status(GrantStatus.ENDING)

    @property
    def states(self) -> States:
        """Where each grant is, as it was last stored."""
        return {grant.id: grant.status for grant in self.grants}

    @property
    def attempts(self) -> int:
        """How often this job has failed in a row."""
        return self._job.attempts

    def leave_out(self, grant: Grant) -> None:
        """This grant waits for another pass."""
        self._considered.discard(grant.id)
        self.grants = [one for one in self.grants if one.id != grant.id]

    @contextmanager
    def storing(self, planned_for: States | None = None) -> Iterator[UnitOfWork]:
        """A transaction under the lease, which has its whole time from here on.

        Raises `LeaseLost`, and `Conflict` for a lost race, or where a grant is no longer where it
        was when something was `planned_for` it.
        """
        with self._deps.begin() as work:
            if not work.outbox.hold(self._job, now=self._deps.clock()):
                raise LeaseLost(self._job.key)
            if planned_for is not None:
                self._look(work)
                if self.states != planned_for:
                    raise Conflict("a grant has moved on since it was planned what to do")
            yield work
            standing = self._look(work)
        self.standing = standing

    def _look(self, work: UnitOfWork) -> Standing:
        """The grants as they are in this transaction: one may have ended, or been extended."""
        standing, grants = work.standings.with_grants(self._key.person, self._key.place)
        self.grants = [grant for grant in grants if grant.id in self._considered]
        return standing

    @contextmanager
    def about_to_write(self, planned_for: States) -> Iterator[UnitOfWork]:
        """The transaction after which W&B is told.

        Without the database there is no write: whoever cannot commit this does not get there. Nor
        is there one long after: where the commit took so long that the lease could be somebody
        else's soon, it is tried again later (`DirectoryUnavailable`).
        """
        now = self._deps.clock()
        with self.storing(planned_for) as work:
            yield work
        if self._deps.clock() - now > WRITE_WITHIN:
            raise DirectoryUnavailable("Storing it took too long, so W&B was not told yet.")

    def record(self, *changes: Change[E]) -> None:
        """Store what was decided."""
        with self.storing() as work:
            for change in changes:
                work.record(change)

    def save(self, standing: Standing) -> None:
        """Store what is no news: the standing alone."""
        with self.storing() as work:
            work.standings.save(standing)
