"""Durations in people's words: what is certain is taken, everything else is refused."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import HOUR, NOW
from workflows.domain import durations
from workflows.domain.durations import Duration, Permanent, Span, Until
from workflows.errors import PolicyRefused

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
KIRITIMATI = ZoneInfo("Pacific/Kiritimati")  # UTC+14
SANTIAGO = ZoneInfo("America/Santiago")  # the clocks change at midnight


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year, month, day, …


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", Span(90)),
        ("45m", Span(45 * 60)),
        ("8h", Span(8 * 3600)),
        ("3d", Span(3 * 86_400)),
        ("2w", Span(14 * 86_400)),
        ("8H", Span(8 * 3600)),
        ("  8h\n", Span(8 * 3600)),
        ("008h", Span(8 * 3600)),
        ("999999w", Span(999_999 * 604_800)),
        ("permanent", Permanent()),
        (" Permanent ", Permanent()),
    ],
)
def test_spans_and_permanent_are_understood(text: str, expected: Duration) -> None:
    assert durations.parse(text, tz=UTC, now=NOW) == expected


@pytest.mark.parametrize(
    ("text", "tz", "now", "expected"),
    [
        ("until friday", UTC, NOW, at(2026, 3, 14)),
        ("until FRI", UTC, NOW, at(2026, 3, 14)),
        ("Until  Friday", UTC, NOW, at(2026, 3, 14)),
        ("until monday", UTC, NOW, at(2026, 3, 17)),
        # on that weekday it is that day's end, not a week later
        ("until tuesday", UTC, NOW, at(2026, 3, 11)),
        ("until tue", UTC, at(2026, 3, 10, 23, 59), at(2026, 3, 11)),
        # “today” is the asker's today
        ("until tuesday", NEW_YORK, at(2026, 3, 11, 2), at(2026, 3, 11, 4)),
        ("until wednesday", KIRITIMATI, NOW, at(2026, 3, 11, 10)),
        ("until friday", BERLIN, NOW, at(2026, 3, 13, 23)),
        ("until 2026-12-24", UTC, NOW, at(2026, 12, 25)),
        ("until 2026-12-24", BERLIN, NOW, at(2026, 12, 24, 23)),
        ("until 2026-12-24", NEW_YORK, NOW, at(2026, 12, 25, 5)),
        ("until 2026-12-31", UTC, NOW, at(2027, 1, 1)),
        ("until 2028-02-29", UTC, NOW, at(2028, 3, 1)),
        ("until 2026-12-24 18:30", BERLIN, NOW, at(2026, 12, 24, 17, 30)),
        ("until 2026-12-24T18:30", BERLIN, NOW, at(2026, 12, 24, 17, 30)),
        # summer time begins in Berlin on 29 March at 01:00 UTC, in New York on 8 March
        ("until 2026-03-28", BERLIN, NOW, at(2026, 3, 28, 23)),
        ("until 2026-03-29", BERLIN, NOW, at(2026, 3, 29, 22)),
        ("until 2026-03-29 03:00", BERLIN, NOW, at(2026, 3, 29, 1)),
        ("until 2026-03-08", NEW_YORK, at(2026, 3, 7), at(2026, 3, 9, 4)),
        ("until 2026-03-07", NEW_YORK, at(2026, 3, 7), at(2026, 3, 8, 5)),
        # and ends in Berlin on 25 October at 01:00 UTC, in New York on 1 November
        ("until 2026-10-24", BERLIN, NOW, at(2026, 10, 24, 22)),
        ("until 2026-10-25", BERLIN, NOW, at(2026, 10, 25, 23)),
        ("until 2026-11-01", NEW_YORK, NOW, at(2026, 11, 2, 5)),
        ("until 2026-10-31", NEW_YORK, NOW, at(2026, 11, 1, 4)),
        # there is no midnight: the day ends when the clocks jump from 24:00 to 01:00
        ("until 2026-09-05", SANTIAGO, NOW, at(2026, 9, 6, 4)),
    ],
)
def test_until_a_day_means_its_end_where_the_person_is(
    text: str, tz: ZoneInfo, now: datetime, expected: datetime
) -> None:
    duration = durations.parse(text, tz=tz, now=now)

    assert duration == Until(expected)
    assert isinstance(duration, Until)
    assert duration.moment.utcoffset() == timedelta(0)


UNCERTAIN = [
    "3",
    "12/11/2026",
    "2026-12-24",
    "-3d",
    "+3d",
    "1.5h",
    "1,5h",
    "1e3h",
    "٣d",
    "\uff13d",  # a digit, but not ASCII
    "8h8h",
    "1h30m",
    "8 h",
    "8hours",
    "1y",
    "1mo",
    "h",
    "8\u017f",  # a letter that is `s` when case is ignored
    "0h",
    "000000s",
    "1000000s",
    "1" + "0" * 12,
    "1" + "0" * 12 + "s",
    "nan",
    "NaNh",
    "inf",
    "forever",
    "permanently",
    "until",
    "untilfriday",
    "until until friday",
    "until tomorrow",
    "until frid",
    "until f",
    "until 8h",
    "until permanent",
    "until 12/11/2026",
    "until 24.12.2026",
    "until 26-12-24",
    "until 2026-2-3",
    "until 2026-13-01",
    "until 2026-02-30",
    "until 2027-02-29",
    "until 0000-01-01",
    "until 9999-12-31",
    "until 9999-12-31 23:59",
    "until 2026-12-24 24:00",
    "until 2026-12-24 8:00",
    "until 2026-12-24 18:30:00",
    "until 2026-12-24 18:30+02:00",
    "until ٢٠٢٦-١٢-٢٤",
    "8h <!channel>",
    "x" * 100_000,
]


@pytest.mark.parametrize("text", UNCERTAIN, ids=lambda text: text[:30])
def test_what_is_not_certain_is_refused_with_examples(text: str) -> None:
    with pytest.raises(PolicyRefused) as refused:
        durations.parse(text, tz=NEW_YORK, now=NOW)

    assert set(refused.value.complaints) == {"duration"}
    assert durations.EXAMPLES in refused.value.complaints["duration"]
    assert len(refused.value.complaints["duration"]) < 300


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_nothing_at_all_is_asked_for(text: str) -> None:
    with pytest.raises(PolicyRefused, match="Say for how long"):
        durations.parse(text, tz=UTC, now=NOW)


@pytest.mark.parametrize(
    ("text", "tz"),
    [
        ("until 2026-03-09", UTC),
        ("until 2026-03-10 12:00", UTC),
        ("until 2026-03-10 12:59", BERLIN),
        ("until 2020-01-01", UTC),
        ("until 0001-01-01", BERLIN),
    ],
)
def test_a_day_that_is_over_is_refused(text: str, tz: ZoneInfo) -> None:
    with pytest.raises(PolicyRefused, match=r"is over already|is not in the calendar"):
        durations.parse(text, tz=tz, now=NOW)


@pytest.mark.parametrize(
    ("text", "tz"),
    [
        ("until 2026-03-29 02:30", BERLIN),  # left out
        ("until 2026-10-25 02:30", BERLIN),  # twice
        ("until 2027-03-14 02:30", NEW_YORK),
        ("until 2026-11-01 01:30", NEW_YORK),
    ],
)
def test_a_time_at_which_the_clocks_change_is_refused(text: str, tz: ZoneInfo) -> None:
    with pytest.raises(PolicyRefused, match="The clocks change just then"):
        durations.parse(text, tz=tz, now=NOW)


def test_a_span_counts_from_the_approval_and_a_day_does_not() -> None:
    approved_at = NOW + 5 * HOUR

    assert durations.ends_at(Span(3600), approved_at=approved_at) == approved_at + HOUR
    assert durations.ends_at(Until(NOW + 9 * HOUR), approved_at=approved_at) == NOW + 9 * HOUR
    assert durations.ends_at(Permanent(), approved_at=approved_at) is None


def test_a_span_beyond_the_calendar_still_has_an_end() -> None:
    longest = durations.parse("999999w", tz=UTC, now=NOW)

    ends_at = durations.ends_at(longest, approved_at=NOW)

    assert ends_at is not None
    assert ends_at > NOW + timedelta(days=10_000)


@pytest.mark.parametrize(
    ("seconds", "words", "short"),
    [
        (1, "1 second", "1s"),
        (90, "90 seconds", "90s"),
        (60, "1 minute", "1m"),
        (5400, "90 minutes", "90m"),
        (8 * 3600, "8 hours", "8h"),
        (86_400, "1 day", "1d"),
        (30 * 86_400, "30 days", "30d"),
        (14 * 86_400, "2 weeks", "2w"),
    ],
)
def test_a_span_is_said_in_its_largest_even_unit(seconds: int, words: str, short: str) -> None:
    assert durations.words_of(seconds) == words
    assert durations.short_of(seconds) == short


@given(st.integers(1, 999_999), st.sampled_from("smhdw"))
def test_what_is_typed_and_said_shortly_is_the_same_span(count: int, unit: str) -> None:
    span = durations.parse(f"{count}{unit}", tz=UTC, now=NOW)

    assert isinstance(span, Span)
    assert durations.parse(durations.short_of(span.seconds), tz=UTC, now=NOW) == span


@given(
    st.one_of(
        st.integers(1, 10**12).map(Span),
        st.datetimes(timezones=st.just(UTC)).map(Until),
        st.just(Permanent()),
    )
)
def test_a_duration_is_stored_and_read_back_the_same(duration: Duration) -> None:
    assert durations.duration_from_text(durations.duration_to_text(duration)) == duration


@given(st.text(), st.sampled_from([UTC, BERLIN, NEW_YORK]))
def test_no_text_brings_anything_but_a_duration_or_a_refusal(text: str, tz: ZoneInfo) -> None:
    found: Duration | None = None

    with suppress(PolicyRefused):
        found = durations.parse(text, tz=tz, now=NOW)

    assert found is None or isinstance(found, Span | Until | Permanent)
