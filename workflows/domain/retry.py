"""What becomes of a job that failed: when it is tried again.

Nothing here gives up. Giving ends when the grant's own time is over; taking back never ends; a
message waits for Slack. For the first minutes tries come at most a quarter of a minute apart, then
further and further, at most a quarter of an hour (and a quarter of that, by chance).
"""

from datetime import datetime, timedelta

FIRST = 1.0  # seconds
SOON = 15.0  # seconds, for the first `PATIENT` tries
PATIENT = 12
CAP = 15 * 60.0  # seconds


def next_try(
    attempts: int, *, now: datetime, spread: float, retry_after: float | None = None
) -> datetime:
    """When to try again after `attempts` failures in a row.

    `spread` in [0, 1) keeps many that failed together from coming back together. `retry_after` is
    the other side's word in seconds; an absurd one (negative, or years) is brought into bounds.
    """
    if attempts <= PATIENT:
        wait = min(SOON, FIRST * 2.0 ** (attempts - 1))
    else:
        wait = min(CAP, SOON * 2.0 ** min(attempts - PATIENT, 20))
    if retry_after is not None:
        wait = max(wait, min(CAP, max(0.0, retry_after)))
    return now + timedelta(seconds=min(CAP, wait) * (1 + 0.25 * spread))
