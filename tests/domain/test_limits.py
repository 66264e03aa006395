"""How much may be asked at a time, and what somebody is told who asks for more."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.builders import ORGANIZATION, VISION
from workflows.domain.limits import Demand, Limits, what_is_too_much

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
LIMITS = Limits(requests_per_hour=3, pending_per_person=2, pending_per_team=4)
NOTHING = Demand(
    filled_since=None, of_person=0, of_person_until=None, at_place=0, at_place_until=None
)


def a_demand(**more: object) -> Demand:
    return Demand(**{name: getattr(NOTHING, name) for name in Demand.__slots__} | more)


@pytest.mark.parametrize(
    "demand",
    [
        NOTHING,
        a_demand(filled_since=NOW - timedelta(hours=1)),
        a_demand(of_person=1, of_person_until=NOW),
        a_demand(at_place=3, at_place_until=NOW),
    ],
    ids=["nothing", "an hour ago", "one less of the person", "one less at the place"],
)
def test_up_to_the_limits_nothing_is_said(demand: Demand) -> None:
    assert what_is_too_much(LIMITS, demand, place=VISION, now=NOW) is None


@pytest.mark.parametrize(
    ("demand", "limit", "words"),
    [
        (
            a_demand(filled_since=NOW - timedelta(minutes=48, seconds=30)),
            "requests_per_hour",
            "asked 3 times within an hour, and that is the most here. Nothing was stored; "
            "try again in 12 minutes.",
        ),
        (
            a_demand(filled_since=NOW - timedelta(minutes=59, seconds=59)),
            "requests_per_hour",
            "try again in 1 minute.",
        ),
        (
            a_demand(of_person=2, of_person_until=NOW + timedelta(days=3)),
            "pending_per_person",
            "2 requests of yours wait for a decision, and that is the most here. Nothing was "
            "stored; try again when one is decided, or cancel one. At the latest that is in 3 "
            "days.",
        ),
        (a_demand(of_person=2), "pending_per_person", "or cancel one."),
        (
            a_demand(at_place=4, at_place_until=NOW + timedelta(hours=5)),
            "pending_per_team",
            "4 requests wait for a decision in vision, and that is the most at a time. Nothing "
            "was stored; try again when some are decided. At the latest that is in 5 hours.",
        ),
    ],
)
def test_over_a_limit_the_sentence_says_when_to_come_back(
    demand: Demand, limit: str, words: str
) -> None:
    too_much = what_is_too_much(LIMITS, demand, place=VISION, now=NOW)

    assert too_much is not None
    assert too_much[0] == limit
    assert too_much[1].endswith(words)


def test_a_limit_of_one_is_said_in_the_singular() -> None:
    one = Limits(requests_per_hour=1, pending_per_person=1, pending_per_team=1)
    mine = a_demand(of_person=1, of_person_until=NOW - timedelta(seconds=1))

    asked = what_is_too_much(one, a_demand(filled_since=NOW), place=VISION, now=NOW)
    waiting = what_is_too_much(one, mine, place=ORGANIZATION, now=NOW)

    assert asked is not None
    assert asked[1].startswith("You have asked once within an hour")
    assert waiting is not None
    assert waiting[1].startswith("1 request of yours waits")
    assert waiting[1].endswith("in 1 minute.")
