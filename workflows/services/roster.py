"""Read the directory, keep the copy, and let those who must refuse because of it wait for a newer.

One thread reads; everybody else waits for it or uses what there is.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic

from workflows.domain.entitlements import EmailAddress
from workflows.domain.policy import Policy
from workflows.domain.reactions import JobKind
from workflows.domain.roster import FRESH_FOR, Roster
from workflows.errors import (
    AccessError,
    DirectoryClosed,
    DirectoryUnavailable,
    NotifierUnavailable,
)
from workflows.ports import Clock, Directory, Groups
from workflows.services import gate
from workflows.storage.unit_of_work import UnitOfWork

EVERY = 20.0  # seconds between readings; a decision needs one that is at most a minute old
RECENT = timedelta(seconds=EVERY)  # a reading this old is remembered well enough
MISSED = timedelta(seconds=2 * EVERY)  # a stored reading that is older: nobody seems to read
NOT_READ = "not read yet"

log = logging.getLogger(__name__)

Transaction = Callable[[], AbstractContextManager[UnitOfWork]]


@dataclass(frozen=True)
class Pace:
    """How often W&B is read, and how long somebody waits for that, in seconds."""

    every: float = EVERY
    in_trouble: float = 5.0  # between tries while it does not answer
    apart: float = 5.0  # between readings that are asked for, while nobody waits for them
    at_least: float = 1.0  # between readings, however many wait
    patience: float = 1.5  # of a listener that wants a newer reading; Slack waits three


class RosterKeeper:
    """Keeps the stored roster fresh. `run` belongs to a thread of its own."""

    def __init__(
        self,
        *,
        begin: Transaction,
        look: Transaction,
        directory: Directory,
        groups: Groups,
        policy: Policy,
        clock: Clock,
        process: str = "",
        leads: Callable[[], bool] = lambda: True,
        on_read: Callable[[], object] = lambda: None,
        pace: Pace | None = None,
    ) -> None:
        """`leads`: whether it is ours to read again and again. `on_read`: called after the first
        reading, within its thread; when it raises, again after the next.
        """
        self._leads = leads
        self._on_read = on_read
        self._begin = begin
        self._look = look
        self._directory = directory
        self._groups = groups
        self._policy = policy
        self._clock = clock
        self._process = process
        self._pace = pace or Pace()
        self._members: dict[str, tuple[datetime, frozenset[EmailAddress]]] = {}
        self._reading = threading.Lock()
        self._changed = threading.Condition()
        self._asked = self._awaited = False
        self._stopped = False
        self._begun = 0  # readings begun, and the number of the last one that ended
        self._ended = 0
        self._handed_on = False
        self._last: Roster | None = None  # that this process has seen
        self.trouble = NOT_READ  # why there is no newer reading; empty when there is
        self.has_read = False  # this process itself, since it started
        self.refusal = ""  # why W&B refuses our key, if that was its last answer

    def current(self) -> Roster:
        """The last reading, whatever its age. Raises `DirectoryUnavailable` without any."""
        with self._look() as work:
            roster = work.roster()
        if roster is None:
            raise DirectoryUnavailable("W&B has not been read yet; try again in a moment.")
        self._last = roster
        return roster

    def recent(self) -> Roster:
        """The last reading that this process has seen, while a newer one cannot be expected.

        Somebody waits for the answer, and to ask the database for what is read every `EVERY`
        seconds is a transaction of its own. Whoever is refused by it asks for a newer one.
        """
        last = self._last
        if last is not None and timedelta(0) <= self._clock() - last.read_at <= RECENT:
            return last
        return self.current()

    def newer(self) -> Roster:
        """A reading that was begun after this call, if it ends in time; else the last one."""
        with self._changed:
            wanted = self._begun + 1
            self._awaited = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._ended >= wanted or self._stopped, self._pace.patience
            )
        return self.current()

    def ask(self, *, soon: bool = False) -> None:
        """Have it read anew, without waiting: `soon` as for somebody who waits, else `apart`.

        In a rush every change asks, and reading everybody takes longer than changing one.
        """
        with self._changed:
            self._asked = True
            self._awaited = self._awaited or soon
            self._changed.notify_all()

    def refresh(self) -> Roster:
        """Read the directory and the chat groups that the policy names, and store it.

        One reading at a time: an older one is never stored after a newer one of this process.
        """
        with self._reading:
            return self._refresh()

    def _refresh(self) -> Roster:
        with self._changed:
            self._begun += 1
            number = self._begun
            self._asked = self._awaited = False
        try:
            roster = replace(self._directory.roster(), groups=self._read_groups())
            with self._begin() as work:
                work.keep_roster(roster)
                gate.note_reading(work, now=self._clock(), process=self._process)
                if self.trouble:  # it answers (again): what waits for it need not wait longer
                    work.hasten(JobKind.ENSURE, at=self._clock())
            self._last = roster
            self.trouble = self.refusal = ""
            self.has_read = True
            return roster
        except AccessError as error:
            self.trouble = str(error)
            self.refusal = self.trouble if isinstance(error, DirectoryClosed) else ""
            if isinstance(error, DirectoryClosed):
                gate.note_refused_reading(
                    self._begin, str(error), now=self._clock(), process=self._process
                )
            raise
        finally:
            with self._changed:
                self._ended = number
                self._changed.notify_all()

    def _read_groups(self) -> dict[str, frozenset[EmailAddress]]:
        """The members of the groups. One that cannot be read for a minute has none: nobody decides
        by what the chat said long ago.
        """
        now = self._clock()
        for group in sorted(self._policy.chat_groups()):
            try:
                self._members[group] = (now, self._groups.members(group))
            except NotifierUnavailable as error:
                log.warning("a chat group could not be read", extra={"error": str(error)})
        return {
            group: members
            for group, (read_at, members) in self._members.items()
            if abs(now - read_at) <= FRESH_FOR
        }

    def run(self) -> None:
        """Read at once, whenever asked, and every `Pace.every` seconds, until `stop`.

        Who does not lead reads at once and whenever asked, and when nobody else seems to.
        """
        while True:
            took = self._try() if self._is_our_turn() else 0.0
            with self._changed:
                # Where a reading takes long, W&B is left alone for as long again, and for much
                # longer where nobody waits: a rush of changes has better things to ask of it.
                floor = max(self._pace.at_least, took)
                apart = max(self._pace.apart, floor, min(10 * took, self._pace.every))
                end = max(self._pace.in_trouble if self.trouble else self._pace.every, apart)
                self._rest(floor)
                self._rest(apart - floor, lambda: self._awaited)
                if not self._awaited:
                    self._rest(end - apart, lambda: self._awaited or self._asked)
                if self._stopped:
                    return

    def _rest(self, seconds: float, wanted: Callable[[], bool] = lambda: False) -> None:
        self._changed.wait_for(lambda: wanted() or self._stopped, seconds)

    def _is_our_turn(self) -> bool:
        if self._asked or self._awaited or self.trouble or not self._handed_on or self._leads():
            return True
        try:
            age = self._clock() - self.current().read_at
        except Exception:  # the database; reading it would fail as well, and says why
            return True
        return not timedelta(0) <= age <= MISSED

    def _try(self) -> float:
        began, known = monotonic(), self.trouble
        try:
            self.refresh()
            if not self._handed_on:
                self._on_read()
                self._handed_on = True
        except AccessError as error:
            if str(error) != known:
                log.warning("the directory could not be read", extra={"error": str(error)})
        except Exception:  # the database, or a bug: without this thread nobody could decide again
            log.exception("the directory could not be read and stored")
        return monotonic() - began

    def stop(self) -> None:
        """End `run` and every waiting."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
