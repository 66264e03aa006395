"""Domain objects, stored over the version that was loaded, and read back as they were."""

from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import SQLAlchemyError

from tests.builders import (
    ADA,
    ADMIN,
    BOB,
    EVE,
    HOUR,
    MEMBER,
    NOW,
    OLGA,
    ORGANIZATION,
    STEWARD,
    VIEWER,
    VISION,
    a_grant,
    a_request,
    a_standing,
    an_ask,
)
from workflows.domain.durations import Duration, Permanent, Span, Until
from workflows.domain.events import Change, PriorNoted
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.requests import AccessRequest, Decision, RequestStatus
from workflows.errors import Conflict, NotFound
from workflows.ports import Receipt
from workflows.storage.database import Database
from workflows.storage.repositories import LIFE
from workflows.storage.request_store import FATE
from workflows.storage.unit_of_work import Work, again_on_conflict


@pytest.fixture
def work(database: Database) -> Work:
    return Work(database)


@pytest.mark.parametrize("duration", [Span(900), Until(NOW + HOUR), Permanent()])
def test_a_request_comes_back_as_it_was(work: Work, duration: Duration) -> None:
    request = a_request(
        duration=duration,
        role=STEWARD,
        held=VIEWER,
        needed=2,
        decisions=(Decision(ADA, True, "ok", NOW), Decision(BOB, False, "no", NOW + HOUR)),
        settled_at=NOW,
        settled_by=BOB,
        note="no — \N{SNOWMAN}\n'; DROP TABLE job; --",
        status=RequestStatus.DENIED,
    )
    with work.begin() as begun:
        asked = begun.requests.save(replace(request, decisions=()))
        saved = begun.requests.save(replace(request, version=asked.version))

    assert saved == replace(request, version=2)
    with work.look() as looked:
        assert looked.requests.get("r-1") == saved
        assert looked.requests.find_asked(an_ask(role=STEWARD, origin="form-1")) == saved
        assert looked.requests.find_asked(an_ask(role=STEWARD, origin="form-2")) is None
        assert looked.requests.of(EVE, limit=1) == [saved]
        assert looked.requests.pending(limit=1) == []
        with pytest.raises(NotFound):
            looked.requests.get("r-2")


def test_a_grant_comes_back_as_it_was(work: Work) -> None:
    grant = a_grant(
        role=STEWARD,
        approvers=(ADA, BOB),
        ends_at=None,
        activated_at=NOW,
        over_at=NOW,
        ended_by=EVE,
        note="n",
        stuck="s",
        place=ORGANIZATION,
        status=GrantStatus.ENDING,
    )
    with work.begin() as begun:
        begun.requests.save(a_request())
        saved = begun.grants.save(grant)

    with work.look() as looked:
        assert looked.grants.get("r-1") == saved
        assert looked.grants.open_of(EVE, ORGANIZATION) == [saved]
        assert looked.grants.open_of(EVE, VISION) == []
        assert looked.grants.open_of(ADA) == []
        assert looked.grants.next_end() is None


def test_a_standing_comes_back_as_it_was_and_an_unknown_one_is_empty(work: Work) -> None:
    standing = a_standing(
        noted=True,
        prior=STEWARD,
        prior_at=NOW,
        last_seen=ADMIN,
        unanswered=(None, MEMBER, STEWARD),
        others={"speech": "viewer"},
        drift="nothing",
        last_end_at=NOW,
    )
    with work.begin() as begun:
        saved = begun.standings.save(standing)

    with work.look() as looked:
        assert looked.standings.get(EVE, VISION) == saved
        assert looked.standings.get(OLGA, VISION).version == 0


def test_what_was_changed_since_it_was_loaded_is_not_overwritten(work: Work) -> None:
    with work.begin() as begun:
        request = begun.requests.save(a_request())
        grant = begun.grants.save(a_grant())
        standing = begun.standings.save(a_standing())
    with work.begin() as begun:
        begun.requests.save(replace(request, note="first"))
        begun.grants.save(replace(grant, note="first"))
        begun.standings.save(replace(standing, drift="first"))

    with pytest.raises(Conflict), work.begin() as begun:
        begun.requests.save(replace(request, note="second"))
    with pytest.raises(Conflict), work.begin() as begun:
        begun.grants.save(replace(grant, note="second"))
    with pytest.raises(Conflict), work.begin() as begun:
        begun.standings.save(replace(standing, drift="second"))
    with work.look() as looked:
        assert looked.grants.get("r-1").note == "first"


def test_storing_over_leaves_out_only_what_never_changes() -> None:
    approved = {"id", "person", "place", "role", "approvers", "invites", "rule"}
    asked = {"id", "requester", "place", "role", "duration", "reason", "origin", "held", "invites"}
    asked |= {"rule", "created_at", "lapses_at"}

    assert {field.name for field in fields(Grant)} == {*approved, *LIFE, "version"}
    assert {field.name for field in fields(AccessRequest)} == {
        *asked,
        *FATE,
        "decisions",
        "version",
    }


