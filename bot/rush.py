"""When more comes at once than can be answered in time: say so, instead of saying nothing.

Slack waits three seconds and then shows the person an "operation_timeout"; what was waiting here
would be carried out all the same, later, and nobody would know. So what has waited for its turn too
long is not begun any more: the person reads that nothing was done, while Slack still listens.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from bot.meters import REFUSED

WAIT_SECONDS = 2.2  # for a turn; reading, and the listener, need their part of the three seconds
NOTE_EVERY = 5.0  # seconds between two log records: in a rush there is enough to do

BUSY = (
    "Too many people are asking me something at this moment, so I have done nothing about this. "
    "Try again in a minute."
)

Answer = dict[str, object]

log = logging.getLogger(__name__)


def refusal(payload: Mapping[str, Any]) -> Answer | None:
    """What to answer so that the person reads `BUSY` where they are looking.

    None where an answer shows nothing: to a click, a shortcut or an event. Those are better not
    acknowledged: Slack marks the button, and brings an event again
    (docs.slack.dev/interactivity/handling-user-interaction, docs.slack.dev/apis/events-api).
    """
    kind = payload.get("type")
    if kind == "view_submission":
        view = payload.get("view")
        state = view.get("state") if isinstance(view, dict) else None
        values = state.get("values") if isinstance(state, dict) else None
        block = next(iter(values), None) if isinstance(values, dict) else None
        return {"response_action": "errors", "errors": {block: BUSY}} if block else None
    if kind == "block_suggestion":
        return {"options": []}
    if "command" in payload:
        return {"response_type": "ephemeral", "text": BUSY}
    return None


class Turns:
    """Who may be answered now, in the order they came. For one event loop.

    How many wait for it may be read by any thread.
    """

    def __init__(self, at_once: int, seconds: float = WAIT_SECONDS) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._seconds = seconds
        self.waiting = 0

    async def take(self) -> bool:
        """Wait for a turn; False when that took too long. What was taken is given back."""
        self.waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
        return True

    def give_back(self) -> None:
        """The next one may."""
        self._free.release()


class Tally:
    """Counts what was refused, and logs the count every few seconds. For several threads."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._count = 0
        self._note_at = 0.0

    def add(self) -> None:
        """One more."""
        REFUSED.add("busy")
        with self._lock:
            self._count += 1
            if self._clock() < self._note_at:
                return
            count, self._count = self._count, 0
            self._note_at = self._clock() + NOTE_EVERY
        log.warning("too much at once", extra={"refused": count})
