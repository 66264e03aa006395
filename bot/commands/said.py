"""What an operator says with a command, as it is kept: who it is, why, and about whom."""

import getpass
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.commands.exits import wrong
from bot.commands.tables import plain

if TYPE_CHECKING:
    from workflows.domain.entitlements import EmailAddress

LONGEST_NAME = 100  # characters
NAMELESS = "This user has no login name: say with --by who you are."
_ADDRESS = re.compile(r"[^\s@\ud800-\udfff]+@[^\s@\ud800-\udfff]+")  # surrogates: no UTF-8


def operator(by: str, login_name: Callable[[], str] = getpass.getuser) -> str:
    """The actor for the audit log: `--by`, else the login name. What cannot be kept is wrong."""
    from workflows.domain.events import OPERATOR

    name = _on_a_line(by) or _on_a_line(_named(login_name))
    if not name:
        wrong(NAMELESS)
    if len(name) > LONGEST_NAME:
        wrong(f"--by takes a name of at most {LONGEST_NAME} characters.")
    return f"{OPERATOR}{name}"


def reason(text: str, missing: str) -> str:
    """`--reason` without what surrounds it; `missing` is told where nothing is left."""
    from workflows.domain.checks import MAX_REASON

    kept = readable(text).strip()
    if not kept:
        wrong(missing)
    if len(kept) > MAX_REASON:
        wrong(f"--reason takes at most {MAX_REASON:,} characters; these are {len(kept):,}.")
    return kept


def address(email: str) -> "EmailAddress":
    """The address as it is compared; what cannot be one is wrong."""
    from workflows.domain.entitlements import email_of

    if not _ADDRESS.fullmatch(email.strip()):
        wrong(f"{plain(email)} is no e-mail address. Give one like eve@corp.example.")
    return email_of(email)


def _named(login_name: Callable[[], str]) -> str:
    try:
        return login_name()
    except (KeyError, OSError):  # KeyError until Python 3.12: in a container users have no names
        wrong(NAMELESS)


def _on_a_line(name: str) -> str:
    """A login name comes from the environment, and can be anything."""
    return " ".join("".join(one if one.isprintable() else " " for one in readable(name)).split())


def readable(given: str) -> str:
    """Bytes that are no UTF-8 come as lone surrogates, which no database takes."""
    return given.encode("utf-8", "replace").decode()
