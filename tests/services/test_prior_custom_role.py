"""A custom role that was held before the grant, and what is put back when W&B has it no more."""

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
