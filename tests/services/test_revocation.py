"""Ending somebody's access by a command: what is open, which of it is meant, what follows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import ADMIN, BOB, EVE, MEMBER
from tests.services.crashing import Crash, Points, mortal
from tests.services.rig import Rig
from tests.services.troubled import MINUTE, Down, an_end_that_is_stuck, people
from workflows.domain.entitlements import EmailAddress
from workflows.domain.events import OPERATOR
from workflows.domain.grants import Grant, GrantStatus
from workflows.errors import AlreadySettled, NotFound, Refused
from workflows.services import audit_chain, audit_erasure, revocation

OPS = f"{OPERATOR}ops"


def revoke(rig: Rig, id: str, reason: str = "she has left the team") -> Grant:
    """As the command does it."""
    return revocation.revoke(rig.deps.begin, id, by=OPS, reason=reason, now=rig.clock())


def listed(rig: Rig, person: EmailAddress | None = None) -> list[str]:
    """The ids of what is open."""
    with rig.work.look() as work:
        return [grant.id for grant in revocation.listed(work, person)]


def found(rig: Rig, id: str) -> Grant:
    """What this names."""
    with rig.work.look() as work:
        return revocation.find(work, id)


# -- what is open ----------------------------------------------------------------------------------


def test_everything_that_w_and_b_may_have_is_listed_and_nothing_else(rig: Rig) -> None:
    first, second = people(rig, 2)
    ended = rig.approved(requester=first)
    rig.run()
    rig.give_back(ended, by=first)
    rig.run()
    rig.submit(role=ADMIN)
    active = rig.approved(requester=second)
    rig.run()
    issued = rig.approved()

    assert listed(rig) == [active, issued]
    assert listed(rig, EVE) == [issued]
    assert listed(rig, BOB) == []


def test_what_is_over_and_not_taken_back_yet_is_open(sqlite_rig: Rig) -> None:
    id = an_end_that_is_stuck(sqlite_rig)

    assert listed(sqlite_rig) == [id]
    assert listed(sqlite_rig, EVE) == [id]


def test_an_id_may_be_cut_short_as_long_as_it_names_one_that_is_open(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.deps = replace(rig.deps, new_id=lambda: f"{next(rig.numbers):08}abcdef")
    first, second = people(rig, 2)
    id = rig.approved(requester=first)
    other = rig.approved(requester=second)

    assert found(rig, id[:8]).id == id
    for wrong in (id[:5], "00000x", ""):
        with pytest.raises(NotFound, match=f"No access that is open has the id {wrong};"):
            found(rig, wrong)
    with pytest.raises(Refused, match="2 ids of access that is open begin with 000000"):
        found(rig, id[:6])
    rig.give_back(other, by=second)
    rig.run()
    assert found(rig, other).status is GrantStatus.ENDED, "a whole id names what is over too"
    with pytest.raises(NotFound, match="No access that is open"):
        found(rig, other[:8])


# -- ending it -------------------------------------------------------------------------------------


def test_access_that_an_operator_ends_is_gone_when_the_worker_has_been_there(rig: Rig) -> None:
    id = rig.approved()
    rig.run()
    assert rig.held() == MEMBER

    ending = revoke(rig, id)

    assert ending.status is GrantStatus.ENDING
    assert (ending.ended_by, ending.note) == (OPS, "she has left the team")
    rig.run()
    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED


def test_what_an_operator_ends_is_stored_with_its_fact_and_what_is_owed_in_one_commit(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    id = rig.approved()
    rig.run()
    before = rig.jobs()
    mortal(rig, Points(at=2))  # begun, and about to commit

    with pytest.raises(Crash):
        revoke(rig, id)

    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert "GrantRevoked" not in rig.events(id)
    assert rig.jobs() == before
    revoke(rig, id)
    (entry,) = [one for one in rig.audit(id) if one.event == "GrantRevoked"]
    assert (entry.actor, entry.detail["reason"]) == (OPS, "she has left the team")
    assert (entry.detail["before"], entry.detail["after"]) == ("active", "ending")
    assert {"ensure", "notify"} <= {job["kind"] for job in rig.jobs()}


def test_whose_access_an_operator_ends_is_told_by_whom_and_why(rig: Rig) -> None:
    id = rig.approved()
    rig.run()

    revoke(rig, id)
    rig.drain(5 * MINUTE)

    shown = rig.notifier.notice(id).grant
    assert shown is not None
    assert (shown.status, shown.ended_by, shown.note) == (
        GrantStatus.ENDED,
        OPS,
        "she has left the team",
    )


def test_what_was_never_given_can_be_ended_and_nothing_is_written(rig: Rig) -> None:
    id = rig.approved()

    revoke(rig, id)
    rig.run()

    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.writes() == []


def test_one_of_two_that_an_operator_ends_leaves_the_other(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    lower = rig.approved()
    higher = rig.approved(role=ADMIN)
    rig.run()

    revoke(rig, higher)
    rig.run()

    assert rig.held() == MEMBER
    assert listed(rig) == [lower]


def test_what_an_operator_ends_is_tried_until_w_and_b_answers(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    rig.run()
    down = Down(rig)

    revoke(rig, id)
    rig.wait(MINUTE)
    assert (rig.held(), listed(rig)) == (MEMBER, [id])
    down.down = False
    rig.wait(MINUTE)

    assert (rig.held(), listed(rig)) == (None, [])


def test_what_is_over_cannot_be_ended_again_and_how_it_stands_is_said(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()
    rig.run()
    revoke(rig, id)

    with pytest.raises(AlreadySettled, match="over already, and is being taken back"):
        revoke(rig, id)
    rig.run()
    with pytest.raises(AlreadySettled, match="this access is over already"):
        revoke(rig, id)
    assert rig.events(id).count("GrantRevoked") == 1


def test_a_request_that_waits_is_no_access_that_could_be_ended(sqlite_rig: Rig) -> None:
    request = sqlite_rig.submit()

    with pytest.raises(NotFound, match="No access that is open has the id"):
        revoke(sqlite_rig, request.id)


# -- and then --------------------------------------------------------------------------------------


def test_whose_access_an_operator_has_ended_can_be_erased_with_the_reason_for_it(
    rig: Rig,
) -> None:
    id = rig.approved()
    rig.run()
    with pytest.raises(Refused, match="wandb-access grants revoke"):
        audit_erasure.erase(rig.deps, EVE, "request 7", by=OPS)
    revoke(rig, id, f"{EVE} has left")
    rig.run()
    rig.drain(timedelta(hours=2))

    audit_erasure.erase(rig.deps, EVE, "request 7", by=OPS)

    (entry,) = [one for one in rig.audit(id) if one.event == "GrantRevoked"]
    assert (entry.actor, entry.detail["reason"]) == (OPS, "")
    with rig.work.look() as work:
        assert audit_chain.verify(work).wrong is None
