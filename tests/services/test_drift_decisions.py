"""What the organization's admins decide about what somebody else changed."""

from collections.abc import Callable
from functools import partial

import pytest

from tests.builders import ADA, ADMIN, EVE, HOUR, MEMBER, OLGA, ORGANIZATION, VIEWER, VISION
from tests.services.rig import Rig
from workflows.domain import drift
from workflows.domain.entitlements import EmailAddress, Role
from workflows.domain.grants import GrantStatus
from workflows.domain.standings import LAG, Standing
from workflows.errors import AlreadySettled, DirectoryUnavailable, NotAnApprover, NotFound, Refused
from workflows.ports import Alert
from workflows.services import findings, reconcile
from workflows.services.deps import Deps

KEY = f"{EVE} team:vision"
OTTO = EmailAddress("otto@corp.example")
DECISIONS = [findings.adopt, findings.put_back, findings.ask_person]
Decide = Callable[..., Standing]


@pytest.fixture
def rig(sqlite_rig: Rig) -> Rig:
    """A second admin of the organization: one decision has several who can make it."""
    sqlite_rig.directory.add_person(OTTO, organization_role=ADMIN)
    sqlite_rig.rosters.read()
    return sqlite_rig


def changed(rig: Rig, hand: Role | None, *, role: Role = MEMBER) -> str:
    """Eve was given a role, and somebody else changed it: her grant."""
    id = rig.approved(role=role)
    rig.run()
    rig.clock.advance(LAG)
    change(rig, hand)
    return id


def change(rig: Rig, hand: Role | None) -> None:
    """By hand, and found."""
    rig.directory.put(EVE, VISION, hand)
    reconcile.reconcile(rig.deps, dry_run=False)
    rig.rosters.read()
    rig.run()


def finding(rig: Rig, number: int = -1) -> str:
    """What the buttons of the newest finding carry."""
    entry = [one for one in rig.audit(KEY) if one.event == "DriftFound"][number]
    return drift.token(entry.id, entry.subject, str(entry.detail["found"]))


def shown(rig: Rig, to: EmailAddress = OLGA, number: int = -1) -> Alert:
    """What the newest message about a finding shows this admin now."""
    alerts = [
        one.shows
        for one in rig.notifier.posted
        if isinstance(one.shows, Alert)
        and (one.shows.event, one.audience) == ("DriftFound", f"approver:{to}")
    ]
    return alerts[number]


def test_what_is_adopted_stays_whatever_ends(rig: Rig) -> None:
    id = changed(rig, ADMIN)

    findings.adopt(rig.deps, finding(rig), by=OLGA)
    rig.drain()

    assert rig.held() == ADMIN
    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.grant(id).note == ""
    assert len(rig.writes()) == 1
    assert [(one.event, one.actor) for one in rig.audit(KEY)][-1] == ("DriftAdopted", OLGA)


def test_a_lower_role_that_is_adopted_is_neither_raised_again_nor_removed(rig: Rig) -> None:
    id = changed(rig, VIEWER, role=ADMIN)

    findings.adopt(rig.deps, finding(rig), by=OLGA)

    assert reconcile.reconcile(rig.deps, dry_run=False).differences == ()
    assert rig.grant(id).status is GrantStatus.ACTIVE
    rig.drain()
    assert rig.held() == VIEWER
    assert len(rig.writes()) == 1


def test_a_removal_that_is_adopted_ends_what_was_given_there(rig: Rig) -> None:
    rig.directory.put(EVE, VISION, VIEWER)
    id = changed(rig, None, role=ADMIN)

    findings.adopt(rig.deps, finding(rig), by=OLGA)
    rig.run()

    grant = rig.grant(id)
    assert (grant.status, grant.ended_by) == (GrantStatus.ENDED, OLGA)
    assert grant.note == "adopted: removed by hand"
    rig.drain()
    assert rig.held() is None
    assert len(rig.writes()) == 1
    assert rig.notifier.notice(id).grant == rig.grant(id)


def test_what_is_over_already_is_not_ended_once_more(rig: Rig) -> None:
    id = changed(rig, None)
    rig.give_back(id)

    findings.adopt(rig.deps, finding(rig), by=OLGA)
    rig.run()

    assert rig.grant(id).ended_by == EVE


@pytest.mark.parametrize("hand", [None, VIEWER, ADMIN])
def test_what_is_put_back_is_what_was_approved(rig: Rig, hand: Role | None) -> None:
    id = changed(rig, hand)

    findings.put_back(rig.deps, finding(rig), by=OLGA)
    rig.run()

    assert rig.held() == MEMBER
    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert reconcile.reconcile(rig.deps, dry_run=False).differences == ()
    rig.drain()
    assert rig.held() is None


def test_what_was_left_at_the_end_can_still_be_put_back(rig: Rig) -> None:
    changed(rig, ADMIN)
    rig.drain()
    assert rig.held() == ADMIN

    findings.put_back(rig.deps, finding(rig), by=OLGA)
    rig.run()

    assert rig.held() is None


