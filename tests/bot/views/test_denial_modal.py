"""The form for the reason of a denial."""

from bot.views import denial_modal
from tests.bot.views.cases import MENTION, NOW, PENDING, assert_slack_takes_view, said


def test_it_shows_the_case_and_asks_for_a_reason() -> None:
    view = denial_modal.draw(PENDING, now=NOW, mention=MENTION)

    assert_slack_takes_view(view)
    assert "<@U0EVE> (eve@corp.example)" in said(view["blocks"])
    assert "viewer → *admin*" in said(view["blocks"])
    assert "*Their reason*\n>Release" in said(view["blocks"])
    field = view["blocks"][-1]
    assert field["label"]["text"] == "Reason"
    assert "optional" not in field
    assert field["element"]["multiline"] is True


def test_it_carries_the_request_and_nothing_else() -> None:
    view = denial_modal.draw(PENDING, now=NOW, mention=MENTION)

    assert view["callback_id"] == denial_modal.CALLBACK_ID
    assert view["private_metadata"] == "r-1"
