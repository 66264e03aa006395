"""What somebody else changed: what was found, what is done about it, and what a person can decide.

The buttons are there as long as it is a person's turn. What was decided, and by whom, takes their
place in the message of every admin.
"""

from collections.abc import Sequence

from bot.views import blocks, phrases
from bot.views.blocks import Block, Message
from bot.views.phrases import Mention
from workflows.domain.drift import NOTHING, token
from workflows.domain.entitlements import EmailAddress, Organization, Place, place_from_text
from workflows.domain.events import (
    DriftAdopted,
    DriftAsked,
    DriftFound,
    DriftGone,
    DriftPutBack,
    PutBackRefused,
)
from workflows.domain.planning import MOST_FIGHTS, Hand
from workflows.ports import Alert, Since

ADOPT = "drift_message.adopt"
PUT_BACK = "drift_message.put_back"
ASK = "drift_message.ask"

EVENTS = frozenset({DriftFound.__name__, DriftAsked.__name__, PutBackRefused.__name__})


def concerned(alert: Alert) -> list[EmailAddress]:
    """Everybody whom the message names."""
    person, _, _ = alert.subject.partition(" ")
    by = [alert.by, *(each.by for each in alert.since)]
    return [EmailAddress(each) for each in (person, *by) if "@" in each]


def draw(alert: Alert, mention: Mention) -> Message:
    """The message about one finding, or about what came of it."""
    if alert.event == DriftAsked.__name__:
        return _question(alert, mention)
    if alert.event == PutBackRefused.__name__:
        return _refused(alert, mention)
    return _finding(alert, mention)


def _finding(alert: Alert, mention: Mention) -> Message:
    title, sentence = _what(alert, mention)
    closed = _closed(alert.since, mention)
    asked = [
        f":speech_balloon: {phrases.person(each.by, mention)} asked the person"
        f"{phrases.dated(each.at)}."
        for each in alert.since
        if each.event == DriftAsked.__name__
    ]
    is_open = not closed and _done(alert) in (Hand.LEFT, Hand.GIVEN_UP)
    drawn = [
        blocks.section(f":warning: *{title}*"),
        blocks.section(sentence),
        *map(blocks.section, asked),
        *map(blocks.section, closed),
    ]
    if is_open:
        drawn += [blocks.section(_choice(alert, asked=bool(asked))), _buttons(alert, not asked)]
    elif not closed:
        drawn.append(blocks.section(f"*What to do:* {_advice(alert)}"))
    drawn.append(_footer(alert))
    return blocks.message(" ".join([f"{title}.", sentence, *asked, *closed]), drawn)


def _what(alert: Alert, mention: Mention) -> tuple[str, str]:
    """The title, and what happened in one or two sentences."""
    whom = _whom_and_where(alert, mention)
    found, wanted = _role(_text(alert, "found")), _role(_text(alert, "wanted"))
    expected = " or ".join(map(_role, _expected(alert))) or "something else"
    title = "Access was changed by somebody else in W&amp;B"
    match _done(alert):
        case Hand.GIVEN_UP:
            return (
                "Something keeps changing access in W&amp;B",
                f"{whom} now holds {found}. I put {wanted} back {MOST_FIGHTS} times, and something "
                "(an identity provider? a second bot?) keeps changing it. I stopped doing so, and "
                "left it as it is.",
            )
        case Hand.PUT_BACK:
            return title, f"{whom} held {found}. As the policy says, I put {wanted} back."
        case Hand.APPROVED:
            return (
                title,
                f"{whom} held {found} where I expected {expected}. What was approved there since "
                f"then is carried out over it: {wanted}. Its end puts back what I found.",
            )
        case _:
            return title, f"{whom} now holds {found}. I expected {expected}, and left it as it is."


def _choice(alert: Alert, *, asked: bool) -> str:
    """What each button does, here."""
    is_gone = _text(alert, "found") == NOTHING
    adopt = (
        "the removal is right. What was given there is over."
        if is_gone
        else "the change is right. It stays whatever ends."
    )
    wanted = _text(alert, "wanted")
    undone = "I take the role away." if wanted == NOTHING else f"I set {_role(wanted)} again."
    lines = [f"• *Adopt*: {adopt}", f"• *Put back*: the change is wrong. {undone}"]
    if not asked:
        lines.append("• *Ask the person*: I ask them what it was for; you can decide afterwards.")
    return "\n".join(["*What to do?* Until somebody decides it stays as it is.", *lines])


def _buttons(alert: Alert, may_ask: bool) -> Block:
    person, _, place = alert.subject.partition(" ")
    whose = f"{person} in {place_from_text(place)}"
    found, wanted = (_plain(_text(alert, key)) for key in ("found", "wanted"))
    undone = f"I set {wanted} in place of {found}."
    if _text(alert, "wanted") == NOTHING:
        undone = f"I take {found} away."
    value = token(alert.row, alert.subject, _text(alert, "found"))
    right = f"{found} is what should be there from now on."
    adopt = _decision("Adopt", ADOPT, value, whose, title="Is the change right?", effect=right)
    put_back = _decision(
        "Put back", PUT_BACK, value, whose, title="Undo the change?", effect=undone
    )
    ask = blocks.button(
        "Ask the person", action_id=ASK, value=value, label=f"Ask about the change for {whose}"
    )
    return blocks.actions(adopt, put_back, *([ask] if may_ask else []))


