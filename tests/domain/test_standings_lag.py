"""What is made of readings that may be older than our last write."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import NOW, a_standing
from workflows.domain import standings
from workflows.domain.entitlements import ADMIN, MEMBER, Role
from workflows.domain.standings import SETTLING


@pytest.mark.parametrize(
    ("sent_ago", "held", "unsettled"),
    [
        (None, MEMBER, False),
        (timedelta(seconds=1), MEMBER, True),
        (timedelta(seconds=1), None, False),
        (SETTLING, MEMBER, False),
    ],
)
def test_for_a_moment_after_a_write_only_what_it_left_is_believed(
    sent_ago: timedelta | None, held: Role | None, unsettled: bool
) -> None:
    sent_at = None if sent_ago is None else NOW - sent_ago
    standing = replace(a_standing(last_seen=None), sent_at=sent_at)

    assert standings.is_unsettled(standing, held, now=NOW) is unsettled


def test_what_was_gone_before_we_took_it_back_stays_ours_to_take_back() -> None:
    given = a_standing(last_seen=MEMBER)

    doubted = standings.doubt(given, None)

    assert doubted.unanswered == (MEMBER,)
    assert MEMBER in standings.ours(doubted)


@pytest.mark.parametrize("standing", [a_standing(last_seen=None), a_standing(unanswered=(None,))])
def test_there_is_nothing_to_doubt_where_nothing_changed(standing: standings.Standing) -> None:
    assert standings.doubt(standing, None) is standing


def test_a_doubted_role_is_noted_once() -> None:
    known = a_standing(last_seen=ADMIN, unanswered=(ADMIN,))

    assert standings.doubt(known, None) is known
