"""What admins are told of somebody else's change, what they can press, and what is asked."""

from collections.abc import Sequence
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views import alert_message, drift_message
from tests.bot.views.cases import (
    ADA,
    BOB,
    EVE,
    MENTION,
    NOW,
    assert_slack_takes,
    buttons,
    live,
    said,
)
from workflows.domain.drift import token
from workflows.domain.events import BOT, DriftAsked, DriftFound, Event, PutBackRefused
from workflows.domain.planning import Hand
from workflows.ports import Alert, Since

KEY = f"{EVE} team:vision"
ASKED = Since("DriftAsked", ADA, NOW)
ADOPTED = Since("DriftAdopted", ADA, NOW)
PUT_BACK = Since("DriftPutBack", BOB, NOW)
GONE = Since("DriftGone", "bot", NOW)
NEWER = Since("DriftFound", "bot", NOW)


def found(
    what: str = "admin",
    *,
    wanted: str = "member:Release <Steward>",
    done: Hand = Hand.LEFT,
    subject: str = KEY,
) -> DriftFound:
    return DriftFound(
        subject=subject,
        at=NOW,
        actor=BOT,
        expected=("member:Release <Steward>", "nothing"),
        found=what,
        wanted=wanted,
        done=done.value,
    )


ASK = DriftAsked(subject=KEY, at=NOW, actor=ADA, finding=17, found="admin", wanted="member")
REFUSED = PutBackRefused(subject=KEY, at=NOW, actor=BOT, reason="W&B has no <free> seat.")


def alert_of(event: Event, *since: Since) -> Alert:
    detail = asdict(event)
    name = type(event).__name__
    return Alert("alert 17", name, event.subject, event.at, detail, 17, event.actor, since)


@pytest.mark.parametrize(
    ("event", "sentences"),
    [
        (
            found(),
            [
                "<@U0EVE> (eve@corp.example) in *vision* now holds *admin*.",
                "I expected *Release &lt;Steward&gt;* or nothing, and left it as it is.",
                "• *Adopt*: the change is right. It stays whatever ends.",
                "• *Put back*: the change is wrong. I set *Release &lt;Steward&gt;* again.",
                "• *Ask the person*",
            ],
        ),
        (
            found("nothing", subject=f"{EVE} organization"),
            [
                "in the organization now holds nothing.",
                "• *Adopt*: the removal is right. What was given there is over.",
            ],
        ),
        (
            found(wanted="nothing"),
            ["*Put back*: the change is wrong. I take the role away.", ": I take admin away."],
        ),
        (
            found("nothing", done=Hand.GIVEN_UP),
            [
                "Something keeps changing access in W&amp;B",
                "I put *Release &lt;Steward&gt;* back 3 times, and something (an identity "
                "provider? a second bot?) keeps changing it.",
            ],
        ),
        (
            found("nothing", done=Hand.PUT_BACK),
            ["As the policy says, I put *Release &lt;Steward&gt;* back.", "*What to do:*"],
        ),
        (
            found("viewer", done=Hand.APPROVED),
            ["is carried out over it: *Release &lt;Steward&gt;*. Its end puts back what I found."],
        ),
        (REFUSED, ["cannot be put back", ">W&amp;B has no &lt;free&gt; seat.", "I keep trying"]),
        (
            ASK,
            [
                "<@U0ADA> (ada@corp.example), an admin of the W&amp;B organization, asks",
                "You hold *admin* there now",
                "comes to *member*",
                "`/wandb request-access`",
                "Nothing changes by this message.",
            ],
        ),
    ],
)
def test_it_says_what_was_found_and_what_is_done_about_it(
    event: Event, sentences: list[str]
) -> None:
    message = alert_message.draw(alert_of(event), MENTION)

    assert_slack_takes(message)
    text = said(message)
    assert [sentence for sentence in sentences if sentence not in text] == []


def test_about_the_organization_the_other_command_is_named() -> None:
    ask = DriftAsked(
        subject=f"{EVE} organization", at=NOW, actor=ADA, finding=1, found="admin", wanted="member"
    )

    assert "`/wandb request-role`" in said(drift_message.draw(alert_of(ask), MENTION))


@pytest.mark.parametrize(
    ("event", "since", "pressable"),
    [
        (found(), (), ["Adopt", "Put back", "Ask the person"]),
        (found(done=Hand.GIVEN_UP), (), ["Adopt", "Put back", "Ask the person"]),
        (found(), (ASKED,), ["Adopt", "Put back"]),
        (found(), (ADOPTED,), []),
        (found(), (ASKED, PUT_BACK), []),
        (found(), (NEWER,), []),
        (found(), (ASKED, GONE), []),
        (found(done=Hand.PUT_BACK), (), []),
        (found(done=Hand.APPROVED), (), []),
        (ASK, (), []),
        (REFUSED, (), []),
    ],
)
def test_there_are_buttons_as_long_as_it_is_a_persons_turn(
    event: Event, since: Sequence[Since], pressable: list[str]
) -> None:
    message = drift_message.draw(alert_of(event, *since), MENTION)

    assert_slack_takes(message)
    drawn = buttons(message.blocks)
    assert list(drawn) == pressable
    value = token(17, KEY, "admin")
    assert [one["value"] for one in drawn.values()] == [value] * len(pressable)
    assert all("confirm" in drawn[text] for text in pressable if text != "Ask the person")


@pytest.mark.parametrize(
    ("since", "words"),
    [
        ((ADOPTED,), "*Adopted* by <@U0ADA>"),
        ((ASKED, PUT_BACK), "*Put back* by bob@corp.example"),
        ((ASKED,), "<@U0ADA> asked the person"),
        ((NEWER,), "It changed again since then: look at the newest message about it."),
        ((GONE, NEWER), "W&amp;B is as it should be again"),
        ((ADOPTED, NEWER), "*Adopted* by <@U0ADA>"),
    ],
)
def test_what_was_decided_and_by_whom_takes_the_buttons_place(
    since: Sequence[Since], words: str
) -> None:
    message = drift_message.draw(alert_of(found(), *since), MENTION)

    assert words in said(message)
    assert words in message.text


def test_a_finding_of_an_earlier_version_was_left() -> None:
    detail = {"expected": ["member"], "found": "admin"}
    alert = Alert("alert 17", "DriftFound", KEY, NOW, detail, 17)

    message = drift_message.draw(alert, MENTION)

    assert_slack_takes(message)
    assert "left it as it is" in said(message)
    assert "I set *what it was* again" in said(message)


def test_everybody_who_is_named_is_known_by_address() -> None:
    assert drift_message.concerned(alert_of(found(), ASKED, NEWER)) == [EVE, ADA]


@given(
    text=st.text(max_size=1000),
    event=st.sampled_from([*(found(done=hand) for hand in Hand), ASK, REFUSED]),
)
def test_any_text_is_taken_by_slack_and_not_live(text: str, event: Event) -> None:
    detail = {**asdict(event), "expected": [text], "found": text, "wanted": text, "reason": text}
    subject = f"{text} team:{text}"
    alert = Alert("alert 1", type(event).__name__, subject, NOW, detail, 1, text, ())

    message = drift_message.draw(alert, {})

    assert_slack_takes(message)
    assert live(message.blocks).replace("<!date^", "").count("<") == 0
