"""The directory in memory, with a place to act at every reading of one person."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.services.rig import Rig
from workflows.directories.memory import MemoryDirectory
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.standings import Reading
from workflows.errors import DirectoryRejected

OnRead = Callable[[EmailAddress, str | None, Reading], Reading]


def as_it_is(person: EmailAddress, account: str | None, reading: Reading) -> Reading:
    """What there is."""
    return reading


@dataclass
class Watched(MemoryDirectory):
    """`on_read` gets whose it is, by which account it was asked, and what there is.

    As W&B does, it refuses a custom role that it has no more.
    """

    on_read: OnRead = as_it_is

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """As it is, or what `on_read` makes of it; outside the lock."""
        return self.on_read(person, account, super().read(person, place, account=account))

    def set_role(
        self, person: EmailAddress, place: Place, role: Role | None, *, seen: Reading
    ) -> Reading:
        """As it is, where the role is there."""
        if role is not None and role.custom and role.name not in self.custom_roles:
            raise DirectoryRejected(f"W&B has no role {role.name}.")
        return super().set_role(person, place, role, seen=seen)


def watch(rig: Rig, on_read: OnRead = as_it_is) -> None:
    """Let every reading from now on pass `on_read`. The accounts and teams stay the same ones."""
    known = rig.directory
    rig.directory = Watched(
        clock=rig.clock,
        custom_roles=known.custom_roles,
        accounts=known.accounts,
        teams=known.teams,
        on_read=on_read,
    )
    rig.rewire(directory=rig.directory)
