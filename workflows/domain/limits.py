"""How much may be asked at a time, so that nobody's wishes bury everybody else's.

`what_is_too_much` compares what is stored with the policy's limits; its sentence says when to come
back. What is over a limit is refused, and nothing of it stays stored.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from workflows.domain.entitlements import Place

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Requests of one person an hour; requests that wait at a time, of one person and at one place.

    The defaults are several times what people come to, and what an approver can still look through.
    """

    requests_per_hour: int = 60
    pending_per_person: int = 25
    pending_per_team: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is stored. `filled_since`: when the person's last `requests_per_hour` requests began,
    None when there are not so many; `…_until`: when the next of those that wait lapses.
    """

    filled_since: datetime | None
    of_person: int
    of_person_until: datetime | None
    at_place: int
    at_place_until: datetime | None


def what_is_too_much(
    limits: Limits, demand: Demand, *, place: Place, now: datetime
) -> tuple[str, str] | None:
    """The key of the limit that one more request would pass, and the sentence for the person."""
    if demand.filled_since is not None and demand.filled_since > now - HOUR:
        return "requests_per_hour", (
            f"You have asked {_times(limits.requests_per_hour)} within an hour, and that is the "
            "most here. Nothing was stored; try again in "
            f"{_wait(demand.filled_since + HOUR, now)}."
        )
    if demand.of_person >= limits.pending_per_person:
        return "pending_per_person", (
            f"{_several(demand.of_person, ' of yours')} for a decision, and that is the most here. "
            "Nothing was stored; try again when one is decided, or cancel one."
            + _latest(demand.of_person_until, now)
        )
    if demand.at_place >= limits.pending_per_team:
        return "pending_per_team", (
            f"{_several(demand.at_place)} for a decision in {place}, and that is the most at a "
            "time. Nothing was stored; try again when some are decided."
            + _latest(demand.at_place_until, now)
        )
    return None


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _several(count: int, whose: str = "") -> str:
    return f"1 request{whose} waits" if count == 1 else f"{count:,} requests{whose} wait"


def _latest(moment: datetime | None, now: datetime) -> str:
    return f" At the latest that is in {_wait(moment, now)}." if moment is not None else ""


def _wait(moment: datetime, now: datetime) -> str:
    """Never too short: rounded up, and at least a minute."""
    minutes = max(1, math.ceil((moment - now).total_seconds() / 60))
    if minutes <= 120:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    hours = math.ceil(minutes / 60)
    return f"{hours} hours" if hours <= 48 else f"{math.ceil(hours / 24)} days"
