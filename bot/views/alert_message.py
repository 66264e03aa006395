"""What the organization's admins have to look at: what was found, where, for whom, what to do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bot.views import blocks, deployment_alerts, drift_message, phrases, trouble_message
from bot.views.blocks import Block, Message
from bot.views.phrases import Mention
from workflows.domain.entitlements import EmailAddress, place_from_text
from workflows.domain.events import (
    LeftoverFound,
    OtherRolesChanged,
    RevocationStuck,
)
from workflows.ports import Alert

_LISTED = 10  # roles named one by one; the rest are counted


def draw(alert: Alert, mention: Mention = MappingProxyType({})) -> Message:
    """One message for one finding; it is posted once, and redrawn while it lasts."""
    if alert.event in drift_message.EVENTS:
        return drift_message.draw(alert, mention)
    title, sentence, more, advice = _content(alert)
    drawn = [
        blocks.section(f":warning: *{title}*"),
        blocks.section(sentence),
        *more,
        blocks.section(f"*What to do:* {advice}"),
        blocks.context(f"Found {blocks.when(alert.at)} · Reference: {blocks.name(alert.subject)}"),
    ]
    return blocks.message(f"{title}. {sentence}", drawn)


_Content = tuple[str, str, list[Block], str]


def _content(alert: Alert) -> _Content:
    lasting = trouble_message.content(alert, _whom_and_where(alert))
    if lasting is not None:
        return lasting
    match alert.event:
        case OtherRolesChanged.__name__:
            return _others(alert)
        case RevocationStuck.__name__:
            return _stuck(alert)
        case LeftoverFound.__name__:
            return _leftover(alert)
        case "RevocationRecovered":
            return _recovered(alert)
        case event if event in deployment_alerts.CONTENTS:
            return deployment_alerts.CONTENTS[event](alert)
        case event:
            return (
                "Something needs a look",
                f"{blocks.name(event)}: {_whom_and_where(alert)}.",
                [],
                "Look at this person in W&amp;B.",
            )


def _others(alert: Alert) -> _Content:
    put_back = alert.detail.get("put_back") is True
    done = "I put them back." if put_back else "I could not put them back."
    more = [
        blocks.fields(
            ("Before", _list(_texts(alert.detail, "before"))),
            ("After", _list(_texts(alert.detail, "after"))),
        )
    ]
    return (
        "Roles in other teams changed while I wrote",
        f"I changed one role of {_whom_and_where(alert)}, and W&amp;B changed roles of the same "
        f"person elsewhere. {done}",
        more,
        "Compare the person's team roles in W&amp;B with the list above."
        if put_back
        else "Give the person the roles under *Before* again, by hand in W&amp;B.",
    )


def _stuck(alert: Alert) -> _Content:
    reason = str(alert.detail.get("reason", ""))
    return (
        "Access that is over cannot be taken back",
        f"{_whom_and_where(alert)} may still hold access that has ended. I keep trying.",
        blocks.quote(reason),
        "Remove what stands in the way, or take the role back by hand in W&amp;B; I notice "
        "either and tell you.",
    )


def _recovered(alert: Alert) -> _Content:
    return (
        "Access that could not be taken back is gone now",
        f"What {_whom_and_where(alert)} held beyond its end has been taken back in W&amp;B.",
        [],
        "Nothing is left to do.",
    )


def _leftover(alert: Alert) -> _Content:
    return (
        "A change of mine landed late and cannot be taken back",
        f"W&amp;B carried out a change for {_whom_and_where(alert)} that I sent earlier and got no "
        "answer to; the access that it was for is over by now. The person may hold more than they "
        "should. I keep trying to take it back.",
        blocks.quote(str(alert.detail.get("reason", ""))),
        "Remove what stands in the way, or take the role back by hand in W&amp;B; I notice "
        "either and stop.",
    )


def _whom_and_where(alert: Alert) -> str:
    """Of a standing its key says both; of a grant the detail, when it has them."""
    person, space, place = alert.subject.partition(" ")
    if space:
        return f"{_person(person)} in {phrases.place(place_from_text(place))}"
    person, place = (str(alert.detail.get(key, "")) for key in ("person", "place"))
    if person and place:
        return f"{_person(person)} in {phrases.place(place_from_text(place))}"
    return f"The person behind request {blocks.name(alert.subject)}"


def _person(email: str) -> str:
    return phrases.person(EmailAddress(email), {})


def _texts(detail: Mapping[str, Any], key: str) -> list[str]:
    value = detail.get(key, ())
    return [str(each) for each in value] if isinstance(value, list | tuple) else []


def _list(texts: list[str]) -> str:
    lines = [f"• {blocks.name(text)}" for text in texts[:_LISTED]]
    if len(texts) > _LISTED:
        lines.append(f"and {len(texts) - _LISTED} more")
    return "\n".join(lines) or "nothing"
