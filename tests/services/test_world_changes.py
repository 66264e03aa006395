"""The world moves on while a grant lives: accounts, teams, roles and addresses change."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import ADMIN, EVE, HOUR, MEMBER, OLGA, ORGANIZATION, STEWARD, VIEWER, VISION
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress, Role, Team
from workflows.domain.grants import GrantStatus
from workflows.domain.policy import Policy
from workflows.domain.standings import LAG
from workflows.errors import DirectoryUnavailable, Refused
from workflows.services import reconcile
from workflows.services.overview import overview_of

KEY = f"{EVE} team:vision"
DRIFT = ("DriftFound", f"approver:{OLGA}")
NEW_ADDRESS = EmailAddress("eve.lake@corp.example")


def given(rig: Rig, role: Role = MEMBER, *, hours: int = 8) -> str:
    """Eve has it, and some time has passed since."""
    id = rig.approved(role=role, duration=Span(hours * 3600))
    rig.run()
    rig.clock.advance(LAG)
    return id


def look(rig: Rig) -> None:
    """Compare, and do what follows from it."""
    reconcile.reconcile(rig.deps, dry_run=False)
    rig.rosters.read()
    rig.run()


# ── access taken by hand ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("looked", [True, False], ids=["found before", "found by the later grant"])
@pytest.mark.parametrize("hand", [None, VIEWER])
def test_what_a_hand_took_does_not_come_back_with_a_later_lower_grant(
    rig: Rig, hand: Role | None, looked: bool
) -> None:
    first = given(rig, ADMIN, hours=8)
    rig.directory.put(EVE, VISION, hand)
    if looked:
        look(rig)

    later = rig.approved(role=MEMBER, duration=Span(3600))
    rig.run()

    assert rig.held() == MEMBER
    assert rig.grant(later).status is GrantStatus.ACTIVE
    assert rig.notifier.alerts() == [DRIFT]
    rig.wait(HOUR)
    assert rig.held() == hand
    assert rig.grant(first).status is GrantStatus.ACTIVE
    rig.drain()
    assert rig.held() == hand
    assert rig.notifier.alerts() == [DRIFT]


def test_a_crash_between_finding_a_hand_and_giving_brings_nothing_back(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    given(rig, ADMIN)
    rig.directory.put(EVE, VISION, None)
    rig.approved(role=MEMBER)

    class Crash(BaseException):
        """The process ends."""

    def crash(method: str) -> None:
        rig.directory.before = lambda method: None
        raise Crash

    rig.directory.before = crash
    with pytest.raises(Crash):
        rig.run()
    after = Rig(rig.database, on=rig)
    after.clock.advance(HOUR)
    after.rosters.read()
    after.run()

    assert after.held() == MEMBER
    after.drain()
    assert after.held() is None


def test_a_hand_that_took_what_was_there_before_is_right_about_that_too(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.put(EVE, VISION, VIEWER)
    given(rig, ADMIN)
    rig.directory.put(EVE, VISION, None)
    rig.approved(role=MEMBER, duration=Span(3600))
    rig.run()

    rig.drain()

    assert rig.held() is None


def test_a_second_removal_is_news_after_a_later_approval(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    given(rig, ADMIN)
    rig.directory.put(EVE, VISION, None)
    rig.approved(role=MEMBER)
    rig.run()
    rig.clock.advance(LAG)
    rig.directory.put(EVE, VISION, None)

    look(rig)

    assert rig.notifier.alerts() == [DRIFT, DRIFT]
    assert rig.held() is None


def test_an_old_reading_at_the_end_of_a_short_grant_is_found_out_by_the_next_look(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    rig.directory.put(EVE, VISION, VIEWER)
    rig.approved(role=MEMBER, duration=Span(8 * 3600))
    rig.run()
    rig.clock.advance(HOUR)
    id = rig.approved(role=ADMIN, duration=Span(900))
    rig.run()
    rig.directory.put(EVE, VISION, VIEWER)  # as W&B still shows it
    rig.give_back(id)
    rig.wait(LAG)
    assert "set by hand" in rig.grant(id).note

    rig.directory.put(EVE, VISION, ADMIN)  # and as it was all the time
    rig.drain()

    assert rig.held() == VIEWER


def test_an_end_right_after_the_giving_waits_for_what_w_and_b_may_not_show_yet(rig: Rig) -> None:
    """Else it is said that the access is gone, and W&B has it for a minute more."""
    rig.directory.put(EVE, VISION, VIEWER)
    id = rig.approved(role=ADMIN)
    rig.directory.fail_next(DirectoryUnavailable("not shown"), on="set_role", after=True)
    rig.run()
    rig.directory.put(EVE, VISION, VIEWER)  # as W&B still shows it
    rig.clock.advance(timedelta(seconds=2))
    rig.give_back(id)
    rig.run()
    assert rig.grant(id).status is GrantStatus.ENDING

    rig.directory.put(EVE, VISION, ADMIN)  # as it was all the time
    rig.wait(LAG)

    assert rig.grant(id).status is GrantStatus.ENDED
    assert rig.held() == VIEWER


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────


def test_who_was_deleted_and_comes_back_has_only_what_is_approved_then(rig: Rig) -> None:
    first = given(rig, ADMIN)
    rig.directory.delete_person(EVE)
    look(rig)
    assert rig.notifier.alerts() == [DRIFT]
    rig.directory.add_person(EVE)
    look(rig)
    assert rig.held() is None

    later = rig.approved(role=MEMBER, duration=Span(3600))
    rig.run()

    assert rig.held() == MEMBER
    assert rig.standing().account == rig.directory.account_of(EVE)
    rig.drain()
    assert rig.held() is None
    assert rig.grant(first).status is rig.grant(later).status is GrantStatus.ENDED


def test_who_was_deleted_and_comes_back_keeps_what_the_new_account_was_given(
    sqlite_rig: Rig,
) -> None:
    rig = sqlite_rig
    given(rig)
    rig.directory.delete_person(EVE)
    rig.directory.add_person(EVE)
    rig.directory.put(EVE, VISION, ADMIN)

    rig.drain()

    assert rig.held() == ADMIN


def test_a_deactivated_account_is_not_fought_over(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(enforces=True))
    given(rig)
    rig.directory.set_active(EVE, False)
    rig.directory.put(EVE, VISION, None)

    look(rig)

    assert len(rig.writes()) == 1
    assert rig.notifier.alerts() == [DRIFT]


def rename(rig: Rig) -> None:
    """W&B gives Eve's account another address."""
    account = rig.directory.account_of(EVE)
    known = rig.directory.accounts[account]
    rig.directory.accounts[account] = replace(
        known, email=NEW_ADDRESS, emails=frozenset({NEW_ADDRESS})
    )
    rig.rosters.read()


