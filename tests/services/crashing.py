"""A process that dies at a chosen moment: between any two things that last."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.services.rig import Rig
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.roster import Roster
from workflows.domain.standings import Reading
from workflows.ports import Directory
from workflows.storage.unit_of_work import UnitOfWork


class Crash(BaseException):
    """Nothing may catch it: the process is gone."""


class Points:
    """Counts the moments at which the process could die, and lets it die at one of them."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.names: list[str] = []

    def reach(self, name: str) -> None:
        """One more moment; raises `Crash` when it is the one."""
        self.names.append(name)
        if len(self.names) == self.at:
            raise Crash(f"{name} (moment {self.at})")


class CrashingDirectory:
    """Hands on every call, with a moment before it and one after."""

    def __init__(self, inner: Directory, points: Points) -> None:
        self._inner = inner
        self._points = points

    @contextmanager
    def _around(self, call: str) -> Iterator[None]:
        self._points.reach(f"{call} asked")
        yield
        self._points.reach(f"{call} answered")

    def roster(self) -> Roster:
        """See `Directory`."""
        return self._inner.roster()

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """See `Directory`."""
        with self._around("read"):
            return self._inner.read(person, place, account=account)

    def invite(self, person: EmailAddress) -> str:
        """See `Directory`."""
        with self._around("invite"):
            return self._inner.invite(person)

    def set_role(
        self, person: EmailAddress, place: Place, role: Role | None, *, seen: Reading
    ) -> Reading:
        """See `Directory`."""
        with self._around("set_role"):
            return self._inner.set_role(person, place, role, seen=seen)

    def put_back_others(self, seen: Reading, roles: Mapping[str, str]) -> None:
        """See `Directory`."""
        with self._around("put_back_others"):
            self._inner.put_back_others(seen, roles)

    def is_own_account(self, account: str) -> bool:
        """See `Directory`."""
        return self._inner.is_own_account(account)


def mortal(rig: Rig, points: Points) -> None:
    """Let everything that this rig does from now on pass these moments."""
    begin, look = rig.work.begin, rig.work.look

    @contextmanager
    def mortal_begin() -> Iterator[UnitOfWork]:
        points.reach("transaction begun")
        with begin() as work:
            yield work
            points.reach("about to commit")
        points.reach("committed")

    @contextmanager
    def mortal_look() -> Iterator[UnitOfWork]:
        points.reach("about to look")
        with look() as work:
            yield work

    def posting(audience: str) -> None:
        points.reach("about to post")

    def was_posted(audience: str) -> None:
        points.reach("posted")

    rig.notifier.before, rig.notifier.after = posting, was_posted
    rig.rewire(
        begin=mortal_begin, look=mortal_look, directory=CrashingDirectory(rig.directory, points)
    )


def restart(rig: Rig, *, frees: bool) -> Rig:
    """A new process on the same database; leases are freed (SQLite) or have to run out."""
    rig.notifier.before = rig.notifier.after = lambda audience: None
    restarted = Rig(rig.database, on=rig)
    if frees:
        with restarted.work.begin() as work:
            work.outbox.free_all()
    return restarted
