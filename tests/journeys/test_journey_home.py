"""The Home tab and the listings: what they show, and that their buttons do what the cards' do."""

from sandbox.slack_faults import RateLimited, SlackFault
from sandbox.slack_people import Person
from tests.journeys.rig import Journey


def home(who: Person) -> str:
    return who.text_of(who.open_home())


def is_shown(who: Person, text: str) -> bool:
    view = who.home()
    return view is not None and text in who.text_of(view)


def test_an_empty_home_tab_says_so_and_opens_the_form(journey: Journey) -> None:
    eve = journey.eve
    seen = home(eve)

    view = eve.home()
    assert view is not None
    reply = eve.click(view, "Request access")

    assert "My access" in seen
    assert "My requests" in seen
    assert "Waiting for me" in seen
    assert reply.view is not None
    assert reply.view.callback_id == "request_modal"


def test_home_shows_what_w_and_b_holds_whoever_gave_it(journey: Journey) -> None:
    seen = home(journey.bob)

    assert "viewer" in seen
    assert "vision" in seen


def test_approve_on_home_gives_and_redraws_it(journey: Journey) -> None:
    eve, ada = journey.eve, journey.ada
    journey.ask(eve, "vision member 8h Release check")
    home(ada)
    view = ada.home()
    assert view is not None

    reply = ada.click(view, "Approve")

    assert reply.error is None
    assert not is_shown(ada, "[Approve]")
    eve.wait_for_message("*active*")
    assert "[I'm done]" in home(eve)
    view = eve.home()
    assert view is not None
    assert eve.click(view, "I'm done").error is None
    eve.wait_for_message("*ended*")
    assert journey.role("eve") is None
    assert "[I'm done]" not in home(eve)


def test_cancel_on_home_redraws_it(journey: Journey) -> None:
    eve = journey.eve
    journey.ask(eve)
    home(eve)
    view = eve.home()
    assert view is not None

    eve.click(view, "Cancel")

    assert is_shown(eve, "Cancelled")
    assert not is_shown(eve, "[Cancel]")


def test_deny_on_home_asks_for_the_reason_and_redraws_it(journey: Journey) -> None:
    eve, ada = journey.eve, journey.ada
    journey.ask(eve)
    home(ada)
    view = ada.home()
    assert view is not None

    form = ada.click(view, "Deny").view
    assert form is not None
    assert ada.fill(form, {"Reason": "not now"}).closed

    assert "not now" in eve.text_of(eve.wait_for_message("denied"))
    ada.wait_for(lambda: not is_shown(ada, "[Approve]"))


def test_approved_stays_approved_when_the_home_tab_cannot_be_drawn(journey: Journey) -> None:
    eve, ada = journey.eve, journey.ada
    journey.ask(eve, "vision member 8h Release check")
    home(ada)
    view = ada.home()
    assert view is not None
    journey.slack.faults.add(SlackFault("views.publish", RateLimited(30)))

    reply = ada.click(view, "Approve")
    eve.wait_for_message("*active*")

    assert reply.error is None
    assert reply.view is None  # in particular no form that says that nothing was changed


def test_a_late_click_on_home_is_told_in_a_form(journey: Journey) -> None:
    eve, ada = journey.eve, journey.ada
    journey.ask(eve)
    home(ada)
    old = ada.home()
    assert old is not None
    eve.click(eve.wait_for_message("[Cancel]"), "Cancel")
    ada.wait_for_message("Cancelled")

    reply = ada.click(old, "Approve")

    assert reply.view is not None
    assert "cancelled" in ada.text_of(reply.view).lower()


def test_approve_and_deny_on_home_are_refused_to_who_lost_the_right_meanwhile(
    journey: Journey,
) -> None:
    ada = journey.ada
    journey.ask(journey.eve)
    home(ada)
    old = ada.home()
    assert old is not None
    journey.wandb.set_team_role("ada", "vision", "member")
    journey.running.bot.keeper.refresh()

    for label in ("Approve", "Deny"):
        reply = ada.click(old, label)
        assert reply.view is not None
        assert "you are not among those who may decide" in ada.text_of(reply.view)

    assert journey.writes() == []


