"""Limits of asking: counted in the commit, so that many at once do not get past them either."""

import itertools
from datetime import timedelta
from functools import partial

import pytest

from tests.builders import ADA, ADMIN, EVE, MEMBER, VIEWER, VISION
from tests.services.rig import Rig
from tests.services.test_races import at_once
from workflows.domain.entitlements import EmailAddress, Role, Team
from workflows.domain.limits import Limits
from workflows.domain.policy import Policy
from workflows.domain.requests import AccessRequest
from workflows.errors import AskedTooMuch
from workflows.services.requests import cancel_request

ROLES: tuple[Role, ...] = (VIEWER, MEMBER, ADMIN)


def limited(rig: Rig, **limits: int) -> None:
    """The same world under these limits, the others far away."""
    far = {"requests_per_hour": 100, "pending_per_person": 100, "pending_per_team": 100}
    rig.rewire(policy=Policy(limits=Limits(**far | limits)))


def refused(rig: Rig, **ask: object) -> AskedTooMuch:
    """What is said about one that is too many."""
    before = rig.events()
    with pytest.raises(AskedTooMuch) as caught:
        rig.submit(**ask)  # type: ignore[arg-type]  # a table of cases
    assert rig.events() == before
    return caught.value


def teams(rig: Rig, count: int) -> list[Team]:
    """Teams that Ada decides in, besides `vision`."""
    for number in range(count):
        rig.directory.add_team(f"team {number}", {ADA: ADMIN})
    rig.rosters.read()
    return [Team(f"team {number}") for number in range(count)]


def people(rig: Rig, count: int) -> list[EmailAddress]:
    """People without access."""
    found = [EmailAddress(f"p{number}@corp.example") for number in range(count)]
    for person in found:
        rig.directory.add_person(person)
    rig.rosters.read()
    return found


def test_requests_of_a_person_are_counted_over_an_hour_whatever_became_of_them(rig: Rig) -> None:
    limited(rig, requests_per_hour=2)
    first = rig.submit(role=VIEWER)
    cancel_request(rig.deps, first.id, by=EVE)
    rig.clock.advance(timedelta(minutes=20))
    rig.submit(role=MEMBER)

    too_much = refused(rig, role=ADMIN)
    rig.clock.advance(timedelta(minutes=40))
    later = rig.submit(role=ADMIN)

    assert too_much.limit == "requests_per_hour"
    assert "try again in 40 minutes" in str(too_much)
    assert later.role == ADMIN


def test_what_waits_of_a_person_is_counted_until_it_is_settled(rig: Rig) -> None:
    limited(rig, pending_per_person=2)
    first, _ = rig.submit(role=VIEWER), rig.submit(role=MEMBER)

    too_much = refused(rig, role=ADMIN)
    cancel_request(rig.deps, first.id, by=EVE)

    assert too_much.limit == "pending_per_person"
    assert "At the latest that is in 3 days." in str(too_much)
    assert rig.submit(role=ADMIN)


def test_what_waits_in_a_team_is_counted_over_everybody(rig: Rig) -> None:
    limited(rig, pending_per_team=2)
    one, two, three = people(rig, 3)
    first, _ = rig.submit(requester=one), rig.submit(requester=two)

    too_much = refused(rig, requester=three)
    elsewhere = rig.submit(requester=three, place=teams(rig, 1)[0])
    rig.deny(first.id, ADA)

    assert too_much.limit == "pending_per_team"
    assert "2 requests wait for a decision in vision" in str(too_much)
    assert elsewhere.place == Team("team 0")
    assert rig.submit(requester=three).place == VISION


def test_the_same_submission_again_is_its_request_however_much_waits(rig: Rig) -> None:
    limited(rig, requests_per_hour=1, pending_per_person=1, pending_per_team=1)
    first = rig.submit(origin="form-x")

    assert rig.submit(origin="form-x") == first


def test_no_newer_reading_is_waited_for_when_it_is_too_much(sqlite_rig: Rig) -> None:
    limited(sqlite_rig, pending_per_person=1)
    sqlite_rig.submit(role=VIEWER)

    refused(sqlite_rig, role=ADMIN)

    assert sqlite_rig.rosters.newer_asked == 0


def test_many_at_once_of_one_person_come_to_the_limit_and_not_past_it(rig: Rig) -> None:
    limited(rig, pending_per_person=4)
    wishes = list(itertools.product(teams(rig, 3), ROLES))

    outcomes = at_once(*(partial(rig.submit, place=place, role=role) for place, role in wishes))

    assert sum(isinstance(one, AccessRequest) for one in outcomes) == 4
    assert sum(isinstance(one, AskedTooMuch) for one in outcomes) == 5


def test_many_at_once_for_one_team_come_to_the_limit_and_not_past_it(rig: Rig) -> None:
    limited(rig, pending_per_team=4)

    outcomes = at_once(*(partial(rig.submit, requester=person) for person in people(rig, 9)))

    assert sum(isinstance(one, AccessRequest) for one in outcomes) == 4
    assert sum(isinstance(one, AskedTooMuch) for one in outcomes) == 5


def test_people_and_teams_crosswise_wait_for_each_other_in_no_circle(rig: Rig) -> None:
    limited(rig, pending_per_person=3, pending_per_team=3)
    wishes = list(itertools.product(people(rig, 4), teams(rig, 4)))

    outcomes = at_once(
        *(partial(rig.submit, requester=person, place=place) for person, place in wishes)
    )
    stored = [one for one in outcomes if isinstance(one, AccessRequest)]

    assert all(isinstance(one, AccessRequest | AskedTooMuch) for one in outcomes)
    for person, place in wishes:
        assert sum(one.requester == person for one in stored) <= 3
        assert sum(one.place == place for one in stored) <= 3
    assert len(stored) >= 9
