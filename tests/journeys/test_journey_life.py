"""The main job, told from the outside: asked, approved, given, over, and what people read of it."""

from sandbox.slack_people import Person
from sandbox.slack_state import Message
from tests.journeys.conftest import Journeys
from tests.journeys.rig import SHORT, Journey


def soon(who: Person, contains: str) -> Message:
    return who.wait_for_message(contains)


def test_a_request_is_approved_given_and_ends_by_itself(
    database_url: str, journeys: Journeys
) -> None:
    journey = journeys(database=database_url).start()
    eve, ada = journey.eve, journey.ada
    journey.ask(eve)

    journey.approve(ada)
    active = eve.wait_for_message("*active*")
    held = journey.role("eve")
    ended = soon(eve, "*ended*")
    card = soon(ada, "Ended")

    assert held == "member"
    assert journey.role("eve") is None
    assert active.ts == ended.ts
    assert len(eve.messages()) == len(ada.messages()) == 1
    assert [one.applied for one in journey.writes()] == [True, True]
    assert "until today" in eve.text_of(active)
    assert "[Ask again]" in eve.text_of(ended)
    assert "Release check" in ada.text_of(card)
    assert "[Approve]" not in ada.text_of(card)
    events = journey.audit()
    expected = [
        ("RequestSubmitted", "eve@corp.example"),
        ("RequestApproved", "ada@corp.example"),
        ("GrantActivated", "bot"),
        ("GrantExpired", "clock"),
        ("GrantEnded", "bot"),
    ]
    assert [one for one in expected if one not in events] == [], events


def test_it_is_taken_back_within_five_seconds_of_its_end(journey: Journey) -> None:
    journey.ask(journey.eve)
    journey.approve(journey.ada)
    journey.eve.wait_for_message("*active*")
    with journey.running.bot.deps.look() as work:
        ends_at = work.grants.next_end()

    soon(journey.eve, "*ended*")

    removed = journey.writes()[-1].at
    assert ends_at is not None
    assert 0 <= (removed - ends_at).total_seconds() < 5


def test_im_done_ends_it_before_its_time(journey: Journey) -> None:
    eve = journey.eve
    journey.ask(eve, "vision member 8h Release check")
    journey.approve(journey.ada)

    reply = eve.click(eve.wait_for_message("*active*"), "I'm done")
    ended = soon(eve, "*ended*")

    assert not reply.text
    assert "because you gave it back" in eve.text_of(ended)
    assert journey.role("eve") is None
    assert "by the person who had it" in journey.ada.text_of(soon(journey.ada, "Ended"))


def test_cancel_takes_the_request_back_and_the_card_has_no_buttons(journey: Journey) -> None:
    eve, ada = journey.eve, journey.ada
    journey.ask(eve)
    old = journey.card(ada)

    eve.click(eve.wait_for_message("[Cancel]"), "Cancel")
    soon(eve, "cancelled")
    soon(ada, "Cancelled")
    late = ada.click(old, "Approve")

    assert "cancelled" in late.text.lower()
    assert journey.writes() == []


def test_ask_again_opens_the_form_filled_in_as_before(journey: Journey) -> None:
    eve = journey.eve
    journey.ask(eve)
    eve.click(eve.wait_for_message("[Cancel]"), "Cancel")

    reply = eve.click(soon(eve, "cancelled"), "Ask again")

    assert reply.view is not None
    assert eve.submit(reply.view).closed
    assert "Release check" in journey.ada.text_of(journey.card(journey.ada))


def test_a_denial_needs_a_reason_and_is_shown_escaped(journeys: Journeys) -> None:
    journey = journeys()
    max_ = journey.add("max")
    journey.wandb.set_team_role("max", "vision", "admin")
    journey.start()
    eve, ada = journey.eve, journey.ada
    journey.ask(eve)
    other = journey.card(max_)
    form = ada.click(journey.card(ada), "Deny").view
    assert form is not None

    empty = ada.fill(form, {"Reason": ""})
    reply = ada.fill(form, {"Reason": "Not <!channel> & <http://x|now>\n*later*"})
    denied = soon(eve, "denied")

    assert list(empty.errors) == ["Reason"]
    assert reply.closed
    assert "Not <!channel> & <http://x|now>" in eve.text_of(denied)
    assert "denied* by @ada" in eve.text_of(denied)
    assert "[Ask again]" in eve.text_of(denied)
    for approver in (ada, max_):
        assert "[Approve]" not in approver.text_of(soon(approver, "Denied"))
    late = max_.click(other, "Approve")
    assert "denied" in late.text.lower()
    assert journey.writes() == []


