"""What the organization's admins are told."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views import alert_message
from tests.bot.views.cases import EVE, NOW, assert_slack_takes, live, said
from workflows.domain.events import (
    BOT,
    Event,
    LeftoverFound,
    OtherRolesChanged,
    RevocationStuck,
)
from workflows.ports import Alert

KEY = f"{EVE} team:vision"
OTHERS = OtherRolesChanged(
    subject=KEY, at=NOW, actor=BOT, before=("nlp: admin",), after=("nlp: member",), put_back=True
)
LOST = OtherRolesChanged(
    subject=KEY, at=NOW, actor=BOT, before=("nlp: admin",), after=(), put_back=False
)
STUCK = RevocationStuck(
    subject="r-1",
    at=NOW,
    actor=BOT,
    person="eve@corp.example",
    place="team:vision",
    reason="The last admin is never removed.",
)
LATE = LeftoverFound(subject=KEY, at=NOW, actor=BOT, reason="W&B has no <such> team.")


def alert_of(event: Event, **more: object) -> Alert:
    detail = {**asdict(event), **more}
    return Alert("e-1", type(event).__name__, event.subject, event.at, detail)


@pytest.mark.parametrize(
    ("alert", "sentences"),
    [
        (alert_of(OTHERS), ["• nlp: admin", "• nlp: member", "I put them back.", "Compare"]),
        (alert_of(LOST), ["*After*\nnothing", "I could not put them back.", "by hand"]),
        (
            alert_of(STUCK, person=EVE, place="team:vision"),
            ["eve@corp.example in *vision* may still", ">The last admin is never removed."],
        ),
        (
            alert_of(STUCK, person=EVE, place="organization"),
            ["eve@corp.example in the organization may still hold"],
        ),
        (
            alert_of(LATE),
            [
                "landed late",
                "a change for eve@corp.example in *vision* that I sent earlier",
                "I keep trying",
                ">W&amp;B has no &lt;such&gt; team.",
                "take the role back by hand",
            ],
        ),
        (Alert("e-1", "RevocationStuck", "r-1", NOW, {}), ["The person behind request r-1"]),
        (
            Alert("e-1", "AuditRowsAltered", "deployment", NOW, {"rows": ["7", "<8>"]}),
            ["The audit log was changed by somebody else", "*Rows:* 7, &lt;8&gt;", "audit verify"],
        ),
        (
            Alert("e-1", "AuditRowsAltered", "deployment", NOW, {"rows": ["7"] * 25}),
            [", and 5 more"],
        ),
        (Alert("e-1", "AuditRowsAltered", "deployment", NOW, {}), ["The audit log was changed"]),
        (
            Alert("e-1", "AuditKeyChanged", "deployment", NOW, {"before": "none", "after": "<7"}),
            ["The audit log has another key", "there was no key", "the key &lt;7", "was replaced"],
        ),
        (
            Alert("e-1", "AuditKeyChanged", "deployment", NOW, {"before": "12ab", "after": "34cd"}),
            ["Before it was the key 12ab."],
        ),
        (Alert("e-2", "SomethingNew", KEY, NOW, {}), ["SomethingNew", "in *vision*"]),
    ],
)
def test_an_alert_says_what_where_for_whom_and_what_to_do(
    alert: Alert, sentences: list[str]
) -> None:
    message = alert_message.draw(alert)

    assert_slack_takes(message)
    text = said(message)
    assert [sentence for sentence in sentences if sentence not in text] == []
    assert "*What to do:*" in text


def test_many_roles_are_counted() -> None:
    before = tuple(f"team-{number}: member" for number in range(60))

    message = alert_message.draw(Alert("e-1", "OtherRolesChanged", KEY, NOW, {"before": before}))

    assert_slack_takes(message)
    assert "and 50 more" in said(message)


@given(text=st.text(max_size=1000), event=st.sampled_from([OTHERS, STUCK, LATE]))
def test_any_text_in_an_alert_is_taken_by_slack_and_not_live(text: str, event: Event) -> None:
    detail = {"expected": [text], "found": text, "before": [text], "after": text, "reason": text}
    alert = Alert("e-1", type(event).__name__, f"{EVE} team:{text}", NOW, detail)

    message = alert_message.draw(alert)

    assert_slack_takes(message)
    assert live(message.blocks).replace("<!date^", "").count("<") == 0
