"""Which listener hears what, looked up by the name that a payload carries.

Bolt asks its listeners one after the other whether a payload is theirs, and each asking costs as
much as a row in the database. So it has one of each kind, however many there are of ours.
"""

import logging
import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from slack_bolt import App, Args

from bot.listeners.parts import Listener
from workflows.errors import NotFound, Refused

_ANY = re.compile("")

log = logging.getLogger(__name__)


class Way(StrEnum):
    """A kind of payload, by Bolt's word for it, in the order that Bolt asks in.

    What people wait for most comes first.
    """

    ACTION = "action"
    VIEW = "view"
    COMMAND = "command"
    OPTIONS = "options"
    SHORTCUT = "shortcut"
    EVENT = "event"


_NAMED_BY: Mapping[Way, str] = {
    Way.ACTION: "action_id",
    Way.VIEW: "callback_id",
    Way.COMMAND: "command",
    Way.OPTIONS: "action_id",
    Way.SHORTCUT: "callback_id",
    Way.EVENT: "type",
}

Heard = Mapping[tuple[Way, str], Listener]


def listen(app: App, heard: Heard, guard: Callable[[Listener], Listener]) -> None:
    """Have Bolt hand everything to the listener of its name."""
    register: Mapping[Way, Callable[..., Callable[[Listener], object]]] = {
        Way.ACTION: app.action,
        Way.VIEW: app.view,
        Way.COMMAND: app.command,
        Way.OPTIONS: app.options,
        Way.SHORTCUT: app.shortcut,
        Way.EVENT: app.event,
    }
    for way in Way:
        register[way](_ANY)(guard(_by_name(way, heard)))


def _by_name(way: Way, heard: Heard) -> Listener:
    named_by = _NAMED_BY[way]

    def hand_on(args: Args) -> None:
        name = args.payload.get(named_by)
        listener = heard.get((way, name)) if isinstance(name, str) else None
        if listener is None:  # of a message or form that another version drew, or of the manifest
            shown = str(name)[:100]
            log.warning("nobody listens to this", extra={"way": str(way), "name_there": shown})
            if way is Way.COMMAND:
                known = " or ".join(f"{name} help" for kind, name in heard if kind is way)
                raise Refused(f"I do not know this command. Try {known}.")
            raise NotFound(f"nobody listens to the {way} {name!r}")
        listener(args)

    return hand_on
