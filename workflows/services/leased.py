"""A standing and its open grants, as one worker that holds the lease works on them.

Every storing checks the lease and leaves what is in memory as it is in the database.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from workflows.domain.entitlements import EmailAddress, Place
from workflows.domain.events import Change
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.standings import Standing
from workflows.errors import LeaseLost
from workflows.services.deps import Deps
from workflows.storage.outbox import Job
from workflows.storage.unit_of_work import E, UnitOfWork


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
            self.standing: Standing = work.standings.get(key.person, key.place)
            self.grants: Sequence[Grant] = work.grants.open_of(key.person, key.place)
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

    def leave_out(self, grant: Grant) -> None:
        """This grant waits for another pass."""
        self._considered.discard(grant.id)
        self.grants = [one for one in self.grants if one.id != grant.id]

    @contextmanager
    def storing(self) -> Iterator[UnitOfWork]:
        """A transaction under the lease. Raises `LeaseLost`, and `Conflict` for a lost race."""
        key = self._key
        with self._deps.begin() as work:
            if not work.outbox.holds(self._job):
                raise LeaseLost(self._job.key)
            yield work
            standing = work.standings.get(key.person, key.place)
            grants = work.grants.open_of(key.person, key.place)
        self.standing = standing
        self.grants = [grant for grant in grants if grant.id in self._considered]

    def record(self, *changes: Change[E]) -> None:
        """Store what was decided."""
        with self.storing() as work:
            for change in changes:
                work.record(change)

    def save(self, standing: Standing) -> None:
        """Store what is no news: the standing alone."""
        with self.storing() as work:
            work.standings.save(standing)
