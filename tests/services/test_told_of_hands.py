"""What requester and approvers are told when somebody else has changed what was given."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import ADA, ADMIN, EVE, HOUR, MEMBER, OLGA, VIEWER, VISION
from tests.services.rig import Rig
from workflows.domain import drift
from workflows.domain.drift import Instead, Word
from workflows.domain.durations import Span
from workflows.domain.entitlements import Role
from workflows.domain.grants import GrantStatus
from workflows.domain.planning import ACCOUNT_GONE
from workflows.domain.standings import LAG, SETTLING, Standing
from workflows.errors import DirectoryUnavailable
from workflows.services import findings, reconcile
from workflows.services.overview import everywhere_instead, overview_of

KEY = f"{EVE} team:vision"
SECOND = timedelta(seconds=1)  # after which a finding is drawn
BEFORE = "W&B showed {} there already before the end: somebody had changed it by hand."


@pytest.fixture
def rig(sqlite_rig: Rig) -> Rig:
    """What is told does not depend on the database."""
    return sqlite_rig


def given(rig: Rig, role: Role = MEMBER, hours: int = 8) -> str:
    """Eve has it, and our own write is some time ago: her grant."""
    id = rig.submit(role=role, duration=Span(hours * 3600)).id
    rig.run()  # Ada has her card
    rig.approve(id)
    rig.run()
    rig.clock.advance(SETTLING)
    return id


def by_hand(rig: Rig, role: Role | None) -> None:
    """Somebody sets it in W&B, and it is found."""
    rig.directory.put(EVE, VISION, role)
    compared(rig)


def compared(rig: Rig) -> None:
    """W&B is compared, and everything that follows is done."""
    reconcile.reconcile(rig.deps, dry_run=False)
    rig.rosters.read()
    rig.run()
    rig.wait(SECOND)


def decide(rig: Rig, word: Callable[..., Standing]) -> None:
    """Olga presses a button of the newest finding."""
    entry = [one for one in rig.audit(KEY) if one.event == "DriftFound"][-1]
    word(rig.deps, drift.token(entry.id, entry.subject, str(entry.detail["found"])), by=OLGA)
    rig.run()
    rig.wait(SECOND)


def shown(rig: Rig, id: str) -> Instead | None:
    """What the requester's message shows in place of what was given; the lists say the same."""
    told = rig.notifier.notice(id).instead
    assert overview_of(rig.deps, EVE).instead.get(id) == told
    with rig.work.look() as work:
        everything = everywhere_instead(work, work.watched.grants(), now=rig.clock())
    assert everything.get(id) == told
    return told


def told(rig: Rig, id: str) -> list[str]:
    """The notes of the end that requester and approver see."""
    seen = [rig.notifier.notice(id, to).grant for to in ("requester", f"approver:{ADA}")]
    return [one.note for one in seen if one is not None]


# ── while it is live ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hand", [None, VIEWER, ADMIN])
def test_the_requesters_message_says_what_somebody_set_and_that_the_admins_are_asked(
    rig: Rig, hand: Role | None
) -> None:
    id = given(rig)
    posted = len(rig.notifier.posted)
    assert shown(rig, id) is None

    by_hand(rig, hand)

    assert shown(rig, id) == Instead(hand, Word.ASKED)
    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert len(rig.notifier.posted) == posted + 1  # the alert to Olga
    assert rig.notifier.alerts() == [("DriftFound", f"approver:{OLGA}")]


@pytest.mark.parametrize(
    ("hand", "after"),
    [
        (VIEWER, Instead(VIEWER, Word.LEFT)),
        (ADMIN, None),  # what was given is there, and more
    ],
)
def test_what_is_adopted_is_said_in_the_same_message(
    rig: Rig, hand: Role, after: Instead | None
) -> None:
    id = given(rig)
    by_hand(rig, hand)
    posted = len(rig.notifier.posted)

    decide(rig, findings.adopt)

    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert shown(rig, id) == after
    assert len(rig.notifier.posted) == posted


@pytest.mark.parametrize("hand", [None, VIEWER, ADMIN])
def test_what_is_put_back_is_active_again_in_the_same_message(rig: Rig, hand: Role | None) -> None:
    id = given(rig)
    by_hand(rig, hand)
    posted = len(rig.notifier.posted)

    decide(rig, findings.put_back)

    assert rig.held() == MEMBER
    assert shown(rig, id) is None
    assert len(rig.notifier.posted) == posted


def test_what_is_right_again_is_active_again_in_the_same_message(rig: Rig) -> None:
    id = given(rig)
    by_hand(rig, None)
    rig.clock.advance(LAG)

    by_hand(rig, MEMBER)

    assert rig.events(KEY)[-1] == "DriftGone"
    assert shown(rig, id) is None


def test_what_is_to_be_put_back_and_cannot_be_yet_is_said_until_it_is(rig: Rig) -> None:
    id = given(rig)
    by_hand(rig, None)
    rig.directory.fail_next(DirectoryUnavailable("503"), on="read")

    decide(rig, findings.put_back)
    assert shown(rig, id) == Instead(None, Word.PUT_BACK)

    rig.wait(HOUR)
    assert rig.held() == MEMBER
    assert shown(rig, id) is None