def test_the_last_admin_is_not_lowered_by_putting_back_either(rig: Rig) -> None:
    changed(rig, ADMIN)
    for email in rig.rosters.current().admins(VISION) - {EVE}:
        rig.directory.put(email, VISION, None)
    rig.rosters.read()

    findings.put_back(rig.deps, finding(rig), by=OLGA)
    rig.run()
    rig.wait(HOUR)

    assert rig.held() == ADMIN
    refused = [one for one in rig.notifier.alerts() if one[0] == "PutBackRefused"]
    assert refused == [("PutBackRefused", f"approver:{who}") for who in (OLGA, OTTO)]
    rig.directory.put(ADA, VISION, ADMIN)
    rig.rosters.read()
    rig.wait(HOUR)
    assert rig.held() == MEMBER


def test_the_person_is_asked_once_and_it_can_still_be_decided(rig: Rig) -> None:
    changed(rig, ADMIN)
    token = finding(rig)

    findings.ask_person(rig.deps, token, by=OLGA)
    rig.run()
    with pytest.raises(AlreadySettled, match=f"Already handled by {OLGA}, who asked"):
        findings.ask_person(rig.deps, token, by=OTTO)

    (asked,) = [one for one in rig.notifier.posted if one.audience == f"approver:{EVE}"]
    assert isinstance(asked.shows, Alert)
    assert (asked.shows.event, asked.shows.by) == ("DriftAsked", OLGA)
    assert asked.shows.detail["found"] == "admin"
    assert asked.shows.detail["wanted"] == "member"
    assert rig.held() == ADMIN
    findings.put_back(rig.deps, token, by=OTTO)
    rig.run()
    assert rig.held() == MEMBER
    assert [one.event for one in shown(rig).since] == ["DriftAsked", "DriftPutBack"]


def test_every_admins_message_shows_what_was_decided_and_by_whom(rig: Rig) -> None:
    changed(rig, ADMIN)
    posted = len(rig.notifier.posted)
    assert shown(rig).since == shown(rig, OTTO).since == ()

    findings.adopt(rig.deps, finding(rig), by=OTTO)
    rig.run()

    for admin in (OLGA, OTTO):
        (since,) = shown(rig, admin).since
        assert (since.event, since.by) == ("DriftAdopted", OTTO)
    assert len(rig.notifier.posted) == posted


def test_who_is_no_admin_any_more_sees_what_was_decided_too(rig: Rig) -> None:
    changed(rig, ADMIN)
    rig.directory.put(OTTO, ORGANIZATION, MEMBER)
    rig.rosters.read()

    findings.adopt(rig.deps, finding(rig), by=OLGA)
    rig.run()

    assert [one.by for one in shown(rig, OTTO).since] == [OLGA]


@pytest.mark.parametrize("first", [findings.adopt, findings.put_back])
@pytest.mark.parametrize("second", DECISIONS)
def test_the_first_word_counts(rig: Rig, first: Decide, second: Decide) -> None:
    changed(rig, ADMIN)
    token = finding(rig)
    first(rig.deps, token, by=OLGA)
    rig.run()
    held = rig.held()

    with pytest.raises(AlreadySettled, match=f"Already handled by {OLGA}"):
        second(rig.deps, token, by=OTTO)

    rig.run()
    assert rig.held() == held


@pytest.mark.parametrize("decide", DECISIONS)
def test_where_it_changed_again_nothing_is_decided_by_an_old_message(
    rig: Rig, decide: Decide
) -> None:
    changed(rig, ADMIN)
    old = finding(rig)
    change(rig, VIEWER)

    with pytest.raises(AlreadySettled, match="it changed again since then"):
        decide(rig.deps, old, by=OLGA)

    assert rig.held() == VIEWER
    assert [one.event for one in shown(rig, number=0).since] == ["DriftFound"]
    decide(rig.deps, finding(rig), by=OLGA)


@pytest.mark.parametrize("decide", DECISIONS)
def test_only_an_admin_of_the_organization_decides(rig: Rig, decide: Decide) -> None:
    changed(rig, ADMIN)

    with pytest.raises(NotAnApprover, match="only an admin of the W&B organization"):
        decide(rig.deps, finding(rig), by=ADA)

    assert rig.events(KEY)[-1] == "DriftFound"


def test_nobody_decides_about_their_own_access(rig: Rig) -> None:
    rig.approved(requester=OTTO)
    rig.run()
    rig.clock.advance(LAG)
    rig.directory.put(OTTO, VISION, ADMIN)
    reconcile.reconcile(rig.deps, dry_run=False)
    rig.rosters.read()
    rig.run()
    (entry,) = [one for one in rig.audit() if one.event == "DriftFound"]
    token = drift.token(entry.id, entry.subject, "admin")

    with pytest.raises(NotAnApprover, match="your own access"):
        findings.adopt(rig.deps, token, by=OTTO)
    findings.adopt(rig.deps, token, by=OLGA)


def test_who_lost_the_right_a_moment_ago_does_not_decide(rig: Rig) -> None:
    changed(rig, ADMIN)
    rig.directory.put(OLGA, ORGANIZATION, MEMBER)
    rig.rosters.read()

    with pytest.raises(NotAnApprover):
        findings.adopt(rig.deps, finding(rig), by=OLGA)


