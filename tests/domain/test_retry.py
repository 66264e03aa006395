"""When a job that failed is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOW
from workflows.domain.retry import CAP, next_try


def waits(attempts: int, spread: float = 0.0, retry_after: float | None = None) -> float:
    return (
        next_try(attempts, now=NOW, spread=spread, retry_after=retry_after) - NOW
    ).total_seconds()


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 1), (2, 2), (3, 4), (5, 15), (12, 15), (13, 30), (18, 900), (10**9, 900)],
)
def test_tries_come_often_for_minutes_and_then_at_most_a_quarter_of_an_hour_apart(
    attempts: int, seconds: float
) -> None:
    assert waits(attempts) == seconds


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (30, 30),
        (0.5, 1),
        (0, 1),
        (-5, 1),
        (10 * 365 * 86_400, CAP),
        (float("inf"), CAP),
        (float("nan"), 1),
    ],
)
def test_the_other_sides_word_is_kept_within_bounds(retry_after: float, seconds: float) -> None:
    assert waits(1, retry_after=retry_after) == seconds


def test_jobs_that_failed_together_do_not_come_back_together() -> None:
    assert waits(3, spread=0.0) < waits(3, spread=0.5) < waits(3, spread=0.999) < 5.0


@given(
    st.integers(1, 10**6),
    st.floats(0, 1, exclude_max=True),
    st.one_of(st.none(), st.floats()),
)
def test_nothing_is_given_up_and_nothing_comes_at_once(
    attempts: int, spread: float, retry_after: float | None
) -> None:
    assert 1 <= waits(attempts, spread, retry_after) <= 1.25 * CAP