def test_a_viewer_raised_to_admin_is_a_viewer_again_afterwards(journey: Journey) -> None:
    bob = journey.bob
    journey.ask(bob, "vision admin 2s Release check")

    journey.approve(journey.ada)
    active = bob.wait_for_message("*active*")
    held = journey.role("bob")
    ended = soon(bob, "*ended*")

    assert held == "admin"
    assert journey.role("bob") == "viewer"
    assert "Before, you held *viewer* there" in bob.text_of(active)
    assert "You hold *viewer* there now, as before" in bob.text_of(ended)


def test_a_custom_role_is_given_and_taken_back(journeys: Journeys) -> None:
    journey = journeys()
    journey.wandb.add_custom_role("Release Steward", "member")
    journey.start()
    journey.ask(journey.bob, 'vision "Release Steward" 2s Release check')

    journey.approve(journey.ada)
    journey.bob.wait_for_message("*active*")
    held = journey.role("bob")
    soon(journey.bob, "*ended*")

    assert held == "Release Steward"
    assert journey.role("bob") == "viewer"


def give(journey: Journey, words: str) -> None:
    """Ask, approve that very card, and wait until W&B has it."""
    _, role, _, reason = words.split()
    journey.ask(journey.eve, words)
    journey.approve(journey.ada, reason)
    journey.until(lambda: journey.role("eve") == role)


def test_of_two_that_overlap_the_higher_is_held_until_its_end(journey: Journey) -> None:
    eve = journey.eve
    give(journey, "vision member 8s long")
    eve.wait_for_message("*active*")
    give(journey, "vision admin 4s short")

    journey.until(lambda: journey.role("eve") == "member")
    soon(eve, "*admin* in *vision* has *ended*")
    soon(eve, "*member* in *vision* has *ended*")

    assert journey.role("eve") is None


def test_of_two_that_overlap_the_lower_may_end_first(journey: Journey) -> None:
    eve = journey.eve
    give(journey, "vision viewer 4s short")
    give(journey, "vision member 8s long")
    eve.wait_for(lambda: "active" in eve.text_of(eve.messages()[-1]))

    soon(eve, "*viewer* in *vision* has *ended*")
    between = journey.role("eve")
    soon(eve, "*member* in *vision* has *ended*")

    assert between == "member"
    assert journey.role("eve") is None
    assert len(journey.writes("PATCH")) <= 4


def test_the_last_admin_of_a_team_is_not_lowered_and_people_are_told(journey: Journey) -> None:
    eve = journey.eve
    journey.ask(eve, "vision admin 2s Release check")
    journey.approve(journey.ada)
    eve.wait_for_message("*active*")

    journey.wandb.set_team_role("ada", "vision", "member")
    stuck = soon(eve, "the last admin is never lowered")
    journey.olga.wait_for_message("cannot be taken back")
    journey.wandb.set_team_role("ada", "vision", "admin")
    ended = soon(eve, "has *ended*")

    assert journey.role("eve") is None
    assert stuck.ts == ended.ts


def test_a_person_without_an_account_is_invited_then_added(journeys: Journeys) -> None:
    journey = journeys()
    new = journey.add("new", in_wandb=False)
    journey.start()
    journey.ask(new)
    card = journey.card(journey.ada)
    told = new.wait_for_message("no W&B account yet")

    journey.approve(journey.ada)
    new.wait_for_message("*active*")
    held = journey.role("new@corp.example")
    soon(new, "*ended*")

    assert "no W&B account yet" in journey.ada.text_of(card).replace("*", "")
    assert "[Cancel]" in new.text_of(told)
    assert held == "member"
    assert journey.role("new@corp.example") is None
    assert journey.wandb.org_role("new@corp.example") == "member"
    assert len(journey.writes("POST")) == 1


def test_invitations_can_be_switched_off(journeys: Journeys) -> None:
    journey = journeys(policy=SHORT + "  invite_new_people: false\n")
    new = journey.add("new", in_wandb=False)
    journey.start()

    line = new.command("/wandb", "request-access vision member 2s why")
    form = new.command("/wandb", "request-access")

    assert "There is no W&B account with the address new@corp.example" in line.text
    assert form.view is not None
    assert "Ask a W&B admin for one first" in new.text_of(form.view)
    assert journey.ada.messages() == []
