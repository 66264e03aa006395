"""What one person sees."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, OLGA, ORGANIZATION, VIEWER, VISION, terms
from tests.services.rig import Rig
from workflows.domain.drift import Instead, Word
from workflows.domain.entitlements import EmailAddress, Team
from workflows.domain.policy import Policy
from workflows.domain.standings import SETTLING
from workflows.errors import DirectoryUnavailable, NotFound
from workflows.services import reconcile
from workflows.services.overview import (
    everywhere_instead,
    overview_of,
    request_and_grant,
)


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


def test_what_somebody_changed_by_hand_is_seen_beside_what_was_given(rig: Rig) -> None:
    taken, kept = rig.approved(role=ADMIN), rig.approved(place=Team("speech"), by=OLGA)
    rig.run()
    rig.clock.advance(SETTLING)
    assert overview_of(rig.deps, EVE).instead == {}

    rig.directory.put(EVE, VISION, VIEWER)
    reconcile.reconcile(rig.deps, dry_run=False)
    rig.run()

    seen = overview_of(rig.deps, EVE)
    assert [one.id for one in seen.grants] == [taken, kept]
    assert seen.instead == {taken: Instead(VIEWER, Word.ASKED)}
    assert overview_of(rig.deps, ADA).instead == {}
    with rig.work.look() as work:
        everything = everywhere_instead(work, seen.grants, now=rig.clock())
        nothing = everywhere_instead(work, seen.grants[1:], now=rig.clock())
    assert (everything, nothing) == (seen.instead, {})


def test_what_policy_cannot_put_back_just_now_is_seen_until_it_is(rig: Rig) -> None:
    rig.rewire(policy=Policy(enforces=True))
    id = rig.approved()
    rig.run()
    rig.clock.advance(SETTLING)
    rig.directory.put(EVE, VISION, None)
    for _ in range(2):
        rig.directory.fail_next(DirectoryUnavailable("503"), on="set_role")
    reconcile.reconcile(rig.deps, dry_run=False)
    rig.run()

    with rig.work.look() as work:
        everything = everywhere_instead(work, work.watched.grants(), now=rig.clock())
    assert everything == {id: Instead(None, Word.PUT_BACK)}
    assert overview_of(rig.deps, EVE).instead == everything

    rig.drain(timedelta(minutes=5))
    assert overview_of(rig.deps, EVE).instead == {}


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
