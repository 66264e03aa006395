"""Slack in trouble: access does not wait for it, and what has to be said is said once it can be."""

from functools import partial

from sandbox.slack_delivery import Link
from sandbox.slack_faults import ErrorCode, HttpStatus, Lost, RateLimited, SlackFault
from tests.journeys.conftest import Journeys
from tests.journeys.rig import SHORT, Journey


def is_anew(journey: Journey, before: list[Link]) -> bool:
    links = list(journey.slack.courier.links)
    return bool(links) and not any(link in before for link in links)


def posted(journey: Journey) -> int:
    """Messages that arrived, whatever the bot heard of it."""
    return sum(not one.shown_only_to for one in journey.slack.messages.values())


def test_slack_down_while_granting_the_access_stands_and_is_told_later_once(
    journey: Journey,
) -> None:
    eve, ada = journey.eve, journey.ada
    journey.ask(eve, "vision member 8h Release check")
    journey.approve(ada)
    journey.slack.down()

    journey.until(lambda: journey.role("eve") == "member")
    journey.until(lambda: "GrantActivated" in [event for event, _ in journey.audit()])
    journey.slack.up()
    eve.wait_for_message("*active*")
    ada.wait_for_message("*Active*")

    assert posted(journey) == 2
    assert len(journey.writes()) == 1


def test_slack_down_over_the_end_it_is_taken_back_all_the_same(journey: Journey) -> None:
    eve = journey.eve
    journey.ask(eve)
    journey.approve(journey.ada)
    eve.wait_for_message("*active*")
    journey.slack.down()

    journey.until(lambda: journey.role("eve") is None)
    journey.slack.up()
    eve.wait_for_message("*ended*")

    assert len(journey.writes()) == 2


def test_a_posting_whose_answer_is_lost_is_not_repeated(journey: Journey) -> None:
    lost = SlackFault("chat.postMessage", Lost(), times=2, phase="after")
    journey.slack.faults.add(lost)

    journey.ask(journey.eve, "vision member 8h Release check")
    journey.approve(journey.ada)
    journey.eve.wait_for_message("*active*")
    journey.ada.wait_for_message("*Active*")

    assert journey.slack.faults.happened == 2
    assert posted(journey) == 2


def test_a_posting_that_never_arrived_is_repeated(journey: Journey) -> None:
    journey.slack.faults.add(
        SlackFault("chat.postMessage", Lost()),
        SlackFault("chat.postMessage", HttpStatus(503)),
        SlackFault("chat.postMessage", RateLimited(1)),
        SlackFault("chat.postMessage", ErrorCode("internal_error")),
    )

    journey.ask(journey.eve, "vision member 8h Release check")
    card = journey.ada.wait_for_message("[Approve]")
    journey.eve.wait_for_message("[Cancel]")

    assert card
    assert posted(journey) == 2


def test_a_redrawing_that_fails_is_repeated(journey: Journey) -> None:
    journey.ask(journey.eve, "vision member 8h Release check")
    journey.card(journey.ada)
    journey.slack.faults.add(
        SlackFault("chat.update", RateLimited(1), times=2),
        SlackFault("chat.update", Lost(), phase="after"),
    )

    journey.approve(journey.ada)
    journey.eve.wait_for_message("*active*")
    journey.ada.wait_for_message("*Active*")

    assert posted(journey) == 2


def test_a_message_that_was_deleted_is_posted_anew(journey: Journey) -> None:
    journey.ask(journey.eve, "vision member 8h Release check")
    card = journey.card(journey.ada)
    journey.slack.delete(journey.eve.wait_for_message("[Cancel]"))

    journey.ada.click(card, "Approve")

    assert journey.eve.wait_for_message("*active*")


def test_an_archived_channel_is_replaced_by_the_approvers_themselves(journeys: Journeys) -> None:
    journey = journeys(policy=SHORT + '  channel: "#approvals"\n')
    channel = journey.slack.add_channel("#approvals", journey.ada.id)
    journey.slack.archive(channel)
    journey.may_log = ("Slack refuses a message", "nobody can be told there")
    journey.start()

    journey.eve.command("/wandb", "request-access vision member 2s why")
    journey.approve(journey.ada)

    assert journey.eve.wait_for_message("*active*")


def test_one_approver_who_is_not_in_slack_holds_up_no_other(journeys: Journeys) -> None:
    journey = journeys()
    journey.add("gone", in_slack=False)
    journey.wandb.set_team_role("gone", "vision", "admin")
    journey.may_log = ("nobody can be told there",)
    journey.start()

    journey.ask(journey.eve)
    journey.approve(journey.ada)

    assert journey.eve.wait_for_message("*active*")


def test_while_slack_shows_nobody_the_person_gets_one_honest_sentence(journey: Journey) -> None:
    journey.slack.faults.add(SlackFault("users.info", RateLimited(30)))

    reply = journey.eve.command("/wandb", "request-access vision member 2s why")
    again = journey.ask(journey.eve)

    assert "Slack does not answer me as it should" in reply.text
    assert again
    assert len(journey.ada.messages()) <= 1


def test_a_form_that_slack_does_not_open_is_told(journey: Journey) -> None:
    journey.slack.faults.add(SlackFault("views.open", ErrorCode("expired_trigger_id")))

    reply = journey.eve.command("/wandb", "request-access")

    assert reply.error is None
    assert reply.text


def test_a_socket_that_is_cut_or_refreshed_is_opened_again(journeys: Journeys) -> None:
    journey = journeys(socket_mode=True).start()

    for end in (journey.slack_server.disconnect, journey.slack_server.cut_sockets):
        before = list(journey.slack.courier.links)
        end()
        journey.slack.wait_for(partial(is_anew, journey, before), 15)
        assert "request-access" in journey.eve.command("/wandb", "help").text
