"""How long, in people's words: `90s`, `45m`, `8h`, `3d`, `2w`, `permanent`, `until friday`.

Strict on purpose: common parsers read `3` as a date and `12/11/2026` in American order. What is not
certain is refused with examples. A span counts from the approval; until a day means its end.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import assert_never

from workflows.errors import PolicyRefused

EXAMPLES = "Write for example `45m`, `8h`, `3d`, `2w`, `until friday` or `until 2026-12-24`."
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}  # seconds
_NAMES = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LONGEST = 10**9  # seconds, 31 years: far beyond any policy, and still within the calendar
_SPAN = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ t]([0-9]{2}):([0-9]{2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """So many seconds, counted from the approval."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Until:
    """To this moment (aware, UTC), whenever the approval comes."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class Permanent:
    """Without an end."""


Duration = Span | Until | Permanent


def parse(text: str, *, tz: tzinfo, now: datetime) -> Duration:
    """Read a duration as a person in the time zone `tz` wrote it.

    Raises `PolicyRefused` on the field `duration`, with examples, for whatever is not certain.
    """
    words = " ".join(text.split()).lower()
    if not words:
        raise _refused(f"Say for how long. {EXAMPLES}")
    if words == "permanent":
        return Permanent()
    if span := _SPAN.fullmatch(words):
        seconds = int(span[1]) * _UNITS[span[2]]
        if not seconds:
            raise _refused(f"A duration of zero gives nothing. {EXAMPLES}")
        return Span(seconds)
    if words.startswith("until "):
        return Until(_moment(words.removeprefix("until "), tz=tz, now=now))
    raise _refused(f"“{_shown(text)}” is not a duration that I can be sure of. {EXAMPLES}")


def _moment(words: str, *, tz: tzinfo, now: datetime) -> datetime:
    today = now.astimezone(tz).date()
    if words in _WEEKDAYS or words in {day[:3] for day in _WEEKDAYS}:
        wanted = next(i for i, day in enumerate(_WEEKDAYS) if day.startswith(words))
        day = today + timedelta(days=(wanted - today.weekday()) % 7)
        return _end_of(day.year, day.month, day.day, tz)
    date = _DATE.fullmatch(words)
    if not date:
        raise _refused(f"“until {_shown(words)}” is not a day that I can be sure of. {EXAMPLES}")
    year, month, day_of_month = (int(part) for part in date.groups()[:3])
    try:
        if date[4] is None:
            moment = _end_of(year, month, day_of_month, tz)
        else:
            local = datetime(year, month, day_of_month, int(date[4]), int(date[5]), tzinfo=tz)
            moment = _certain(local)
    except (ValueError, OverflowError) as error:
        raise _refused(f"“{_shown(words)}” is not in the calendar. {EXAMPLES}") from error
    if moment <= now:
        raise _refused(f"“until {_shown(words)}” is over already. {EXAMPLES}")
    return moment


def _end_of(year: int, month: int, day: int, tz: tzinfo) -> datetime:
    """The first moment of the next day there, as the clocks there go."""
    following = datetime(year, month, day, tzinfo=UTC) + timedelta(days=1)
    local = datetime(following.year, following.month, following.day, tzinfo=tz)
    return local.astimezone(UTC)


def _certain(local: datetime) -> datetime:
    """Refuse the hour that the change of the clocks leaves out, and the one that it repeats."""
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise _refused("The clocks change just then; name a time an hour earlier or later.")
    return local.astimezone(UTC)


def ends_at(duration: Duration, *, approved_at: datetime) -> datetime | None:
    """When access for this long is over if it is approved at that moment; None: never.

    A span of decades is refused by the policy's bounds; before they are asked it is cut here, so
    that it never runs out of the calendar.
    """
    match duration:
        case Span(seconds):
            return approved_at + timedelta(seconds=min(seconds, _LONGEST))
        case Until(moment):
            return moment
        case Permanent():
            return None
        case _:
            assert_never(duration)


def words_of(seconds: int) -> str:
    """A span in words, in its largest even unit: `8 hours`, `90 seconds`, `2 weeks`."""
    count, unit = _in_largest_unit(seconds)
    return f"{count} {_NAMES[unit]}{'' if count == 1 else 's'}"


def short_of(seconds: int) -> str:
    """A span as a person would type it: `8h`, `2w`."""
    count, unit = _in_largest_unit(seconds)
    return f"{count}{unit}"


def _in_largest_unit(seconds: int) -> tuple[int, str]:
    size, unit = max((size, unit) for unit, size in _UNITS.items() if seconds % size == 0)
    return seconds // size, unit


def duration_to_text(duration: Duration) -> str:
    """How a duration is stored: `28800`, `until 2026-12-25T00:00:00+00:00`, `permanent`."""
    match duration:
        case Span(seconds):
            return str(seconds)
        case Until(moment):
            return f"until {moment.isoformat()}"
        case Permanent():
            return "permanent"
        case _:
            assert_never(duration)


def duration_from_text(text: str) -> Duration:
    """The other way round of `duration_to_text`."""
    if text == "permanent":
        return Permanent()
    if text.startswith("until "):
        return Until(datetime.fromisoformat(text.removeprefix("until ")))
    return Span(int(text))


def _shown(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _refused(sentence: str) -> PolicyRefused:
    return PolicyRefused({"duration": sentence})