def test_where_w_and_b_allows_no_putting_back_it_is_said_until_it_does(rig: Rig) -> None:
    id = given(rig)
    by_hand(rig, ADMIN)
    for email in rig.rosters.current().admins(VISION) - {EVE}:
        rig.directory.put(email, VISION, None)
    rig.rosters.read()

    decide(rig, findings.put_back)
    assert rig.events(KEY)[-1] == "PutBackRefused"
    assert shown(rig, id) == Instead(ADMIN, Word.PUT_BACK)

    rig.directory.put(ADA, VISION, ADMIN)
    rig.rosters.read()
    rig.wait(HOUR)
    assert rig.held() == MEMBER
    assert shown(rig, id) is None


def test_of_two_grants_only_the_one_that_is_not_there_says_so(rig: Rig) -> None:
    lower = given(rig, MEMBER)
    higher = given(rig, ADMIN)

    by_hand(rig, MEMBER)

    assert shown(rig, lower) is None
    assert shown(rig, higher) == Instead(MEMBER, Word.ASKED)


def test_what_a_later_approval_went_over_does_not_say_active(rig: Rig) -> None:
    first = given(rig, ADMIN)
    by_hand(rig, None)

    second = rig.approved(role=MEMBER)
    rig.run()

    assert rig.held() == MEMBER
    assert shown(rig, first) == Instead(MEMBER, Word.LEFT)
    assert shown(rig, second) is None


def test_an_earlier_grant_is_active_again_where_a_later_one_gives_as_much(rig: Rig) -> None:
    first = given(rig, MEMBER)
    by_hand(rig, None)

    rig.approved(role=ADMIN)
    rig.run()

    assert rig.held() == ADMIN
    assert shown(rig, first) is None


def test_a_finding_draws_no_message_of_what_is_over(rig: Rig) -> None:
    id = given(rig)
    rig.give_back(id)
    rig.run()
    rig.drain()
    other = given(rig, ADMIN)
    before = rig.notifier.find(id, "requester")
    assert before is not None
    redrawn = before.redrawn

    by_hand(rig, None)

    assert shown(rig, other) == Instead(None, Word.ASKED)
    assert before.redrawn == redrawn


# ── when it ends ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("prior", [None, VIEWER])
def test_what_a_hand_had_set_back_before_the_end_is_said_with_the_end(
    rig: Rig, prior: Role | None
) -> None:
    rig.directory.put(EVE, VISION, prior)
    id = given(rig)
    rig.directory.put(EVE, VISION, prior)

    rig.wait(8 * HOUR)

    note = BEFORE.format(prior.name if prior else "no role")
    assert rig.grant(id).status is GrantStatus.ENDED
    assert told(rig, id) == [note, note]
    assert rig.notifier.alerts() == []
    (ended,) = [one for one in rig.audit(id) if one.event == "GrantEnded"]
    assert ended.detail["note"] == note


def test_an_end_that_took_it_back_says_nothing_of_a_hand(rig: Rig) -> None:
    id = given(rig)
    rig.wait(8 * HOUR)

    assert told(rig, id) == ["", ""]


def test_a_taking_back_whose_answer_was_lost_is_nobodys_hand(rig: Rig) -> None:
    id = given(rig)
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role", after=True)
    rig.wait(8 * HOUR)
    assert rig.held() is None

    rig.clock.advance(SETTLING)  # what is read from here on is new
    rig.drain()

    assert rig.grant(id).status is GrantStatus.ENDED
    assert told(rig, id) == ["", ""]


def test_a_giving_whose_answer_was_lost_is_nobodys_hand(rig: Rig) -> None:
    rig.directory.put(EVE, VISION, VIEWER)
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role", after=True)
    id = given(rig)
    rig.wait(HOUR)
    assert rig.grant(id).status is GrantStatus.ACTIVE

    rig.wait(8 * HOUR)

    assert told(rig, id) == ["", ""]


def test_a_lower_role_that_another_grant_still_gives_is_told_as_well(rig: Rig) -> None:
    higher = given(rig, ADMIN, hours=4)
    given(rig, MEMBER)
    rig.directory.put(EVE, VISION, MEMBER)

    rig.wait(4 * HOUR)

    assert told(rig, higher)[0] == BEFORE.format("member")


@pytest.mark.parametrize("made_anew", [False, True])
@pytest.mark.parametrize("prior", [None, VIEWER])
def test_where_the_account_is_gone_the_end_says_that(
    rig: Rig, made_anew: bool, prior: Role | None
) -> None:
    rig.directory.put(EVE, VISION, prior)
    id = given(rig)
    rig.directory.delete_person(EVE)
    if made_anew:
        rig.directory.add_person(EVE)
        rig.directory.put(EVE, VISION, ADMIN)

    rig.wait(8 * HOUR)

    assert told(rig, id) == [ACCOUNT_GONE, ACCOUNT_GONE]
    if made_anew:
        assert rig.held() == ADMIN  # nobody's to take back


def test_where_a_new_account_is_given_something_the_end_for_the_old_one_says_so(rig: Rig) -> None:
    first = given(rig, MEMBER, hours=1)
    rig.directory.delete_person(EVE)
    rig.directory.add_person(EVE)
    rig.rosters.read()
    second = rig.approved(role=ADMIN)
    rig.clock.advance(HOUR)
    rig.tick()
    rig.run()

    assert rig.grant(first).note == ACCOUNT_GONE
    assert rig.grant(second) == replace(rig.grant(second), status=GrantStatus.ACTIVE, note="")
    assert rig.held() == ADMIN