def test_my_access_lists_what_one_has_and_asked_for(journey: Journey) -> None:
    eve = journey.eve
    empty = eve.command("/wandb", "my-access").text
    journey.ask(eve, "vision member 8h Release check")
    asked = eve.command("/wandb", "my-access")

    assert asked.ephemeral is not None
    assert "[Cancel]" in asked.text
    eve.click(asked.ephemeral, "Cancel")
    eve.wait_for_message("cancelled")

    assert "vision" not in empty
    assert "[Cancel]" not in eve.text_of(eve.ephemerals[-1])


def test_approvals_lists_what_waits_and_its_button_decides(journey: Journey) -> None:
    eve, ada = journey.eve, journey.ada
    nothing = ada.command("/wandb", "approvals").text
    journey.ask(eve, "vision member 8h Release check")
    listing = ada.command("/wandb", "approvals")
    others = journey.bob.command("/wandb", "approvals").text

    assert listing.ephemeral is not None
    reply = ada.click(listing.ephemeral, "Approve")
    eve.wait_for_message("*active*")

    assert "[Approve]" not in nothing
    assert "[Approve]" not in others
    assert "Release check" in listing.text
    assert reply.error is None
    assert "[Approve]" not in ada.text_of(ada.ephemerals[-1])


def test_help_and_whatever_is_not_understood_get_examples(journey: Journey) -> None:
    said = {
        words: journey.eve.command("/wandb", words).text
        for words in ("", "help", "HELP", "frobnicate", "<!channel> & *bold*", "x" * 3_000)
    }

    assert all("/wandb request-access" in text and "8h" in text for text in said.values())
    assert "I don't know “frobnicate”" in said["frobnicate"]
    assert "<!channel>" in said["<!channel> & *bold*"]
    assert "@channel" not in said["<!channel> & *bold*"]


def test_an_organization_admin_sees_what_is_stuck_and_has_it_tried_now(journey: Journey) -> None:
    eve, olga = journey.eve, journey.olga
    journey.ask(eve, "vision admin 2s Release check")
    journey.approve(journey.ada)
    eve.wait_for_message("*active*")
    journey.wandb.set_team_role("ada", "vision", "member")  # eve is the last admin now
    journey.running.bot.keeper.refresh()
    olga.wait_for_message("cannot be taken back")

    seen = home(olga)
    view = olga.home()
    assert view is not None
    assert "Needs attention (1)" in seen
    assert "Nobody else is an admin there" in seen
    assert "Needs attention" not in home(journey.ada)

    journey.wandb.set_team_role("ada", "vision", "admin")
    journey.running.bot.keeper.refresh()
    reply = olga.click(view, "Try now")

    assert reply.error is None
    eve.wait_for_message("*ended*")
    assert journey.role("eve") is None
    olga.wait_for_message("is gone now")
    assert "Needs attention" not in home(olga)


def test_try_now_is_refused_to_who_is_no_organization_admin_by_now(journey: Journey) -> None:
    eve, olga = journey.eve, journey.olga
    journey.ask(eve, "vision admin 2s Release check")
    journey.approve(journey.ada)
    eve.wait_for_message("*active*")
    journey.wandb.set_team_role("ada", "vision", "member")
    journey.running.bot.keeper.refresh()
    olga.wait_for_message("cannot be taken back")
    home(olga)
    view = olga.home()
    assert view is not None
    journey.wandb.set_org_role("olga", "member")
    journey.running.bot.keeper.refresh()

    reply = olga.click(view, "Try now")

    assert reply.view is not None
    assert "Only an admin of the W&B organization can do that" in olga.text_of(reply.view)