def test_access_ends_at_the_account_whatever_its_address_is_by_then(rig: Rig) -> None:
    given(rig)
    rename(rig)
    look(rig)

    rig.drain()

    assert rig.held(NEW_ADDRESS) is None
    assert rig.notifier.alerts() == []


def test_access_is_seen_and_given_back_under_the_new_address(rig: Rig) -> None:
    id = given(rig)
    rename(rig)

    assert [one.id for one in overview_of(rig.deps, NEW_ADDRESS).grants] == [id]
    rig.give_back(id, by=NEW_ADDRESS)
    rig.run()

    assert rig.held(NEW_ADDRESS) is None
    assert rig.grant(id).ended_by == NEW_ADDRESS


def test_who_has_the_old_address_now_may_give_it_back_and_nobody_else(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = given(rig)
    rename(rig)

    with pytest.raises(Refused, match="Only the person"):
        rig.give_back(id, by=OLGA)
    with pytest.raises(Refused, match="Only the person"):
        rig.give_back(id, by=EmailAddress("nobody@corp.example"))


def test_what_was_never_touched_is_nobody_elses_to_give_back(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = rig.approved()

    with pytest.raises(Refused, match="Only the person"):
        rig.give_back(id, by=OLGA)


# ── teams and roles ──────────────────────────────────────────────────────────────────────────────


def test_a_team_that_was_made_anew_has_only_what_is_approved_then(rig: Rig) -> None:
    first = given(rig, ADMIN)
    del rig.directory.teams["vision"]
    look(rig)
    rig.directory.add_team("vision", {"ada@corp.example": ADMIN})
    look(rig)
    assert rig.held() is None
    assert rig.notifier.alerts() == [DRIFT]

    rig.approved(role=MEMBER, duration=Span(3600))
    rig.run()
    assert rig.held() == MEMBER
    rig.drain()

    assert rig.held() is None
    assert rig.grant(first).status is GrantStatus.ENDED


def test_a_custom_role_that_is_made_anew_is_given_again_and_ends(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    id = given(rig, STEWARD)
    rig.directory.custom_roles.clear()
    rig.directory.put(EVE, VISION, MEMBER)  # what W&B itself does then
    look(rig)
    assert rig.notifier.alerts() == []

    rig.directory.custom_roles[STEWARD.name] = STEWARD
    look(rig)
    assert rig.held() == STEWARD
    rig.drain()

    assert rig.held() is None
    assert rig.grant(id).status is GrantStatus.ENDED


@pytest.mark.parametrize("enforces", [False, True])
def test_whose_organization_role_was_lowered_is_told_of_for_each_team(
    sqlite_rig: Rig, enforces: bool
) -> None:
    rig = sqlite_rig
    rig.rewire(policy=Policy(enforces=enforces))
    rig.directory.add_team("nlp", {"ada@corp.example": ADMIN})
    rig.rosters.read()
    teams = (VISION, Team("nlp"))
    for team in teams:
        rig.approved(place=team)
    rig.run()
    rig.clock.advance(LAG)
    for team in teams:  # W&B lowers them with the organization's role
        rig.directory.put(EVE, team, VIEWER)

    look(rig)

    assert rig.notifier.alerts() == [DRIFT, DRIFT]
    held = MEMBER if enforces else VIEWER
    assert [rig.held(EVE, team) for team in teams] == [held, held]
    rig.drain()
    assert [rig.held(EVE, team) for team in teams] == [None if enforces else VIEWER] * 2


def test_an_organization_role_that_was_lowered_by_hand_is_left(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved(place=ORGANIZATION, role=ADMIN, by=OLGA)
    rig.run()
    rig.clock.advance(LAG)
    rig.directory.put(EVE, ORGANIZATION, VIEWER)

    look(rig)
    rig.drain()

    assert rig.held(EVE, ORGANIZATION) == VIEWER
    assert rig.notifier.alerts() == [DRIFT]
