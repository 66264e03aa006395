"""Asking: what is refused and why, and that one submission is one request."""

from datetime import timedelta

import pytest

from tests.builders import (
    ADA,
    ADMIN,
    EVE,
    MEMBER,
    ORGANIZATION,
    STEWARD,
    VIEWER,
    VISION,
    terms,
)
from tests.services.rig import Rig
from workflows.domain.durations import Permanent, Span, Until
from workflows.domain.entitlements import EmailAddress, Team
from workflows.domain.policy import NamedPerson, Policy, Rule
from workflows.domain.requests import RequestStatus
from workflows.errors import DirectoryUnavailable, PolicyRefused

NEW = EmailAddress("new@corp.example")


def refusal(rig: Rig, **ask: object) -> dict[str, str]:
    """The complaints about this ask."""
    with pytest.raises(PolicyRefused) as caught:
        rig.submit(**ask)  # type: ignore[arg-type]  # a table of cases
    return caught.value.complaints


def test_a_request_is_stored_with_its_fact_and_its_messages_owed(rig: Rig) -> None:
    request = rig.submit()

    assert rig.request(request.id) == request
    assert request.status is RequestStatus.PENDING
    assert not request.invites
    assert request.lapses_at == rig.clock.now + timedelta(days=3)
    assert rig.events() == ["RequestSubmitted"]
    assert [job["key"] for job in rig.jobs()] == [f"notify:{request.id}"]


@pytest.mark.parametrize(
    ("ask", "field", "words"),
    [
        ({"place": Team("nowhere")}, "team", "no team “nowhere”"),
        ({"place": ORGANIZATION, "role": VIEWER}, "role", "admin and member"),
        ({"place": ORGANIZATION, "role": STEWARD}, "role", "admin and member"),
        ({"place": ORGANIZATION, "role": MEMBER}, "role", "already have member"),
        ({"requester": ADA, "role": ADMIN}, "role", "already have admin"),
        ({"duration": Span(60)}, "duration", "too short"),
        ({"duration": Span(31 * 86_400)}, "duration", "too long"),
        ({"duration": Permanent()}, "duration", "without an end"),
        ({"reason": "  "}, "reason", "Say why"),
        ({"reason": "x" * 1001}, "reason", "1,001 characters"),
        ({"place": Team("lonely")}, "team", "decide on this"),
        ({"role": VIEWER}, "role", "not by chat"),
    ],
)
def test_what_cannot_be_had_is_refused_field_by_field(
    sqlite_rig: Rig, ask: dict[str, object], field: str, words: str
) -> None:
    rig = sqlite_rig
    rig.directory.add_team("lonely", {EVE: VIEWER})
    rig.rosters.read()
    denied = Rule(roles=("viewer",), terms=terms(rule="not by chat", allowed=False))
    rig.rewire(policy=Policy(rules=(denied,)))

    complaints = refusal(rig, **ask)

    assert words in complaints[field]
    assert rig.events() == []
    assert rig.jobs() == []


def test_every_mistake_is_named_at_once(sqlite_rig: Rig) -> None:
    complaints = refusal(sqlite_rig, place=Team("nowhere"), duration=Span(1), reason="")

    assert set(complaints) == {"team", "duration", "reason"}


def test_two_approvals_need_two_people_besides_the_requester(sqlite_rig: Rig) -> None:
    sqlite_rig.rewire(policy=Policy(defaults=terms(approvals=3)))

    assert "needs 3 approvals" in refusal(sqlite_rig)["team"]


def test_whoever_is_deactivated_or_not_certain_cannot_ask(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.set_active(EVE, False)
    twin = EmailAddress("twin@corp.example")
    rig.directory.add_person(twin)
    rig.directory.add_person(twin)
    rig.rosters.read()

    assert "deactivated" in refusal(rig)["team"]
    assert "Several W&B accounts" in refusal(rig, requester=twin)["team"]


def test_a_person_without_an_account_may_ask_where_the_policy_invites(rig: Rig) -> None:
    request = rig.submit(requester=NEW)

    assert request.invites
    assert request.held is None


def test_a_person_without_an_account_is_refused_where_the_policy_does_not_invite(
    sqlite_rig: Rig,
) -> None:
    sqlite_rig.rewire(policy=Policy(defaults=terms(invite_new_people=False)))

    assert "no W&B account" in refusal(sqlite_rig, requester=NEW)["team"]


def test_the_same_submission_said_twice_is_one_request(rig: Rig) -> None:
    first = rig.submit(origin="form-x")
    again = rig.submit(origin="form-x")

    assert again == first
    assert rig.events() == ["RequestSubmitted"]


def test_what_still_waits_cannot_be_asked_for_again(rig: Rig) -> None:
    rig.submit()

    assert "already asked for member in vision" in refusal(rig)["role"]


def test_what_is_granted_for_at_least_that_long_cannot_be_asked_for_again(rig: Rig) -> None:
    rig.approved(duration=Span(8 * 3600))
    rig.run()

    assert "for at least that long" in refusal(rig, duration=Span(3600))["role"]
    assert rig.submit(duration=Span(2 * 86_400)).status is RequestStatus.PENDING


def test_our_own_grant_is_not_taken_for_what_the_person_holds_anyway(rig: Rig) -> None:
    rig.approved(role=ADMIN, duration=Span(3600))
    rig.run()
    rig.rosters.read()

    later = rig.submit(role=ADMIN, duration=Until(rig.clock.now + timedelta(days=2)))

    assert later.held == ADMIN  # what an approver is shown: what W&B shows


def test_a_newer_reading_is_waited_for_before_a_refusal_that_it_could_change(rig: Rig) -> None:
    rig.directory.add_team("fresh", {ADA: ADMIN})

    request = rig.submit(place=Team("fresh"))

    assert request.place == Team("fresh")
    assert rig.rosters.newer_asked == 1


def test_no_newer_reading_is_waited_for_where_it_could_change_nothing(sqlite_rig: Rig) -> None:
    refusal(sqlite_rig, duration=Span(1))

    assert sqlite_rig.rosters.newer_asked == 0


def test_without_any_reading_of_the_directory_nothing_is_accepted(sqlite_rig: Rig) -> None:
    with sqlite_rig.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM roster")

    with pytest.raises(DirectoryUnavailable):
        sqlite_rig.submit()


def test_a_rule_that_names_a_person_decides_who_is_asked(sqlite_rig: Rig) -> None:
    named = terms(rule="the boss", approvers=(NamedPerson(EVE),))
    sqlite_rig.rewire(policy=Policy(defaults=named))

    assert "decide on this" in refusal(sqlite_rig)["team"]
    assert sqlite_rig.submit(requester=NEW).rule == "the boss"


def test_whoever_stopped_being_held_by_a_grant_may_ask_again(rig: Rig) -> None:
    rig.approved(duration=Span(900))
    rig.run()
    rig.wait(timedelta(minutes=16))

    assert rig.submit(place=VISION).held is None
