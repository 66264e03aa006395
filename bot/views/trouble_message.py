"""Alerts about what lasts: a refused key, what cannot be given or taken back, and its end."""

from bot.views import blocks
from bot.views.blocks import Block
from workflows.domain.events import (
    DirectoryAcceptedKey,
    DirectoryRefusedKey,
    LeftoverGone,
    ProvisioningSettled,
    ProvisioningStuck,
)
from workflows.ports import MANY_STUCK, Alert

Content = tuple[str, str, list[Block], str]  # title, sentence, more, advice

_LIST = "Open my Home tab, or run `wandb-access stuck`, for what it is"
_OUTCOMES = {"active": "has been given", "failed": "has failed", "ending": "is over"}


def content(alert: Alert, whom: str) -> Content | None:
    """What such an alert says; None for any other. `whom` is the person and place, escaped."""
    match alert.event:
        case DirectoryRefusedKey.__name__:
            return _refused(alert)
        case DirectoryAcceptedKey.__name__:
            return _accepted(alert)
        case ProvisioningStuck.__name__:
            return _not_given(alert, whom)
        case ProvisioningSettled.__name__:
            outcome = _OUTCOMES.get(str(alert.detail.get("outcome")), "is settled")
            return (
                "Access that could not be given is settled",
                f"What was approved for {whom} {outcome}.",
                [],
                "Nothing is left to do.",
            )
        case LeftoverGone.__name__:
            return (
                "What landed late is gone now",
                f"I have read W&amp;B: nothing of what I once sent for {whom} is left there.",
                [],
                "Nothing is left to do.",
            )
        case event:
            return _many(alert) if event == MANY_STUCK else None


def _refused(alert: Alert) -> Content:
    waiting = _ends(alert.detail.get("waiting"))
    if alert.detail.get("over") is True:
        return (
            "W&amp;B refused my key",
            "That is over: it takes my key again, and what waited is being done.",
            blocks.quote(str(alert.detail.get("reason", ""))),
            "Nothing is left to do.",
        )
    return (
        "W&amp;B refuses my key",
        f"I change nothing there until it takes the key again. {waiting} Nothing is lost: I try "
        "every half a minute, and go on by myself.",
        blocks.quote(str(alert.detail.get("reason", ""))),
        "Give me a key of an organization admin or of an organization-scoped service account "
        "(`WANDB_API_KEY`) and restart me, or give the key's account its rights back.",
    )


def _accepted(alert: Alert) -> Content:
    waiting = _ends(alert.detail.get("waiting"))
    if but := alert.detail.get("but"):
        return (
            "W&amp;B takes my key again, from another process than it refused",
            f"What waited is being done now. {waiting} Refused was (a fingerprint of its key, and "
            f"its name): {blocks.name(str(but))}",
            [],
            "Nothing, if you have replaced the key and restarted. If that process still runs, it "
            "leaves the work to the others: give it the key that they have, or look at its way to "
            "W&amp;B.",
        )
    return (
        "W&amp;B takes my key again",
        f"What waited is being done now. {waiting}",
        [],
        "Nothing is left to do.",
    )


def _ends(count: object) -> str:
    if not isinstance(count, int) or count <= 0:
        return "No end waits."
    return "1 end waits to be taken back." if count == 1 else f"{count} ends wait to be taken back."


def _not_given(alert: Alert, whom: str) -> Content:
    return (
        "Access that was approved cannot be given",
        f"What was approved for {whom} has waited for ten minutes. I keep trying until its own "
        "time is over.",
        blocks.quote(str(alert.detail.get("reason", ""))),
        "Remove what stands in the way; I notice and tell you.",
    )


def _many(alert: Alert) -> Content:
    take, give, leftover = (_count(alert, key) for key in ("take", "give", "leftover"))
    if not take + give + leftover:
        return (
            "Nothing is stuck any more",
            "Everything that could not be given or taken back is settled.",
            [],
            "Nothing is left to do.",
        )
    parts = [
        f"{take} of access that is over cannot be taken back yet" if take else "",
        f"{give} of what was approved cannot be given yet" if give else "",
        f"{leftover} of what landed late cannot be taken back yet" if leftover else "",
    ]
    return (
        f"{take + give + leftover} things are stuck",
        f"{'; '.join(filter(None, parts))}. I keep trying; this message follows the numbers.",
        [],
        f"{_LIST}.",
    )


def _count(alert: Alert, key: str) -> int:
    value = alert.detail.get(key)
    return value if isinstance(value, int) else 0
