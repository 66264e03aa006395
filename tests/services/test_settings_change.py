"""A restart with other settings: what was given under the old policy ends as it was approved."""

from dataclasses import replace

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, HOUR, MEMBER, OLGA, STEWARD, VIEWER, VISION, terms
from tests.services.rig import Rig
from workflows.domain.durations import Permanent, Span
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import NamedPerson, Policy, Rule
from workflows.domain.requests import RequestStatus
from workflows.errors import NotAnApprover

CLOSED = Policy(rules=(Rule(teams=("vision",), terms=terms(allowed=False)),))


@pytest.mark.parametrize(
    "policy",
    [
        CLOSED,
        Policy(rules=(Rule(roles=("adm",), terms=terms(allowed=False)),)),
        Policy(defaults=terms(allowed=False)),
        Policy(defaults=terms(approvers=(NamedPerson(OLGA),), approvals=3)),
        Policy(defaults=terms(max_duration=900)),
        Policy(enforces=True),
    ],
    ids=["team closed", "role misspelled", "all closed", "other approvers", "shorter", "enforcing"],
)
def test_what_was_given_under_another_policy_ends_when_its_time_is_over(
    rig: Rig, policy: Policy
) -> None:
    rig.directory.put(EVE, VISION, VIEWER)
    id = rig.approved(role=ADMIN, duration=Span(3600))
    rig.run()
    rig.rewire(policy=policy)
    rig.run()
    assert rig.held() == ADMIN

    rig.wait(HOUR)

    assert rig.held() == VIEWER
    assert rig.grant(id).status is GrantStatus.ENDED


def test_what_was_given_under_another_policy_can_still_be_given_back(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(defaults=terms(permanent=True)))
    id = rig.approved(duration=Permanent())
    rig.run()
    rig.rewire(policy=CLOSED)

    rig.give_back(id)
    rig.run()

    assert rig.held() is None


def test_a_custom_role_that_is_renamed_in_w_and_b_meanwhile_is_left_and_told(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = rig.approved(role=STEWARD, duration=Span(3600))
    rig.run()
    renamed = replace(STEWARD, name="Release Captain")
    rig.directory.custom_roles = {renamed.name: renamed}
    rig.directory.put(EVE, VISION, renamed)

    rig.wait(HOUR)
    rig.drain()

    assert rig.grant(id).status is GrantStatus.ENDED
    assert "set by hand" in rig.grant(id).note
    assert rig.held() == renamed
    assert rig.notifier.alerts() == [("DriftFound", f"approver:{OLGA}")]


@pytest.mark.parametrize("words", [1, 2])
def test_of_two_processes_with_two_policies_the_one_that_gives_asks_for_its_own(
    rig: Rig, words: int
) -> None:
    old, new = rig, Rig(rig.database, on=rig, policy=Policy(defaults=terms(approvals=2)))
    id = old.submit().id
    if words == 2:
        assert new.approve(id, ADA).status is RequestStatus.PENDING

    assert old.approve(id, BOB).status is RequestStatus.APPROVED
    new.run()

    assert new.held() == (MEMBER if words == 2 else None)


# ── the requester rises meanwhile ────────────────────────────────────────────────────────────────


def test_who_has_become_an_admin_meanwhile_still_does_not_decide_on_their_own_request(
    rig: Rig,
) -> None:
    id = rig.submit(role=ADMIN).id
    rig.directory.put(EVE, VISION, ADMIN)
    rig.rosters.read()

    with pytest.raises(NotAnApprover):
        rig.approve(id, EVE)

    assert rig.request(id).status is RequestStatus.PENDING


def test_who_has_become_an_admin_meanwhile_keeps_that_after_the_grant(rig: Rig) -> None:
    id = rig.approved(duration=Span(3600))
    rig.directory.put(EVE, VISION, ADMIN)

    rig.run()
    assert rig.grant(id).status is GrantStatus.ACTIVE
    rig.drain()

    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.writes() == []
    assert rig.held() == ADMIN
