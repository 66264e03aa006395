"""What a person does about what is stuck: have it tried now, or say that it is settled."""

from dataclasses import replace

import pytest

from tests.builders import ADA, ADMIN, BOB, EVE, HOUR, MEMBER, OLGA, VISION
from tests.services.rig import Rig
from tests.services.troubled import (
    EVE_IN_VISION,
    MINUTE,
    Down,
    a_leftover,
    an_end_that_is_stuck,
    listed,
    people,
)
from workflows.domain.grants import GrantStatus
from workflows.errors import (
    DirectoryClosed,
    DirectoryUnavailable,
    NotAnApprover,
    NotFound,
    Refused,
)
from workflows.services import stuck

OPERATOR = "operator:ops"


# -- trying it now ---------------------------------------------------------------------------------


def test_retry_has_it_tried_now(rig: Rig) -> None:
    id = an_end_that_is_stuck(rig)
    rig.directory.put(ADA, VISION, ADMIN)
    rig.rosters.read()
    (item,) = listed(rig)
    assert item.next_try is not None
    assert item.next_try > rig.clock()

    tried = stuck.retry(rig.deps.begin, id, now=rig.clock())
    rig.run()

    assert tried == item
    assert rig.grant(id).status is GrantStatus.ENDED


def test_retry_is_let_through_while_w_and_b_refuses_the_key(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    for _ in range(2):
        rig.directory.fail_next(DirectoryClosed("401"), on="read")
    rig.run()
    rig.clock.advance(11 * MINUTE)
    rig.run()  # the one that may try; the next may in half a minute
    assert rig.grant(id).status is GrantStatus.ISSUED

    stuck.retry(rig.deps.begin, id, now=rig.clock())
    rig.run()

    assert rig.grant(id).status is GrantStatus.ACTIVE


def test_an_organization_admin_may_press_the_button_and_nobody_else(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = an_end_that_is_stuck(rig)
    rig.directory.put(ADA, VISION, ADMIN)
    rig.rosters.read()

    for nobody in (EVE, ADA):
        with pytest.raises(NotAnApprover, match="admin of the W&B organization"):
            stuck.retry_as(rig.deps, id, by=nobody)
    stuck.retry_as(rig.deps, id, by=OLGA)
    rig.run()

    assert rig.grant(id).status is GrantStatus.ENDED


def test_an_id_may_be_cut_short_as_long_as_it_names_one(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.deps = replace(rig.deps, new_id=lambda: f"{next(rig.numbers):08}abcdef")
    first, second = people(rig, 2)
    Down(rig)
    id = rig.approved(requester=first)
    rig.approved(requester=second)
    rig.wait(11 * MINUTE)
    with rig.work.look() as work:
        assert stuck.find(work, id[:8], now=rig.clock()).id == id
        for wrong in (id[:5], "00000x", ""):
            with pytest.raises(NotFound, match="Nothing that is stuck"):
                stuck.find(work, wrong, now=rig.clock())
        with pytest.raises(Refused, match="2 of what is stuck now begin with 000000"):
            stuck.find(work, id[:6], now=rig.clock())


# -- settling it by hand ---------------------------------------------------------------------------


def test_an_end_that_is_settled_by_hand_is_told_and_raises_no_alarm_again(rig: Rig) -> None:
    id = an_end_that_is_stuck(rig)

    stuck.resolve(rig.deps.begin, id, by=OPERATOR, reason="she stays admin", now=rig.clock())
    rig.drain(5 * HOUR)

    grant = rig.grant(id)
    assert grant.status is GrantStatus.ENDED
    assert grant.note == "Settled by hand; W&B was not read back: she stays admin"
    assert rig.notifier.notice(id).grant == grant
    assert rig.held() == ADMIN, "what a person has settled is theirs"
    assert rig.notifier.alerts() == [("RevocationStuck", f"approver:{OLGA}")]
    (entry,) = [one for one in rig.audit(id) if one.event == "StuckResolved"]
    assert (entry.actor, entry.detail["reason"]) == (OPERATOR, "she stays admin")
    assert (entry.detail["before"], entry.detail["after"]) == ("ending", "ended")
    assert listed(rig) == []
    assert rig.jobs() == []


def test_a_giving_that_is_settled_by_hand_has_failed_and_what_lands_late_is_taken_back(
    rig: Rig,
) -> None:
    id = rig.approved()
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role")
    rig.run()
    down = Down(rig)
    rig.wait(11 * MINUTE)

    stuck.resolve(rig.deps.begin, id, by=OPERATOR, reason="not needed", now=rig.clock())
    rig.run()
    assert rig.grant(id).status is GrantStatus.FAILED
    down.down = False
    rig.wait(MINUTE)
    rig.directory.put(EVE, VISION, MEMBER)  # the write of eleven minutes ago
    rig.wait(11 * MINUTE)

    assert rig.held() is None
    assert rig.notifier.alerts() == []


def test_what_lands_after_a_settling_and_meets_a_no_is_no_alarm(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved(role=ADMIN)
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role")
    rig.run()
    down = Down(rig)
    rig.wait(11 * MINUTE)
    stuck.resolve(rig.deps.begin, id, by=OPERATOR, reason="not needed", now=rig.clock())
    down.down = False
    for email in (ADA, BOB):
        rig.directory.put(email, VISION, MEMBER)
    rig.directory.put(EVE, VISION, ADMIN)
    rig.rosters.read()
    rig.drain(5 * HOUR)

    assert rig.held() == ADMIN
    assert "LeftoverFound" not in rig.events()
    assert rig.jobs() == []


def test_settling_one_of_two_grants_leaves_the_other_alone(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    stays = rig.approved(role=MEMBER)
    rig.run()
    id = an_end_that_is_stuck(rig)
    before = rig.standing()

    stuck.resolve(rig.deps.begin, id, by=OPERATOR, reason="enough", now=rig.clock())

    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.grant(stays).status is GrantStatus.ACTIVE
    assert rig.standing() == before


def test_a_leftover_that_is_settled_by_hand_is_forgotten(rig: Rig) -> None:
    down = a_leftover(rig)

    stuck.resolve(rig.deps.begin, EVE_IN_VISION, by=OPERATOR, reason="looked", now=rig.clock())
    down.down = False
    rig.directory.put(EVE, VISION, MEMBER)
    rig.drain(5 * HOUR)

    assert listed(rig) == []
    assert rig.held() == MEMBER
    assert rig.events(EVE_IN_VISION).count("LeftoverResolved") == 1
    assert rig.events(EVE_IN_VISION).count("LeftoverFound") == 1
    assert rig.jobs() == []


def test_what_is_not_stuck_cannot_be_settled_by_hand(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    rig.run()

    with pytest.raises(NotFound):
        stuck.resolve(rig.deps.begin, id, by=OPERATOR, reason="why not", now=rig.clock())
