"""Domain values in words: people, places, roles, how long. One phrase for one thing, everywhere.

All of it is mrkdwn with what people wrote in it escaped. `mention` maps addresses to Slack user
ids; whoever is not in it is shown by address.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import assert_never

from bot.views import blocks
from workflows.domain import durations
from workflows.domain.drift import Instead, Word
from workflows.domain.durations import Duration, Permanent, Span, Until
from workflows.domain.entitlements import EmailAddress, Organization, Place, Role, Team
from workflows.domain.events import OPERATOR
from workflows.domain.grants import GrantStatus
from workflows.domain.requests import RequestStatus
from workflows.ports import Notice

Mention = Mapping[EmailAddress, str]

_NAMED = 10  # people named one by one; the rest are counted
_WAITS, TROUBLE = ":hourglass_flowing_sand:", ":warning:"


def person(email: str, mention: Mention) -> str:
    """`<@U…>`, or the address of somebody who is not in this Slack; or an operator's name."""
    if email.startswith(OPERATOR):
        return f"{blocks.name(email.removeprefix(OPERATOR))}, who operates this bot"
    user = mention.get(EmailAddress(email))
    return f"<@{user}>" if user else blocks.escape(email)


def person_and_address(email: EmailAddress, mention: Mention) -> str:
    """Both, where somebody decides by it: a display name is easily borrowed, an address is not."""
    user = mention.get(email)
    return f"<@{user}> ({blocks.escape(email)})" if user else blocks.escape(email)


def people(emails: Iterable[EmailAddress], mention: Mention) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, … and 7 more`; `nobody`."""
    every = list(emails)
    if not every:
        return "nobody"
    shown = [person(email, mention) for email in every[:_NAMED]]
    if len(every) > _NAMED:
        shown.append(f"{len(every) - _NAMED} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def place(where: Place) -> str:
    """The team's name in bold, or `the organization`."""
    match where:
        case Team(name):
            return blocks.strong(name)
        case Organization():
            return "the organization"
        case _:
            assert_never(where)


def role_in(role: Role, where: Place) -> str:
    """`*member* in *vision*`."""
    return f"{blocks.strong(role.name)} in {place(where)}"


def plain_role_in(role: Role, where: Place) -> str:
    """The same for plain_text objects (labels of buttons)."""
    return f"{role.name} in {where}"


def change(held: Role | None, role: Role) -> str:
    """From which role to which."""
    before = blocks.name(held.name) if held else "nothing"
    return f"{before} → {blocks.strong(role.name)}"


def changed(instead: Instead) -> str:
    """What somebody made by hand of what was given, and who has the word."""
    return _changed(instead, "W&amp;B", blocks.strong)


def plain_changed(instead: Instead) -> str:
    """The same for a terminal; the role's name as W&B has it."""
    return _changed(instead, "W&B", str)


def _changed(instead: Instead, wandb: str, shown: Callable[[str], str]) -> str:
    now = f"{wandb} shows {shown(instead.held.name) if instead.held else 'no role'} there now"
    by_hand = f"{now}: somebody changed it by hand"
    match instead.word:
        case Word.ASKED:
            return f"{by_hand}. The organization's admins have been asked."
        case Word.LEFT:
            return f"{now}, and that was left as it is."
        case Word.PUT_BACK:
            return f"{by_hand}. It is to be put back, and {wandb} has not done that yet."
        case _:
            assert_never(instead.word)


def how_long(duration: Duration) -> str:
    """What was asked for: `8 hours`, `until …`, `permanent, without an end`."""
    match duration:
        case Span(seconds):
            return durations.words_of(seconds)
        case Until(moment):
            return f"until {blocks.when(moment)}"
        case Permanent():
            return "permanent, without an end"
        case _:
            assert_never(duration)


def how_long_from(duration: Duration, now: datetime) -> str:
    """The same with the end that it would have: a span starts at the approval."""
    if not isinstance(duration, Span):
        return how_long(duration)
    end = durations.ends_at(duration, approved_at=now)
    assert end is not None, "a span has an end"
    return f"{how_long(duration)}, until about {blocks.when(end)}, if approved now"


def end(ends_at: datetime | None) -> str:
    """`until …`, or `without an end`."""
    return f"until {blocks.when(ends_at)}" if ends_at else "without an end"


def lapses(moment: datetime) -> str:
    """What becomes of a request that nobody decides."""
    return f"Without a decision it lapses {blocks.when(moment)}."


def mark(notice: Notice) -> str:
    """The emoji of how a request stands, or none: decoration, the words beside it say the same."""
    if notice.request.status is RequestStatus.PENDING:
        return _WAITS
    if notice.request.status is not RequestStatus.APPROVED:
        return ""
    grant = notice.grant
    if grant is None or grant.status is GrantStatus.ISSUED:
        return TROUBLE if notice.trouble else _WAITS
    if grant.status is GrantStatus.ACTIVE:
        return ":white_check_mark:"
    failed = grant.status is GrantStatus.FAILED
    return TROUBLE if failed or (grant.status is GrantStatus.ENDING and grant.stuck) else ""


def dated(moment: datetime | None) -> str:
    """`, today at 17:00` behind a sentence; nothing for a moment that was not noted.

    Behind a comma, because Slack writes `today`, `yesterday` or `Nov 27` as it sees fit.
    """
    return f", {blocks.when(moment)}" if moment else ""
