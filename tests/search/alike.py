"""When two states are alike: what follows from one follows from the other."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b

from tests.search.machine import Machine
from tests.search.world import held_by_everybody


def digest(machine: Machine) -> bytes:
    """Names this state but for what no longer matters: versions, numbers, times long gone.

    The time is that of the next event: between now and then nothing happens.
    """
    event = machine.next_event()
    now = event[0] if event else machine.world.now
    parts: list[object] = [
        machine.acts_done,
        bool(machine.clicks),
        event,
        sorted(held_by_everybody(machine.world).items()),
        sorted(machine.world.inner.custom_roles),
        machine.world.landings,
        sorted(
            ("" if subject.startswith("alert ") else subject, audience, shows)
            for (subject, audience), shows in machine.world.messages.items()
        ),
        sorted(count for count in machine.world.posts.values() if count > 1),
        sorted(
            (key, str(roles[-1]), sorted(set(map(str, roles))))
            for key, roles in machine.world.hands.items()
        ),
        machine.world.now - machine.world.changed_at <= timedelta(seconds=5),
        *_stored(machine, now),
    ]
    return blake2b(repr(parts).encode(), digest_size=16).digest()


def _stored(machine: Machine, now: datetime) -> Iterator[object]:
    rows = machine.database.rows
    yield rows("SELECT id, status, settled_by, note FROM access_request ORDER BY id")
    yield rows(
        "SELECT id, role, ends_at, status, ended_by, note, stuck,"
        " CASE WHEN status IN ('issued', 'ending') THEN coalesce(over_at, issued_at) END"
        " FROM access_grant ORDER BY id"
    )
    recent = (now - timedelta(minutes=3)).strftime("%Y-%m-%d %H:%M:%S")
    hour = (now - timedelta(minutes=70)).strftime("%Y-%m-%d %H:%M:%S")
    yield rows(
        "SELECT person, place, account, noted, prior, last_seen, unanswered, others, drift,"
        " CASE WHEN sent_at > ? THEN sent_at END,"
        " CASE WHEN last_end_at > ? THEN last_end_at END FROM standing ORDER BY person, place",
        recent,
        hour,
    )
    yield rows(
        "SELECT kind, CASE kind WHEN 'alert' THEN (SELECT event || subject FROM audit"
        "  WHERE id = job.subject) ELSE subject END AS what, due_at, attempts, lease_until"
        " FROM job ORDER BY kind, what"
    )
    yield rows(
        "SELECT subject, audience, ts, drawn, failed FROM receipt"
        " WHERE subject NOT LIKE 'alert %' ORDER BY subject, audience"
    )
