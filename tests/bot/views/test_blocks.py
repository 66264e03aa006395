"""The small pieces: escaping, quoting, cutting, times."""

import html
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views import blocks
from tests.bot.views.cases import written


def test_the_ampersand_is_escaped_first() -> None:
    assert blocks.escape("<!channel> &lt;") == "&lt;!channel&gt; &amp;lt;"


def test_characters_that_turn_text_around_are_left_out() -> None:
    assert blocks.escape("user\u202egpj.exe\u2066x\u2069\0") == "usergpj.exex"


def test_half_a_surrogate_pair_becomes_something_that_can_be_sent() -> None:
    assert blocks.escape("a\ud800b").encode() == "a\ufffdb".encode()


def test_a_moment_is_written_in_the_readers_time_with_utc_to_fall_back_on() -> None:
    moment = datetime(2026, 11, 27, 18, 0, tzinfo=timezone(timedelta(hours=1)))

    shown = blocks.when(moment)

    epoch = int(datetime(2026, 11, 27, 17, 0, tzinfo=UTC).timestamp())
    assert shown == f"<!date^{epoch}^{{date_short_pretty}} at {{time}}|2026-11-27 17:00 UTC>"


def test_each_line_of_a_quote_is_marked_as_somebody_elses() -> None:
    (section,) = blocks.quote("one\r\n*Approved* by bob\u2028three")

    assert section["text"]["text"] == ">one\n>*Approved* by bob\n>three"


@pytest.mark.parametrize("nothing", ["", "  \n", "\u202e\u2069", "\0"])
def test_a_text_that_shows_nothing_is_not_quoted(nothing: str) -> None:
    assert blocks.quote(nothing) == []


def test_a_label_stands_above_what_is_quoted_and_never_alone() -> None:
    assert written(blocks.quote("one", "Reason")) == ["*Reason*\n>one"]
    assert blocks.quote(" ", "Reason") == []


def test_a_heading_is_one_line_within_its_limit() -> None:
    (text,) = written(blocks.header("a\nb" + "c" * 200))

    assert text.startswith("a bccc")
    assert len(text) == 150


def test_a_thousand_ampersands_are_shown_whole() -> None:
    shown = written(blocks.quote("&" * 1000))

    assert len(shown) == 2
    assert "".join(shown).count("&amp;") == 1000


@given(st.text(max_size=1000))
def test_a_quote_shows_all_of_a_text_within_the_limits_of_a_section(text: str) -> None:
    sections = written(blocks.quote(text))

    shown = [line.removeprefix(">") for each in sections for line in each.split("\n")]
    lines = "".join(blocks.clean(text).strip().splitlines())
    assert html.unescape("".join(shown)) == html.unescape(html.escape(lines, quote=False))
    assert all(len(each) <= 3000 for each in sections)
    assert all(line.startswith(">") for each in sections for line in each.split("\n"))
    assert not any("<" in each for each in sections)


@given(st.text(max_size=400))
def test_a_name_is_one_line_that_is_not_empty_and_not_live(text: str) -> None:
    shown = blocks.strong(text)

    assert shown
    assert "<" not in shown
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize("name", ["a*b", "_x_", "~y~", "`z`"])
def test_a_name_with_formatting_in_it_is_not_made_bold(name: str) -> None:
    assert blocks.strong(name) == name


@given(st.text(alphabet="&<a", max_size=3000))
def test_cutting_leaves_no_half_of_an_entity_or_a_date(text: str) -> None:
    moment = blocks.when(datetime(2026, 11, 27, tzinfo=UTC))

    shown = blocks.message(blocks.escape(text) + moment, []).text

    assert len(shown) <= 3000
    rest = shown.replace(moment, "").replace("&amp;", "").replace("&lt;", "")
    assert set(rest) <= {"a", "…"}


def test_an_unstyled_button_has_no_keys_that_say_nothing() -> None:
    drawn = blocks.button("Cancel", action_id="a", value="r-1")

    assert drawn.keys() == {"type", "text", "action_id", "value"}
