"""A custom role that is to be put back, and what is when W&B has it no more."""

from datetime import timedelta

from tests.builders import ADMIN, EVE, HOUR, MEMBER, STEWARD, VISION
from tests.services.rig import Rig
from tests.services.watched import watch
from workflows.domain.durations import Span
from workflows.domain.grants import GrantStatus
from workflows.errors import DirectoryRejected


def steward_made_admin(rig: Rig) -> str:
    """Eve was a steward before she was given admin for an hour."""
    rig.directory.put(EVE, VISION, STEWARD)
    watch(rig)
    id = rig.approved(role=ADMIN, duration=Span(3600))
    rig.run()
    assert rig.held() == ADMIN
    return id


def test_in_place_of_a_custom_role_that_is_gone_the_one_it_inherits_from_is_put_back(
    rig: Rig,
) -> None:
    id = steward_made_admin(rig)
    del rig.directory.custom_roles[STEWARD.name]

    rig.wait(HOUR)
    rig.wait(timedelta(seconds=2))

    grant = rig.grant(id)
    assert rig.held() == MEMBER
    assert (grant.status, grant.stuck) == (GrantStatus.ENDED, "")
    assert "Release Steward no longer exists in W&B" in grant.note
    assert rig.notifier.notice(id).grant == grant

    sent = len(rig.writes())
    rig.drain()
    assert len(rig.writes()) == sent, "later looks do not send the role that is gone"
    assert rig.standing().prior == MEMBER
    assert rig.events().count("PriorReplaced") == 1
    assert rig.held() == MEMBER
    assert rig.standing().unanswered == ()
    assert rig.notifier.alerts() == []
    assert rig.jobs() == []


def test_where_it_was_another_grant_that_gave_it_what_it_inherits_from_is_left_until_that_one_ends(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    watch(rig)
    steward = rig.approved(role=STEWARD, duration=Span(8 * 3600))
    rig.run()
    admin = rig.approved(role=ADMIN, duration=Span(3600))
    rig.run()
    del rig.directory.custom_roles[STEWARD.name]

    rig.wait(HOUR)
    rig.wait(timedelta(seconds=2))
    assert rig.held() == MEMBER
    assert rig.grant(admin).status is GrantStatus.ENDED
    assert "Release Steward no longer exists in W&B" in rig.grant(admin).note

    changed = rig.directory.accounts[rig.directory.account_of(EVE)].version
    rig.drain(timedelta(hours=2))
    assert rig.grant(steward).status is GrantStatus.ACTIVE
    assert rig.held() == MEMBER
    assert rig.directory.accounts[rig.directory.account_of(EVE)].version == changed
    assert rig.standing().unanswered == ()

    rig.drain()
    assert rig.held() is None, "what there was before is still what is put back"
    assert "PriorReplaced" not in rig.events()
    assert rig.notifier.alerts() == []
    assert rig.jobs() == []


def test_a_no_to_putting_back_a_custom_role_that_is_still_there_is_stuck_and_tried_again(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = steward_made_admin(rig)
    rig.directory.fail_next(DirectoryRejected("not today"), on="set_role")

    rig.wait(HOUR)
    assert (rig.held(), rig.grant(id).stuck) == (ADMIN, "not today")
    assert [event for event, _ in rig.notifier.alerts()] == ["RevocationStuck"]

    rig.drain()
    assert rig.held() == STEWARD
    assert rig.grant(id).status is GrantStatus.ENDED
