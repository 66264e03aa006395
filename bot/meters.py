"""What this process counts, for `/metrics`: calls and decisions by outcome, and how long they took.

One process has one set, as it has one log. Only fixed words and status codes are labels: never a
person, a team, an address or what somebody wrote.
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

Labels = tuple[str, ...]

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)  # upper bounds of the histogram


class Tally:
    """Counts by labels. Safe to use from several threads."""

    def __init__(self, name: str, help: str, *labels: str) -> None:
        self.name = name
        self.help = help
        self.labels = labels
        self._lock = threading.Lock()
        self._counts: Counter[Labels] = Counter()

    def add(self, *values: str) -> None:
        """One more of these."""
        with self._lock:
            self._counts[values] += 1

    def counts(self) -> dict[Labels, int]:
        """All of them."""
        with self._lock:
            return dict(self._counts)


class Stopwatch:
    """How often something took how long, in seconds."""

    def __init__(self, name: str, help: str) -> None:
        self.name = name
        self.help = help
        self._lock = threading.Lock()
        self._counts = [0] * (len(SECONDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """It took this long, once."""
        with self._lock:
            self._counts[bisect_left(SECONDS, seconds)] += 1
            self._sum += seconds

    def buckets(self) -> tuple[list[tuple[str, int]], float]:
        """How many took at most so long, bound by bound, and all seconds together."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        return list(_added_up(counts)), total


def _added_up(counts: list[int]) -> Iterator[tuple[str, int]]:
    so_far = 0
    for bound, count in zip((*map(str, SECONDS), "+Inf"), counts, strict=True):
        so_far += count
        yield bound, so_far


WANDB_CALLS = Tally(
    "wandb_access_wandb_calls_total",
    "Calls to W&B by method and status; status none: no answer came.",
    "method",
    "status",
)
WANDB_SECONDS = Stopwatch(
    "wandb_access_wandb_call_seconds", "How long W&B took to begin its answer, or not to."
)
SLACK_CALLS = Tally(
    "wandb_access_slack_calls_total",
    "Calls to Slack by outcome: ok, refused (Slack said no), later (it is tried again).",
    "outcome",
)
DECISIONS = Tally(
    "wandb_access_decisions_total", "Approvals and denials that counted, by verdict.", "verdict"
)
REFUSED = Tally(
    "wandb_access_deliveries_refused_total",
    "Deliveries that nobody looked at: by status, unsigned, malformed or a replay; busy, too many.",
    "why",
)
TALLIES = (WANDB_CALLS, SLACK_CALLS, DECISIONS, REFUSED)
STOPWATCHES = (WANDB_SECONDS,)
