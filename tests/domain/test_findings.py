"""What a finding is stored as, and what is said of it where access is live."""

from datetime import datetime

import pytest

from tests.builders import ADMIN, HOUR, MEMBER, NOW, STEWARD, VIEWER, a_grant, a_standing
from workflows.domain import drift
from workflows.domain.drift import Finding, FindingState, Instead, Word
from workflows.domain.entitlements import Role
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.standings import Standing, is_overruled


def active(role: Role = MEMBER, *, at: datetime = NOW) -> Grant:
    return a_grant(role=role, status=GrantStatus.ACTIVE, activated_at=at)


def a_shown(held: Role | None, *, drift: str = "", overruled: bool = False) -> Standing:
    """One grant's standing: what was last seen there, and what was found."""
    overruled_at = NOW + HOUR if overruled else None
    return a_standing(noted=True, last_seen=held, drift=drift, overruled_at=overruled_at)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", Finding()),
        ("viewer", Finding(FindingState.WAITS, "viewer")),
        ("nothing", Finding(FindingState.WAITS, "nothing")),
        (
            "member:refused by none",  # a custom role's own name
            Finding(FindingState.WAITS, "member:refused by none"),
        ),
        ("fighting nothing", Finding(FindingState.FIGHTING, "nothing")),
        (
            "refused member:Release Steward",
            Finding(FindingState.REFUSED, "member:Release Steward"),
        ),
        ("leftover", Finding(FindingState.LEFTOVER)),
        ("resolved", Finding(FindingState.RESOLVED)),
    ],
)
def test_a_finding_is_read_as_it_is_stored(text: str, finding: Finding) -> None:
    assert drift.finding_of(a_standing(drift=text)) == finding
    assert finding.text == text
    assert drift.with_finding(a_standing(), finding.state, finding.found).drift == text


def test_every_state_can_be_stored_and_read() -> None:
    has_role = (FindingState.WAITS, FindingState.FIGHTING, FindingState.REFUSED)
    for state in FindingState:
        finding = Finding(state, "admin" if state in has_role else "")
        assert drift.finding_of(a_standing(drift=finding.text)) == finding


@pytest.mark.parametrize(
    ("standing", "grant", "expected"),
    [
        (a_shown(MEMBER), active(), None),
        (a_shown(ADMIN), active(), None),  # a second grant gave more
        (a_shown(MEMBER, drift="viewer"), active(), Instead(VIEWER, Word.ASKED)),
        (a_shown(MEMBER, drift="nothing"), active(), Instead(None, Word.ASKED)),
        (a_shown(MEMBER, drift="admin"), active(), Instead(ADMIN, Word.ASKED)),
        (a_shown(ADMIN, drift="member"), active(), None),  # it is the other's that was taken
        (a_shown(MEMBER, drift="refused viewer"), active(), Instead(VIEWER, Word.PUT_BACK)),
        (a_shown(VIEWER), active(), Instead(VIEWER, Word.PUT_BACK)),
        (a_shown(None), active(), Instead(None, Word.PUT_BACK)),
        (a_shown(VIEWER, overruled=True), active(), Instead(VIEWER, Word.LEFT)),
        (a_shown(None, overruled=True), active(), Instead(None, Word.LEFT)),
        (a_shown(ADMIN, overruled=True), active(), None),  # adopted, and more
        (a_shown(MEMBER), active(STEWARD), None),  # the custom role was deleted in W&B
        (a_shown(MEMBER, drift="fighting viewer"), active(), None),  # put back by now
        (a_shown(None), a_grant(), None),
        (a_shown(None, drift="viewer"), a_grant(status=GrantStatus.ENDING), None),
    ],
)
def test_what_is_shown_in_place_of_what_is_live(
    standing: Standing, grant: Grant, expected: Instead | None
) -> None:
    assert drift.instead_of(standing, grant) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("fighting viewer", Instead(VIEWER, Word.PUT_BACK)),
        ("fighting member", None),  # it is the other's that was taken
        ("viewer", Instead(VIEWER, Word.ASKED)),
        ("refused viewer", Instead(VIEWER, Word.PUT_BACK)),
        ("", None),
    ],
)
def test_while_nothing_can_be_done_there_what_policy_puts_back_is_not_there(
    found: str, expected: Instead | None
) -> None:
    standing = a_shown(MEMBER, drift=found)

    assert drift.instead_of(standing, active(), failing=True) == expected


def test_what_was_given_after_a_persons_word_counts() -> None:
    standing = a_shown(None, overruled=True)

    assert is_overruled(standing, active())
    assert not is_overruled(standing, active(at=NOW + HOUR))
    assert not is_overruled(standing, a_grant())
    assert not is_overruled(a_shown(None), active())
