"""What a use case is handed: transactions, policy, the outside, a clock and a source of ids."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from workflows.domain.policy import Policy
from workflows.domain.roster import Roster
from workflows.ports import Clock, Directory, Groups, NewId, Notifier
from workflows.storage.unit_of_work import UnitOfWork


class Rosters(Protocol):
    """The stored reading of the directory, and a way to wait for a newer one."""

    def current(self) -> Roster:
        """The last reading. Raises `DirectoryUnavailable` when there was never one."""

    def recent(self) -> Roster:
        """The same, or one that this process remembers and that is hardly older."""

    def newer(self) -> Roster:
        """A reading begun after now if one comes within a second and a half, else `current`."""

    def ask(self, *, soon: bool = False) -> None:
        """Have it read anew, within seconds; `soon`: at once, because work waits for it."""


def nothing() -> str:
    """Nothing stands in the way."""
    return ""


@dataclass(frozen=True)
class Deps:
    """Everything that varies between production, tests and the demo."""

    begin: Callable[[], AbstractContextManager[UnitOfWork]]
    look: Callable[[], AbstractContextManager[UnitOfWork]]
    policy: Policy
    directory: Directory
    groups: Groups
    notifier: Notifier
    rosters: Rosters
    clock: Clock
    new_id: NewId
    publish_to: str = "log"  # where the head of the audit chain is published (AUDIT_PUBLISH)
    process: str = ""  # names this process and, by a fingerprint, the key that it has
    held_up: Callable[[], str] = nothing  # why W&B is not to be touched yet; empty when it may be
