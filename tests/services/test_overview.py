"""What one person sees."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, OLGA, ORGANIZATION, VIEWER, VISION, terms
from tests.services.rig import Rig
from workflows.domain.entitlements import EmailAddress, Team
from workflows.domain.policy import Policy
from workflows.errors import NotFound
from workflows.services.overview import overview_of, request_and_grant


def test_a_person_sees_what_they_have_and_what_they_asked_for(rig: Rig) -> None:
    rig.directory.put(EVE, Team("speech"), VIEWER)
    active = rig.approved()
    rig.run()
    rig.rosters.read()
    rig.clock.advance(timedelta(minutes=1))
    waiting = rig.submit(role=ADMIN)

    seen = overview_of(rig.deps, EVE)

    assert seen.standing_roles == [
        (Team("speech"), VIEWER),
        (VISION, MEMBER),
        (ORGANIZATION, MEMBER),
    ]
    assert seen.grants == [rig.grant(active)]
    assert seen.requests == [waiting, rig.request(active)]
    assert seen.waiting == []


def test_an_approver_sees_what_waits_for_them(rig: Rig) -> None:
    rig.rewire(policy=Policy(defaults=terms(approvals=2)))
    first, second = rig.submit(), rig.submit(role=ADMIN)
    rig.approve(first.id, ADA)

    assert overview_of(rig.deps, ADA).waiting == [second]
    assert {one.id for one in overview_of(rig.deps, BOB).waiting} == {first.id, second.id}
    assert overview_of(rig.deps, OLGA).waiting == []
    assert overview_of(rig.deps, EVE).waiting == []


def test_what_is_decided_waits_for_nobody(sqlite_rig: Rig) -> None:
    sqlite_rig.deny(sqlite_rig.submit().id)

    assert overview_of(sqlite_rig.deps, BOB).waiting == []


def test_a_person_without_an_account_has_nothing(sqlite_rig: Rig) -> None:
    stranger = EmailAddress("new@corp.example")

    assert overview_of(sqlite_rig.deps, stranger).standing_roles == []


def test_an_organization_role_that_w_and_b_does_not_say_is_not_shown(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    with rig.work.look() as work:
        roster = work.roster()
    assert roster is not None
    account = rig.directory.account_of(EVE)
    silent = replace(roster.people[account], organization_role=None)
    with rig.work.begin() as work:
        work.keep_roster(replace(roster, people={**roster.people, account: silent}))

    assert overview_of(rig.deps, EVE).standing_roles == []


def test_a_request_comes_with_its_grant_once_it_was_approved(rig: Rig) -> None:
    request = rig.submit()
    assert request_and_grant(rig.deps, request.id) == (request, None)

    rig.approve(request.id)

    assert request_and_grant(rig.deps, request.id)[1] == rig.grant(request.id)
    with pytest.raises(NotFound):
        request_and_grant(rig.deps, "nothing")
