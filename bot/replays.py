"""What was taken already, for as long as its signature is good, in a bounded memory.

A signature is over its timestamp too, so what was taken is kept by that second, and a second is
forgotten when the signatures of it are too old anyway. When there is no room the oldest second goes
early, and from then on nothing of that second or an older one is taken: to forget is not to allow,
and what Slack signs now is still let in.
"""

MAX_REMEMBERED = 50_000  # about 8 MiB; an hour of a large workspace


class Replays:
    """Signatures by their timestamps (seconds since the epoch)."""

    def __init__(self, max_age: int) -> None:
        self._max_age = max_age
        self._taken: dict[int, set[bytes]] = {}
        self._count = 0
        self._floor = 0  # nothing that is not younger is taken
        self._looked_at = 0

    def __len__(self) -> int:
        return self._count

    def take(self, timestamp: int, signature: bytes, now: float) -> bool:
        """Whether it is taken now, and for the first time."""
        self._forget(now)
        if timestamp <= self._floor or signature in self._taken.get(timestamp, ()):
            return False
        if self._count >= MAX_REMEMBERED:
            self._drop(min(self._taken))
            if timestamp <= self._floor:
                return False
        self._taken.setdefault(timestamp, set()).add(signature)
        self._count += 1
        return True

    def give_back(self, timestamp: int, signature: bytes) -> None:
        """It came to nothing here, so it may come again."""
        if signature in self._taken.get(timestamp, ()):
            self._taken[timestamp].remove(signature)
            self._count -= 1

    def _forget(self, now: float) -> None:
        if int(now) == self._looked_at:  # once a second is enough
            return
        self._looked_at = int(now)
        for timestamp in [one for one in self._taken if now - one > self._max_age]:
            self._count -= len(self._taken.pop(timestamp))

    def _drop(self, timestamp: int) -> None:
        self._count -= len(self._taken.pop(timestamp))
        self._floor = max(self._floor, timestamp)
