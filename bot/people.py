"""Slack id ↔ e-mail address, asked of Slack and remembered for a while.

The address is who somebody is: it is what W&B and the policy know. Guests, bots, deactivated people
and people of other workspaces are nobody here (docs.slack.dev/reference/methods/users.info).
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slack_sdk import WebClient

from bot.slack_api import SlackSaidNo, call
from workflows.domain.entitlements import EmailAddress, email_of
from workflows.errors import NotifierUnavailable, Refused

REMEMBERED = 600.0  # seconds that a person's address and time zone are believed
TO_DECIDE = 60.0  # seconds, where somebody decides by it

_NOT_OURS = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger")


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in this workspace."""

    slack_id: str
    email: EmailAddress
    tz: tzinfo


@dataclass(frozen=True, slots=True)
class _Known:
    member: Member | None
    at: float


class People:
    """Looks people up. `clock` counts seconds and never goes back (`time.monotonic`)."""

    def __init__(self, client: WebClient, *, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._by_id: dict[str, _Known] = {}
        self._by_email: dict[EmailAddress, _Known] = {}

    def get(self, slack_id: str, *, max_age: float = REMEMBERED) -> Member:
        """This member. Raises `Refused` in words for them, and `NotifierUnavailable`."""
        known = self._remembered(self._by_id, slack_id, max_age)
        member = known.member if known else self._read(slack_id)
        if member is None:
            raise Refused(
                "I can only work for full members of this workspace whose e-mail address Slack "
                "shows me. Ask your Slack admin if you think that you are one."
            )
        return member

    def find(self, email: EmailAddress) -> Member | None:
        """The member with this address. Raises `NotifierUnavailable`."""
        known = self._remembered(self._by_email, email, REMEMBERED)
        if known:
            return known.member
        try:
            answer = call(self._client.users_lookupByEmail, email=email)
        except SlackSaidNo as no:
            if no.code != "users_not_found":
                raise NotifierUnavailable(f"Slack refuses to look people up: {no.code}") from no
            member = None
        else:
            member = _member(answer.get("user"))
            if member is not None and member.email != email:
                member = None
        self._remember(member, email=email)
        return member

    def members(self, group: str) -> frozenset[EmailAddress]:
        """The addresses of the people in a user group. Raises `NotifierUnavailable`."""
        try:
            answer = call(self._client.usergroups_users_list, usergroup=group)
        except SlackSaidNo as no:
            if no.code == "no_such_subteam":
                return frozenset()
            raise NotifierUnavailable(f"Slack does not show the group {group}: {no.code}") from no
        found = set()
        for slack_id in answer.get("users") or ():
            known = self._remembered(self._by_id, slack_id, REMEMBERED)
            member = known.member if known else self._read(slack_id)
            if member is not None:
                found.add(member.email)
        return frozenset(found)

    def mentions(self, emails: Iterable[EmailAddress]) -> Mapping[EmailAddress, str]:
        """Slack ids of those among them who are known already; Slack is not asked."""
        with self._lock:
            known = {email: self._by_email.get(email) for email in emails}
        return {email: one.member.slack_id for email, one in known.items() if one and one.member}

    def _read(self, slack_id: str) -> Member | None:
        try:
            answer = call(self._client.users_info, user=slack_id)
        except SlackSaidNo as no:
            if no.code not in ("user_not_found", "user_not_visible"):
                raise NotifierUnavailable(f"Slack refuses to show people: {no.code}") from no
            member = None
        else:
            member = _member(answer.get("user"))
        self._remember(member, slack_id=slack_id)
        return member

    def _remembered(self, where: Mapping[Any, _Known], key: str, max_age: float) -> _Known | None:
        with self._lock:
            known = where.get(key)
        return known if known and self._clock() - known.at <= max_age else None

    def _remember(
        self, member: Member | None, *, slack_id: str = "", email: EmailAddress | None = None
    ) -> None:
        known = _Known(member, self._clock())
        with self._lock:
            if slack_id:
                self._by_id[slack_id] = known
            if email:
                self._by_email[email] = known
            if member:
                self._by_id[member.slack_id] = known
                self._by_email[member.email] = known


def _member(user: object) -> Member | None:
    if not isinstance(user, dict) or any(user.get(flag) for flag in _NOT_OURS):
        return None
    profile = user.get("profile")
    email = profile.get("email") if isinstance(profile, dict) else None
    if not isinstance(email, str) or "@" not in email or not isinstance(user.get("id"), str):
        return None
    return Member(user["id"], email_of(email), _zone(user.get("tz")))


def _zone(name: object) -> tzinfo:
    try:
        return ZoneInfo(name) if isinstance(name, str) and name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