def _decision(
    name: str, action_id: str, value: str, whose: str, *, title: str, effect: str
) -> Block:
    """A button that says what it does, and asks before it does it."""
    return blocks.button(
        name,
        action_id=action_id,
        value=value,
        label=f"{name} the change for {whose}",
        ask_first=blocks.confirm(
            title=title,
            text=f"{blocks.plain_name(whose, 150)}: {effect}",
            yes=name,
            no="Go back",
        ),
    )


def _closed(since: Sequence[Since], mention: Mention) -> list[str]:
    """What came of it, once it is nobody's turn any more."""
    for each in since:
        who = phrases.person(each.by, mention)
        match each.event:
            case DriftAdopted.__name__:
                return [f":white_check_mark: *Adopted* by {who}{phrases.dated(each.at)}."]
            case DriftPutBack.__name__:
                return [f":leftwards_arrow_with_hook: *Put back* by {who}{phrases.dated(each.at)}."]
            case DriftGone.__name__:
                return [
                    ":white_check_mark: W&amp;B is as it should be again"
                    f"{phrases.dated(each.at)}. There is nothing to decide."
                ]
            case DriftFound.__name__:
                return ["It changed again since then: look at the newest message about it."]
            case _:  # asked, which closes nothing
                continue
    return []


def _advice(alert: Alert) -> str:
    if _done(alert) is Hand.PUT_BACK:
        return (
            "If the change was right, end the access that is open there, or ask whoever runs me to "
            "change the policy."
        )
    return "Nothing, if both are right."


def _question(alert: Alert, mention: Mention) -> Message:
    """To the person themselves."""
    _, _, place = alert.subject.partition(" ")
    where = place_from_text(place)
    who = phrases.person_and_address(EmailAddress(alert.by), mention)
    title = "A question about your access in W&amp;B"
    sentence = (
        f"{who}, an admin of the W&amp;B organization, asks about your access in "
        f"{phrases.place(where)}. You hold {_role(_text(alert, 'found'))} there now, and somebody "
        f"set that in W&amp;B itself. What was approved comes to {_role(_text(alert, 'wanted'))}."
    )
    advice = (
        f"*What to do:* if you need it as it is now, answer {who}, or ask for it with "
        f"`{_command(where)}`. If it is a mistake, tell them. Nothing changes by this message."
    )
    drawn = [
        blocks.section(f":speech_balloon: *{title}*"),
        blocks.section(sentence),
        blocks.section(advice),
        blocks.context(f"Asked {blocks.when(alert.at)}"),
    ]
    return blocks.message(f"{title}. {sentence}", drawn)


def _refused(alert: Alert, mention: Mention) -> Message:
    title = "A change by somebody else cannot be put back"
    sentence = (
        f"I try to set again what {_whom_and_where(alert, mention)} should hold, and it is not "
        "possible yet. I keep trying as long as the access is open."
    )
    drawn = [
        blocks.section(f":warning: *{title}*"),
        blocks.section(sentence),
        *blocks.quote(_text(alert, "reason")),
        blocks.section(
            "*What to do:* Remove what stands in the way, or set the role by hand in W&amp;B."
        ),
        _footer(alert),
    ]
    return blocks.message(f"{title}. {sentence}", drawn)


def _footer(alert: Alert) -> Block:
    return blocks.context(
        f"Found {blocks.when(alert.at)} · Reference: {blocks.name(alert.subject)}"
    )


def _command(place: Place) -> str:
    is_organization = isinstance(place, Organization)
    return "/wandb request-role" if is_organization else "/wandb request-access"


def _whom_and_where(alert: Alert, mention: Mention) -> str:
    person, _, place = alert.subject.partition(" ")
    who = phrases.person_and_address(EmailAddress(person), mention)
    return f"{who} in {phrases.place(place_from_text(place))}"


def _done(alert: Alert) -> Hand:
    """What was done; rows of earlier versions do not say, and left it."""
    known = {hand.value: hand for hand in Hand}
    return known.get(_text(alert, "done"), Hand.LEFT)


def _text(alert: Alert, key: str) -> str:
    return str(alert.detail.get(key, ""))


def _expected(alert: Alert) -> list[str]:
    value = alert.detail.get("expected", ())
    return [str(each) for each in value] if isinstance(value, list | tuple) else []


def _plain(text: str) -> str:
    """A role as it is stored (`member:Release Steward`), by its name, in plain text."""
    return blocks.plain_name(text.partition(":")[2] or text or "what it was", 60)


def _role(text: str) -> str:
    """The same in mrkdwn; `nothing` stays a word."""
    shown = text.partition(":")[2] or text or "what it was"
    return shown if shown == NOTHING else blocks.strong(shown)
