"""The stored copy of the roster: one row, written whole, read again only when it has changed."""

import json
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from workflows.domain.entitlements import EmailAddress, role_from_text, role_to_text
from workflows.domain.roster import Roster, RosterPerson, RosterTeam
from workflows.storage.bookkeeping import RosterRow, table_of

_ROSTER = table_of(RosterRow)
_VERSION = select(_ROSTER.c.version)
_STORED = select(_ROSTER)
_REPLACE = update(_ROSTER).values(
    version=_ROSTER.c.version + 1, read_at=bindparam("now_read_at"), body=bindparam("now_body")
)
_ADD = insert(_ROSTER)


@dataclass(frozen=True, slots=True)
class _Kept:
    version: int
    roster: Roster


class RosterStore:
    """Reads and writes the one row, and remembers what it read last (safe between threads)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def load(self, connection: Connection) -> Roster | None:
        """The last reading, or None when there was never one."""
        version = connection.execute(_VERSION).scalar()
        if version is None:
            return None
        with self._lock:
            kept = self._kept
        if kept is None or kept.version != version:
            row = connection.execute(_STORED).mappings().one()
            kept = _Kept(row["version"], _from_json(json.loads(row["body"]), row["read_at"]))
            with self._lock:
                self._kept = kept
        return kept.roster

    def save(self, connection: Connection, roster: Roster) -> None:
        """Replace the row. Which of two readings is the newer is not asked: a clock may go back."""
        body = json.dumps(_to_json(roster), ensure_ascii=False, separators=(",", ":"))
        replaced = {"now_read_at": roster.read_at, "now_body": body}
        if not connection.execute(_REPLACE, replaced).rowcount:
            first = {"id": 1, "version": 1, "read_at": roster.read_at, "body": body}
            connection.execute(_ADD, first)


def _to_json(roster: Roster) -> dict[str, Any]:
    return {
        "people": [
            [
                person.account,
                person.username,
                person.name,
                person.email,
                sorted(person.emails),
                person.active,
                role_to_text(person.organization_role),
            ]
            for person in roster.people.values()
        ],
        "teams": [
            [team.id, team.name, {who: role_to_text(role) for who, role in team.roles.items()}]
            for team in roster.teams.values()
        ],
        "custom_roles": [role_to_text(role) for role in roster.custom_roles.values()],
        "groups": {group: sorted(members) for group, members in roster.groups.items()},
    }


def _from_json(body: dict[str, Any], read_at: datetime) -> Roster:
    people = [
        RosterPerson(
            account=account,
            username=username,
            name=name,
            email=EmailAddress(email),
            emails=frozenset(EmailAddress(one) for one in emails),
            active=active,
            organization_role=role_from_text(role),
        )
        for account, username, name, email, emails, active, role in body["people"]
    ]
    teams = [
        RosterTeam(id, name, {who: role_from_text(role) for who, role in roles.items()})
        for id, name, roles in body["teams"]
    ]
    roles = [role for text in body["custom_roles"] if (role := role_from_text(text))]
    return Roster(
        read_at=read_at,
        people={person.account: person for person in people},
        teams={team.name: team for team in teams},
        custom_roles={role.name: role for role in roles},
        groups={
            group: frozenset(EmailAddress(one) for one in members)
            for group, members in body["groups"].items()
        },
    )