def test_a_first_version_that_is_there_already_is_a_conflict(work: Work) -> None:
    with work.begin() as begun:
        begun.standings.save(a_standing())

    with pytest.raises(Conflict), work.begin() as begun:
        begun.standings.save(a_standing())


def test_what_was_asked_already_is_first_of_all_the_very_same_submission(work: Work) -> None:
    with work.begin() as begun:
        wish = begun.requests.save(a_request(id="r-1", origin="a"))
        other = begun.requests.save(a_request(id="r-2", origin="b", role=ADMIN))

    with work.look() as looked:
        assert looked.requests.find_asked(an_ask(origin="a")) == wish
        assert looked.requests.find_asked(an_ask(origin="c")) == wish
        assert looked.requests.find_asked(an_ask(origin="b")) == other
        assert looked.requests.find_asked(an_ask(origin="c", role=STEWARD)) is None


def test_one_wish_waits_once_and_one_submission_is_stored_once(work: Work) -> None:
    with work.begin() as begun:
        begun.requests.save(a_request(id="r-1", origin="a"))

    with pytest.raises(Conflict), work.begin() as begun:
        begun.requests.save(a_request(id="r-2", origin="b"))
    with pytest.raises(Conflict), work.begin() as begun:
        begun.requests.save(a_request(id="r-3", origin="a", role=ADMIN))
    with work.begin() as begun:
        decided = a_request(id="r-4", origin="d", status=RequestStatus.DENIED)
        begun.requests.save(decided)


def test_due_ends_come_oldest_first_and_only_live_ones(work: Work) -> None:
    ends = {"a": 3, "b": 1, "c": 2, "d": 9}
    with work.begin() as begun:
        for id, hours in ends.items():
            status = GrantStatus.ENDED if id == "c" else GrantStatus.ACTIVE
            begun.requests.save(a_request(id=id, origin=id, status=RequestStatus.APPROVED))
            begun.grants.save(a_grant(id=id, ends_at=NOW + hours * HOUR, status=status))

    with work.begin() as begun:
        assert [one.id for one in begun.grants.due(NOW + 3 * HOUR, limit=9)] == ["b", "a"]
        assert [one.id for one in begun.grants.due(NOW + 3 * HOUR, limit=1)] == ["b"]
        assert begun.grants.next_end() == NOW + HOUR


def test_a_receipt_is_replaced_by_the_newest(work: Work) -> None:
    newest = Receipt("requester", "D1", "1.0", "digest", "")
    with work.begin() as begun:
        begun.receipts.save("r-1", Receipt("requester"))
        begun.receipts.save("r-1", newest)
        begun.receipts.save("r-2", Receipt("requester", failed="gone"))

    with work.look() as looked:
        assert looked.receipts.of("r-1") == {"requester": newest}


def test_small_things_are_remembered(work: Work) -> None:
    with work.begin() as begun:
        assert begun.meta.get("dialect") is None
        begun.meta.put("dialect", "one")
        begun.meta.put("dialect", "two")
        assert begun.meta.get("dialect") == "two"


def test_a_fact_is_found_by_its_number_and_by_its_subject(work: Work) -> None:
    noted = PriorNoted(subject="s", at=NOW, actor="bot", held="viewer")
    with work.begin() as begun:
        id = begun.audit.add(noted)

    with work.look() as looked:
        entry = looked.audit.get(id)
        assert (entry.event, entry.at, entry.detail) == ("PriorNoted", NOW, {"held": "viewer"})
        assert looked.audit.of(["s"]) == [entry]
        assert list(looked.audit.all()) == [entry]
        with pytest.raises(NotFound):
            looked.audit.get(id + 1)


def test_a_change_without_facts_stores_nothing(work: Work) -> None:
    with work.begin() as begun:
        assert begun.record(Change(a_standing(noted=True))).version == 0
        assert not begun.owes

    with work.look() as looked:
        assert looked.standings.get(EVE, VISION).version == 0


def test_a_moment_without_a_time_zone_is_refused(work: Work) -> None:
    naive = datetime(2026, 3, 10, 12, 0)  # noqa: DTZ001  # the point of the test
    with pytest.raises((SQLAlchemyError, ValueError)), work.begin() as begun:
        begun.requests.save(a_request(created_at=naive))


def test_a_moment_of_another_time_zone_comes_back_as_utc(work: Work) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    with work.begin() as begun:
        begun.requests.save(a_request(created_at=there))
    with work.look() as looked:
        found = looked.requests.get("r-1").created_at

    assert found == NOW
    assert found.utcoffset() == timedelta(0)


def test_a_use_case_that_loses_its_race_runs_again_and_not_for_ever() -> None:
    runs: list[int] = []

    @again_on_conflict
    def unlucky(wins_after: int) -> str:
        runs.append(1)
        if len(runs) <= wins_after:
            raise Conflict
        return "done"

    assert unlucky(3) == "done"
    runs.clear()
    with pytest.raises(Conflict):
        unlucky(99)
    assert len(runs) == 5