def test_while_w_and_b_does_not_answer_nobody_decides(rig: Rig) -> None:
    changed(rig, ADMIN)
    rig.clock.advance(HOUR)
    rig.rosters.stuck = True

    with pytest.raises(Refused, match="W&B does not answer"):
        findings.adopt(rig.deps, finding(rig), by=OLGA)


@pytest.mark.parametrize(
    "kind", ["forged", "of nothing", "of another event", "of another database"]
)
def test_a_button_that_names_no_finding_does_nothing(rig: Rig, kind: str) -> None:
    changed(rig, ADMIN)
    (entry,) = [one for one in rig.audit(KEY) if one.event == "PriorNoted"]
    tokens = {
        "forged": "1 or 1=1",
        "of nothing": drift.token(10**6, KEY, "admin"),
        "of another event": drift.token(entry.id, KEY, ""),
        "of another database": finding(rig).partition("-")[0] + "-" + "0" * 32,
    }

    with pytest.raises(NotFound):
        findings.adopt(rig.deps, tokens[kind], by=OLGA)


def test_what_a_later_approval_went_over_is_nobodys_turn(rig: Rig) -> None:
    changed(rig, None, role=ADMIN)
    rig.approved(role=MEMBER)
    rig.run()

    with pytest.raises(AlreadySettled, match="nothing left to decide"):
        findings.put_back(rig.deps, finding(rig), by=OLGA)

    assert rig.held() == MEMBER


def test_what_was_given_back_by_hand_is_closed_and_the_next_removal_is_told_anew(rig: Rig) -> None:
    changed(rig, None)
    rig.clock.advance(LAG)
    rig.directory.put(EVE, VISION, MEMBER)
    result = reconcile.reconcile(rig.deps, dry_run=False)
    rig.run()

    assert [one.done for one in result.differences] == [reconcile.RIGHT_AGAIN]
    assert [one.event for one in shown(rig).since] == ["DriftGone"]
    assert reconcile.reconcile(rig.deps, dry_run=False).differences == ()

    told = len(rig.notifier.posted)
    rig.clock.advance(LAG)
    change(rig, None)
    assert rig.events(KEY).count("DriftFound") == 2
    assert len(rig.notifier.posted) == told + 2  # one to each admin
    assert shown(rig).since == ()


@pytest.mark.parametrize("decide", DECISIONS)
@pytest.mark.parametrize("compared", [True, False])
def test_a_click_on_what_is_right_again_decides_nothing(
    rig: Rig, decide: Decide, compared: bool
) -> None:
    id = changed(rig, None)
    rig.clock.advance(LAG)
    rig.directory.put(EVE, VISION, MEMBER)
    if compared:
        reconcile.reconcile(rig.deps, dry_run=False)
        rig.run()
    rig.rosters.read()

    with pytest.raises(AlreadySettled, match="W&B is right again; nothing to decide"):
        decide(rig.deps, finding(rig), by=OLGA)

    rig.run()
    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert rig.held() == MEMBER


def test_an_end_that_finds_it_as_it_was_before_closes_the_finding(rig: Rig) -> None:
    changed(rig, None)
    rig.drain()

    assert rig.held() is None
    assert rig.standing().drift == ""
    assert [one.event for one in shown(rig).since] == ["DriftGone"]


def test_where_w_and_b_does_not_say_the_role_no_finding_is_closed(rig: Rig) -> None:
    id = changed(rig, VIEWER)
    rig.directory.shows_roles = False
    with rig.work.begin() as work:
        work.ensure(rig.grant(id), at=rig.clock())
    rig.run()

    assert rig.standing().drift == "viewer"


def test_of_two_words_at_once_one_counts(rig: Rig) -> None:
    changed(rig, ADMIN)
    token = finding(rig)
    second: list[Callable[[], Standing]] = [
        partial(findings.put_back, rig.deps, token, by=OTTO),
    ]
    begin = rig.deps.begin

    def meddling() -> object:
        if second:  # between the first word's reading and its storing
            second.pop()()
        return begin()

    deps = Deps(**{**vars(rig.deps), "begin": meddling})
    with pytest.raises(AlreadySettled, match=f"Already handled by {OTTO}"):
        findings.adopt(deps, token, by=OLGA)


def test_a_finding_that_cannot_be_told_yet_does_not_hold_up_the_decision(rig: Rig) -> None:
    rig.notifier.down.add(f"approver:{OTTO}")
    changed(rig, ADMIN)

    findings.adopt(rig.deps, finding(rig), by=OLGA)
    rig.notifier.down.clear()
    rig.drain()

    assert [one.by for one in shown(rig, OTTO).since] == [OLGA]


def test_a_put_back_waits_for_w_and_b(rig: Rig) -> None:
    changed(rig, ADMIN)
    findings.put_back(rig.deps, finding(rig), by=OLGA)
    rig.directory.fail_next(DirectoryUnavailable("503"), on="read")

    rig.run()
    assert rig.held() == ADMIN
    rig.wait(HOUR)

    assert rig.held() == MEMBER
