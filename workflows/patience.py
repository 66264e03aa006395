"""So that places for which W&B does not answer never take up every thread.

A call that gets no answer holds its thread until it times out. With a thousand such jobs due first,
all threads would do nothing but wait, and the ends of other teams with them.
"""

import threading
from collections.abc import Collection

SLOW = 5.0  # seconds after which a job that failed has failed by waiting


class Patience:
    """Which places are sick, and whose turn it is to try one of them: one thread's at a time.

    A thread asks `avoid` before it claims a job, says what it `claimed`, and how it went (`done`).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sick: set[str] = set()
        self._trying: int | None = None

    def avoid(self) -> Collection[str]:
        """The places whose jobs this thread is to leave alone. None: it may try a sick one."""
        me = threading.get_ident()
        with self._lock:
            if self._sick and self._trying in (None, me):
                self._trying = me
            return () if self._trying in (None, me) else tuple(self._sick)

    def claimed(self, place: str | None) -> None:
        """What came of it. Whoever does not try a sick place leaves the turn to the next."""
        with self._lock:
            if place not in self._sick:
                self._pass_on()

    def done(self, place: str, *, seconds: float, failed: bool) -> None:
        """A job there took so long. One that did not fail shows that the place is well."""
        with self._lock:
            if not failed:
                self._sick.discard(place)
            elif seconds >= SLOW:
                self._sick.add(place)
            self._pass_on()

    def _pass_on(self) -> None:
        if self._trying == threading.get_ident():
            self._trying = None
