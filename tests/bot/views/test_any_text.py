"""Whatever people write, wherever: Slack takes the drawing, and nothing in it is live."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.views import denial_modal, help_text, home, listing, request_message, review_card
from bot.views.home import HomePage
from tests.bot.views.cases import (
    ACTIVE,
    MENTION,
    NOTICES,
    NOW,
    assert_slack_takes,
    assert_slack_takes_view,
    live,
)
from workflows.domain.entitlements import EmailAddress, Rank, Role, Team
from workflows.ports import Notice

_EVIL = st.sampled_from(
    ["<!channel>", "<@U0MALLORY>", "<#C1|x>", "<https://evil.example|ok>", "&lt;!here&gt;"]
)
WORDS = st.one_of(st.text(max_size=1000), _EVIL, st.sampled_from(["&" * 1000, "\n" * 500 + "x"]))
NAMES = st.one_of(st.text(max_size=128), _EVIL, st.just("&" * 128))


def role(name: str) -> Role:
    return Role(name, Rank.MEMBER, custom=True)


@st.composite
def notices(draw: st.DrawFn) -> Notice:
    """A notice in any state, with any text in every place that people or W&B write to."""
    notice = NOTICES[draw(st.sampled_from(sorted(NOTICES)))]
    place, wanted = Team(draw(NAMES)), role(draw(NAMES))
    request = replace(
        notice.request,
        place=place,
        role=wanted,
        held=draw(st.one_of(st.none(), NAMES.map(role))),
        reason=draw(WORDS),
        note=draw(WORDS),
        invites=draw(st.booleans()),
        needed=draw(st.integers(1, 3)),
    )
    grant = notice.grant
    if grant is not None:
        grant = replace(
            grant,
            place=place,
            role=wanted,
            note=draw(WORDS),
            stuck=draw(WORDS) if grant.stuck else "",
            ended_by=draw(
                st.sampled_from(["clock", "bot", "eve@corp.example", "bob@corp.example"])
                | NAMES.map("operator:{}".format)
            ),
        )
    asked = [
        EmailAddress(f"a&b{number}@corp.example") for number in range(draw(st.integers(0, 12)))
    ]
    instead = notice.instead and replace(notice.instead, held=role(draw(NAMES)))
    return Notice(
        request,
        grant,
        why=draw(NAMES),
        waiting_for=asked,
        trouble=draw(WORDS),
        instead=instead,
    )


def assert_not_live(drawn: Any) -> None:
    """Nothing begins like a mention or a link but the dates and people that our own code writes."""
    text = drawn if isinstance(drawn, str) else live(drawn)
    for own in ("<!date^", *(f"<@{user}>" for user in MENTION.values())):
        text = text.replace(own, "")
    assert "<" not in text


@settings(max_examples=50)
@given(notices())
def test_every_message_of_every_state_holds(notice: Notice) -> None:
    for view in (review_card, request_message):
        message = view.draw(notice, now=NOW, mention=MENTION)
        assert_slack_takes(message)
        assert_not_live(message.blocks)
        assert_not_live(message.text)


@settings(max_examples=50)
@given(notices())
def test_the_form_for_a_denial_holds(notice: Notice) -> None:
    view = denial_modal.draw(notice.request, now=NOW, mention=MENTION)

    assert_slack_takes_view(view)
    assert_not_live(view)


@settings(max_examples=25)
@given(st.lists(notices(), max_size=4), WORDS, st.integers(1, 10))
def test_every_page_and_list_holds(several: list[Notice], words: str, times: int) -> None:
    requests = [one.request for one in several] * times
    grants = [one.grant or ACTIVE for one in several] * times
    instead = {one.grant.id: one.instead for one in several if one.grant and one.instead}
    page = HomePage(
        grants=grants, instead=instead, requests=requests, waiting=requests, notice=words
    )

    view = home.draw(page, now=NOW, mention=MENTION)
    assert_slack_takes_view(view)
    assert_not_live(view)
    for message in (
        listing.my_access(grants, (), requests, instead=instead, now=NOW, mention=MENTION),
        listing.approvals(requests, now=NOW, mention=MENTION),
        help_text.draw(unknown=words),
        help_text.draw(problem=words or "?"),
    ):
        assert_slack_takes(message)
        assert_not_live(message.blocks)
