"""Sealing, verifying, publishing and erasing on both kinds of database."""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.builders import ADA, BOB, EVE, HOUR, OLGA
from tests.services.crashing import Crash, Points, mortal
from tests.services.rig import Rig
from workflows.domain.chain import (
    CHANGE_OF_KEY,
    ERASURE,
    NO_KEY,
    PLAIN,
    RETIREMENT,
    Cell,
    Content,
    Key,
    Keys,
    Seen,
    digest,
    entry,
    key_of,
    moment,
)
from workflows.domain.deployment_events import AuditKeyChanged, AuditKeysRetired, PersonalDataErased
from workflows.domain.entitlements import EmailAddress, Team
from workflows.domain.requests import AccessRequest
from workflows.errors import Refused
from workflows.services import audit_chain, audit_erasure, audit_heads
from workflows.services.audit_chain import Verdict
from workflows.storage.chain_store import HEAD
from workflows.storage.unit_of_work import UnitOfWork

KEY, NEXT = key_of("k" * 32), key_of("n" * 32)


def keyed(rig: Rig, current: Key = KEY, *others: Key) -> Rig:
    """A process that makes and seals the log with this key. It has seen nothing of it yet."""
    rig.work.keys, rig.work.seen = Keys(current, others), Seen()
    return rig


def lived(rig: Rig) -> str:
    """A request that was asked for, granted, and given back: its id."""
    id = rig.approved()
    rig.run()
    rig.give_back(id)
    rig.drain()
    return id


def one_more(rig: Rig, requester: EmailAddress = ADA) -> AccessRequest:
    """One more row: somebody asks for a team that they are not in."""
    return rig.submit(requester=requester, place=Team("speech"))


def sql(rig: Rig, statement: str, **values: object) -> None:
    """As somebody does who can write to the database."""
    with rig.database.write() as connection:
        connection.execute(text(statement), values)


def rows(rig: Rig) -> list[dict[str, Any]]:
    """The table as it is."""
    with rig.database.read() as connection:
        read = connection.execute(text("SELECT * FROM audit ORDER BY id")).mappings()
        return [dict(row) for row in read]


def verdict(rig: Rig, heads: Path | None = None) -> Verdict:
    """What `audit verify` finds."""
    published = audit_heads.read(heads)[0] if heads else []
    with rig.work.look() as work:
        return audit_chain.verify(work, published)


def wrong(rig: Rig) -> str:
    """What is wrong, in words."""
    return str(verdict(rig).wrong)


# -- sealing --------------------------------------------------------------------------------------


def test_every_row_is_sealed_in_order_and_the_chain_is_whole(rig: Rig) -> None:
    lived(keyed(rig))

    sealed = audit_chain.seal(rig.deps)

    found = rows(rig)
    assert sealed == len(found) == verdict(rig).rows
    assert [row["seq"] for row in found] == list(range(1, sealed + 1))
    assert {row["key"] for row in found} == {KEY.id}
    assert [row["prev"] for row in found[1:]] == [row["hash"] for row in found[:-1]]
    assert verdict(rig).wrong is None
    assert verdict(rig).waiting == 0
    assert audit_chain.seal(rig.deps) == 0, "nothing is left to do"
    assert rows(rig) == found


def test_what_is_not_sealed_yet_is_covered_by_its_digest(rig: Rig) -> None:
    lived(keyed(rig))
    whole = verdict(rig)
    assert (whole.wrong, whole.head, whole.waiting) == (None, None, len(rows(rig)))

    sql(rig, "UPDATE audit SET actor = 'mallory' WHERE id = 2")

    assert wrong(rig).startswith("Row 2 (no seq): its content is not what was stored")


def test_many_rows_are_sealed_in_batches(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "BATCH", 2)
    monkeypatch.setattr(audit_chain, "BATCHES", 2)
    lived(rig)

    assert audit_chain.seal(rig.deps) == 4, "a look is bounded"
    while audit_chain.seal(rig.deps):
        pass
    assert verdict(rig).waiting == 0
    assert verdict(rig).wrong is None


@pytest.mark.parametrize("at", range(1, 9))
def test_a_crash_between_any_two_steps_of_sealing_loses_nothing(rig: Rig, at: int) -> None:
    keyed(rig)
    lived(rig)
    before = [row["id"] for row in rows(rig)]
    mortal(rig, Points(at))
    with suppress(Crash):
        audit_chain.seal(rig.deps)
    rig.rewire(begin=rig.work.begin, look=rig.work.look)

    audit_chain.seal(rig.deps)

    assert [row["id"] for row in rows(rig)] == before
    assert [row["seq"] for row in rows(rig)] == list(range(1, len(before) + 1))
    assert verdict(rig).wrong is None


def test_a_row_that_was_changed_before_it_was_sealed_raises_one_alarm(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    keyed(rig)
    rig.submit()
    sql(rig, "UPDATE audit SET subject = 'r-0' WHERE id = 1")

    audit_chain.seal(rig.deps)
    rig.run()

    assert "audit rows were changed before they were sealed" in caplog.messages
    assert rows(rig)[0]["seq"] == 1, "it is sealed as it was found"
    assert wrong(rig).startswith("Row 1 (seq 1): its content is not what was stored")
    told = [one for one in rig.notifier.alerts() if one[0] == "AuditRowsAltered"]
    assert told == [("AuditRowsAltered", f"approver:{OLGA}")]
    audit_chain.seal(rig.deps)
    rig.run()
    assert len(rig.notifier.alerts()) == 1


def test_a_number_that_a_stranger_has_taken_holds_sealing_up_and_loses_nothing(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    keyed(rig)
    rig.submit()
    audit_chain.seal(rig.deps)
    columns = "at, actor, event, subject, detail, salt, digest, prev, hash, key"
    copied = f"INSERT INTO audit ({columns}, seq) SELECT {columns}, seq + 1 FROM audit"
    sql(rig, copied)
    one_more(rig)

    assert audit_chain.seal(rig.deps) == 0

    assert "the audit chain cannot go on" in caplog.messages
    assert wrong(rig).startswith("Row 2 (seq 2): ")
    sql(rig, "DELETE FROM audit WHERE id = 2")
    assert audit_chain.seal(rig.deps) == 1
    assert verdict(rig).wrong is None


# -- what strangers do ----------------------------------------------------------------------------

TEXTS = ("actor", "event", "subject", "detail", "salt", "digest", "prev", "hash", "key")


@pytest.mark.parametrize("column", [*TEXTS, "seq", "at", "id"])
@pytest.mark.parametrize("has_key", [True, False])
def test_any_column_of_any_row_that_is_changed_names_the_row(
    rig: Rig, column: str, has_key: bool
) -> None:
    if has_key:
        keyed(rig)
    lived(rig)
    audit_chain.seal(rig.deps)
    last = len(rows(rig))
    for id in (1, 3, last):
        before = rows(rig)[id - 1]
        named = id
        if column in TEXTS:
            change = f"{column} = substr({column}, 1, length({column}) - 1) || 'X'"
        elif column == "at":
            rig_is_sqlite = rig.database.is_sqlite
            change = (
                "at = replace(at, '2026', '2027')"
                if rig_is_sqlite
                else "at = at + '1 us'::interval"
            )
        else:
            change = f"{column} = {column} + 1000"
            named = id + 1000 if column == "id" else id
        sql(rig, f"UPDATE audit SET {change} WHERE id = {id}")

        assert wrong(rig).startswith(f"Row {named} ("), f"{column} of {id}"

        sql(rig, f"UPDATE audit SET {column} = :was WHERE id = {named}", was=before[column])
        assert verdict(rig).wrong is None


@pytest.mark.parametrize("column", ["seq", "prev", "hash", "key"])
def test_a_part_of_a_seal_that_is_taken_away_names_the_row(rig: Rig, column: str) -> None:
    lived(keyed(rig))
    audit_chain.seal(rig.deps)

    for id in (len(rows(rig)), 3):
        sql(rig, f"UPDATE audit SET {column} = NULL WHERE id = {id}")
        audit_chain.seal(rig.deps)

        assert wrong(rig).startswith(f"Row {id} (")
    assert rows(rig)[2][column] is None, "it is not sealed anew"


@pytest.mark.parametrize("has_key", [True, False])
def test_rows_that_are_deleted_swapped_copied_or_added_are_found(rig: Rig, has_key: bool) -> None:
    if has_key:
        keyed(rig)
    lived(rig)
    audit_chain.seal(rig.deps)
    last = len(rows(rig))
    columns = "at, actor, event, subject, detail, salt, digest"

    sql(rig, f"INSERT INTO audit ({columns}) SELECT {columns} FROM audit WHERE id = 2")
    assert wrong(rig) == f"Row {last + 1} (no seq): it is a copy of row 2."
    sql(rig, f"UPDATE audit SET actor = 'mallory' WHERE id = {last + 1}")
    assert wrong(rig).startswith(f"Row {last + 1} (no seq): its content")
    sql(rig, f"DELETE FROM audit WHERE id = {last + 1}")
    assert verdict(rig).wrong is None

    sql(rig, f"DELETE FROM audit WHERE id = {last}")
    tail = f"The tail was cut after seq {last - 1}: seq {last} was noted by the bot"
    assert wrong(rig).startswith(tail)
    sql(rig, "DELETE FROM audit WHERE id = 3")
    assert wrong(rig) == "Row 4 (seq 4): the row with seq 3 is missing before it."


def test_a_tail_that_was_cut_stays_a_gap_when_sealing_goes_on(rig: Rig) -> None:
    lived(keyed(rig))
    audit_chain.seal(rig.deps)
    last = len(rows(rig))
    sql(rig, f"DELETE FROM audit WHERE id > {last - 2}")

    one_more(rig)
    audit_chain.seal(rig.deps)

    assert f"seq {last - 1} to {last} are missing before it." in wrong(rig)


@pytest.mark.parametrize("noted", ["", "junk", "[1]", '["1", 2, 3]', "[" * 100_000])
def test_without_the_note_of_the_head_the_table_says_where_to_go_on(rig: Rig, noted: str) -> None:
    lived(keyed(rig))
    audit_chain.seal(rig.deps)
    with rig.work.begin() as work:
        work.meta.put(HEAD, noted)

    one_more(rig)

    assert audit_chain.seal(rig.deps) == 1
    assert verdict(rig).wrong is None


@pytest.mark.parametrize(
    "at",
    [
        "2026-03-10T12:00:00.000000",
        "2026-03-10 12:00:00",
        "2026-03-10 12:00:00.000000+00:00",
        "2026-03-10 12:00:00.000000 ",
        "not a date at all",
        "",
        b"2026-03-10 12:00:00.000000",
        b"\xff\xfe",
        1773144000,
        2.5,
        "x" * 100_000,
    ],
)
def test_on_sqlite_any_other_spelling_and_any_junk_is_found(
    sqlite_rig: Rig, at: str | bytes | float
) -> None:
    rig = keyed(sqlite_rig)
    lived(rig)
    audit_chain.seal(rig.deps)

    for column in ("at", "actor", "detail", "salt", "digest", "prev", "hash", "key", "seq"):
        was = rows(rig)[2][column]
        sql(rig, f"UPDATE audit SET {column} = :junk WHERE id = 3", junk=at)
        assert wrong(rig).startswith("Row 3 ("), column
        sql(rig, f"UPDATE audit SET {column} = :was WHERE id = 3", was=was)
    assert verdict(rig).wrong is None


def test_on_sqlite_text_that_is_no_utf_8_is_found(sqlite_rig: Rig) -> None:
    rig = keyed(sqlite_rig)
    lived(rig)
    one_more(rig)
    for id in (len(rows(rig)), 3):  # one that waits, one that is sealed
        sql(rig, f"UPDATE audit SET actor = CAST(x'ff41' AS TEXT) WHERE id = {id}")
        assert wrong(rig).startswith(f"Row {id} (")
        audit_chain.seal(rig.deps)
        assert wrong(rig).startswith(f"Row {id} (seq {id}")


def test_on_postgresql_the_same_time_before_christ_is_found(rig: Rig) -> None:
    if rig.database.is_sqlite:
        pytest.skip("SQLite has no such times")
    lived(keyed(rig))
    audit_chain.seal(rig.deps)

    for at in ("2026-03-10 12:00:00+00 BC", "infinity", "-infinity"):
        sql(rig, f"UPDATE audit SET at = '{at}' WHERE id = 1")
        assert wrong(rig).startswith("Row 1 (seq 1): its content")


def test_on_sqlite_a_damaged_file_is_found_even_where_every_row_is_whole(
    sqlite_rig: Rig, tmp_path: Path
) -> None:
    rig = keyed(sqlite_rig)
    lived(rig)
    audit_chain.seal(rig.deps)
    rig.database.close()
    with closing(sqlite3.connect(tmp_path / "access.db")) as file, file:
        file.execute("PRAGMA writable_schema = ON")
        other = "CREATE INDEX ix_audit_subject ON audit (actor)"
        file.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'ix_audit_subject'", (other,))

    expected = "The database file is damaged: row 1 missing from index ix_audit_subject."
    assert wrong(rig) == expected


# -- keys -----------------------------------------------------------------------------------------


def test_a_new_key_is_noted_in_the_chain_and_both_are_needed_to_verify(rig: Rig) -> None:
    lived(keyed(rig))
    audit_chain.seal(rig.deps)
    keyed(rig, NEXT, KEY)

    audit_chain.seal(rig.deps)

    (change,) = rig.audit("deployment")
    assert (change.event, change.detail) == (CHANGE_OF_KEY, {"before": KEY.id, "after": NEXT.id})
    assert rows(rig)[-1]["key"] == NEXT.id
    assert verdict(rig).wrong is None
    keyed(rig, NEXT)
    assert f"key '{KEY.id}' has sealed it, which is not known here" in wrong(rig)


def test_the_first_key_comes_after_what_was_there_without_one(rig: Rig) -> None:
    lived(rig)
    audit_chain.seal(rig.deps)
    one_more(rig)
    keyed(rig)
    one_more(rig, BOB)

    audit_chain.begin(rig.deps)

    keys = [row["key"] for row in sorted(rows(rig), key=lambda row: row["seq"])]
    assert keys == [NO_KEY] * (len(keys) - 2) + [KEY.id] * 2
    assert verdict(rig).wrong is None
    sql(rig, "UPDATE audit SET actor = 'mallory' WHERE id = 1")
    assert wrong(rig).startswith("Row 1 (seq 1)")


def test_without_the_key_nothing_is_sealed_any_more(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    lived(keyed(rig))
    audit_chain.seal(rig.deps)
    rig.work.keys = Keys()
    one_more(rig)

    assert audit_chain.seal(rig.deps) == 0

    assert "the audit chain cannot go on" in caplog.messages
    keyed(rig, NEXT, KEY)
    one_more(rig, BOB)
    caplog.clear()
    assert audit_chain.seal(rig.deps) == 4, "the change, both rows, and the alarm"
    assert wrong(rig).startswith("Row"), "what was added without the key could be anybody's"


def test_a_key_that_was_replaced_seals_nothing_any_more(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    lived(keyed(rig))
    audit_chain.seal(rig.deps)
    audit_chain.seal(keyed(rig, NEXT, KEY).deps)
    keyed(rig, KEY, NEXT)

    assert audit_chain.seal(rig.deps) == 0

    assert "the audit chain cannot go on" in caplog.messages


def test_the_names_of_events_are_those_that_the_chain_knows() -> None:
    assert AuditKeyChanged.__name__ == CHANGE_OF_KEY
    assert PersonalDataErased.__name__ == ERASURE
    assert AuditKeysRetired.__name__ == RETIREMENT


def cells(row: dict[str, Any]) -> Content:
    """A stored row as digests cover it."""
    at = row["at"]
    at = at if isinstance(at, str) else moment(at)
    return Content(
        row["salt"], at, *(row[name] for name in ("actor", "event", "subject", "detail"))
    )


def insert(rig: Rig, content: Content, key: Key) -> None:
    """As somebody does who can write to the database and has this key."""
    columns = "at, actor, event, subject, detail, salt, digest"
    values: dict[str, Cell] = {**content._asdict(), "digest": digest(key, content)}
    at = ":at" if rig.database.is_sqlite else "CAST(CAST(:at AS text) || '+00' AS timestamptz)"
    names = ":actor, :event, :subject, :detail, :salt, :digest"
    sql(rig, f"INSERT INTO audit ({columns}) VALUES ({at}, {names})", **values)


def rotated(rig: Rig) -> Rig:
    """Rows by the old key, its change, and rows by the new one."""
    lived(keyed(rig))
    audit_chain.begin(rig.deps)
    keyed(rig, NEXT, KEY)
    audit_chain.begin(rig.deps)
    audit_chain.seal(rig.deps)
    one_more(rig)
    audit_chain.seal(rig.deps)
    return rig


def forged(rig: Rig, salt: str = "5" * 32) -> Content:
    """What a stranger would have liked to happen."""
    return cells(rows(rig)[0])._replace(salt=salt, actor="mallory@corp.example")


def alarms(rig: Rig) -> int:
    """How often the admins were told that the log was changed."""
    return rig.events().count("AuditRowsAltered")


def test_a_key_that_was_replaced_counts_for_a_while_and_no_longer(rig: Rig) -> None:
    rotated(rig)
    rig.run()
    assert CHANGE_OF_KEY in {one[0] for one in rig.notifier.alerts()}
    insert(rig, forged(rig), KEY)  # a process that still has the old key, for all that is known
    audit_chain.seal(rig.deps)
    assert (alarms(rig), verdict(rig).wrong) == (0, None)

    rig.clock.advance(audit_chain.OVERLAP)
    insert(rig, forged(rig, "6" * 32), KEY)
    audit_chain.seal(rig.deps)

    assert rig.events().count(RETIREMENT) == 1
    (late,) = [row["id"] for row in rows(rig) if row["salt"] == "6" * 32]
    assert (alarms(rig), wrong(rig).split(":")[0]) == (1, f"Row {late} (seq {late + 1})")
    with pytest.raises(Refused, match=f"Row {late} is not what was stored"):
        audit_erasure.erase(rig.deps, EmailAddress("mallory@corp.example"), "-", by="operator:ops")
    sql(rig, "UPDATE meta SET value = '' WHERE key = :head", head=HEAD)
    insert(rig, forged(rig, "7" * 32), KEY)
    audit_chain.begin(keyed(rig, NEXT, KEY).deps)
    assert alarms(rig) == 2, "another process knows it too"
    assert rig.events().count(RETIREMENT) == 1


def test_a_row_that_waits_with_a_retired_key_is_found(rig: Rig) -> None:
    rotated(rig)
    rig.clock.advance(audit_chain.OVERLAP)
    one_more(rig, BOB)
    audit_chain.seal(rig.deps)
    assert verdict(rig).wrong is None

    insert(rig, forged(rig), KEY)

    assert "its content is not what was stored" in wrong(rig)


def test_who_has_a_replaced_key_vouches_for_no_row(rig: Rig) -> None:
    rotated(rig)
    target = rows(rig)[-1]
    assert target["key"] == NEXT.id
    changed = cells(target)._replace(actor="mallory@corp.example", salt="")
    detail = json.dumps({"reason": "-", "rows": [entry(target["id"], changed)]})
    event = Content("5" * 32, changed.at, "operator:root", ERASURE, "erased-0", detail)
    insert(rig, event, KEY)
    sql(
        rig,
        "UPDATE audit SET actor = 'mallory@corp.example', salt = '' WHERE id = :id",
        id=target["id"],
    )

    assert wrong(rig).startswith(f"Row {target['id']} (")
    audit_chain.seal(rig.deps)
    assert wrong(rig).startswith(f"Row {target['id']} (")


def test_a_log_that_is_replaced_by_one_without_a_key_is_not_taken_over(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    lived(keyed(rig))
    audit_chain.begin(rig.deps)
    last = len(rows(rig))
    history = forged(rig)

    sql(rig, "DELETE FROM audit")
    sql(rig, "DELETE FROM meta WHERE key = :head", head=HEAD)
    insert(rig, history, PLAIN)
    audit_chain.seal(rig.deps)

    assert "the end of the audit log is not mine" in caplog.messages
    assert (alarms(rig), CHANGE_OF_KEY in rig.events()) == (2, False), "the end, and the row"
    assert f"seq 1 to {last} are missing before it" in wrong(rig)


def test_a_note_of_the_head_without_the_key_does_not_start_the_log_anew(rig: Rig) -> None:
    lived(keyed(rig))
    audit_chain.begin(rig.deps)
    for noted in ([99, "0", NO_KEY], [1, "0", KEY.id], [500, "0", NO_KEY]):
        sql(
            rig,
            "UPDATE meta SET value = :told WHERE key = :head",
            told=json.dumps(noted),
            head=HEAD,
        )
        audit_chain.seal(rig.deps)

    assert alarms(rig) == 3
    assert CHANGE_OF_KEY not in rig.events()
    assert verdict(rig).wrong is not None
    sql(
        rig,
        "UPDATE meta SET value = :told WHERE key = :head",
        told=f'[900, "0", "{NO_KEY}"]',
        head=HEAD,
    )
    audit_chain.begin(keyed(rig).deps)
    assert CHANGE_OF_KEY not in rig.events(), "nor does a restart, while rows by the key are there"
    audit_chain.seal(rig.deps)
    assert alarms(rig) == 4


def test_a_log_that_ends_before_the_change_of_the_key_is_not_changed_over_again(rig: Rig) -> None:
    rotated(rig)
    left = [row for row in rows(rig) if row["key"] == KEY.id][-1]
    forged_rows = [[left["seq"] + 50, "0", KEY.id], [left["seq"] + 60, "0", "00000000"]]
    for noted in forged_rows:
        sql(rig, "DELETE FROM audit WHERE key = :next", next=NEXT.id)
        sql(
            rig,
            "UPDATE meta SET value = :told WHERE key = :head",
            told=json.dumps(noted),
            head=HEAD,
        )
        audit_chain.seal(rig.deps)
        assert (alarms(rig), CHANGE_OF_KEY in rig.events()) == (1, False)


def test_two_that_seal_at_once_make_one_chain(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    if rig.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    lived(keyed(rig))
    first_has_sealed, second_waits = threading.Event(), threading.Event()

    @contextmanager
    def slow() -> Iterator[UnitOfWork]:
        with rig.work.begin() as work:
            yield work
            first_has_sealed.set()
            assert second_waits.wait(20)

    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(2) as pool:
        patched.setattr(audit_chain, "BATCH", 2)
        patched.setattr(audit_chain, "BATCHES", 1)
        first = pool.submit(audit_chain.seal, replace(rig.deps, begin=slow))
        assert first_has_sealed.wait(20)
        second = pool.submit(audit_chain.seal, rig.deps)
        deadline = time.monotonic() + 20
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while time.monotonic() < deadline:
            with rig.database.read() as connection:
                if connection.exec_driver_sql(blocked).scalar_one():
                    break
        second_waits.set()
        assert (first.result(20), second.result(20)) == (2, 2)

    assert "the audit chain cannot go on" not in caplog.messages
    assert verdict(rig).wrong is None


@pytest.mark.parametrize(
    "stored", ["garbage", "7", "[1]", '["a", 2, 3]', f"[1, 2, 1{'0' * 400}]", "[" * 100_000]
)
def test_what_is_stored_of_the_last_head_keeps_no_head_away(
    rig: Rig, tmp_path: Path, stored: str
) -> None:
    file = tmp_path / "heads"
    publish = published_to(rig, f"file:{file}")
    rig.submit()
    audit_chain.seal(keyed(rig).deps)
    with rig.work.begin() as work:
        work.meta.put(audit_heads.PUBLISHED, stored)
    publish()
    assert len(audit_heads.read(file)[0]) == 1, "it was never published, for all that is known"

    one_more(rig)
    audit_chain.seal(rig.deps)
    for _ in range(4):
        rig.clock.advance(HOUR / 2)
        with rig.work.begin() as work:
            lie = json.dumps([0, "", rig.clock().timestamp()])
            work.meta.put(audit_heads.PUBLISHED, lie)
        publish()

    assert len(audit_heads.read(file)[0]) == 2


# -- publishing -----------------------------------------------------------------------------------


def published_to(rig: Rig, target: str) -> Callable[[], None]:
    """Publish to there, if it is time."""
    rig.deps = replace(rig.deps, publish_to=target)
    return lambda: audit_heads.publish(rig.deps)


def test_the_head_goes_to_the_log_once_an_hour_when_it_has_changed(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    publish = published_to(rig, "log")
    caplog.set_level(logging.WARNING)
    caplog.handler.setLevel(logging.NOTSET)

    def heads() -> list[int]:
        return [one.__dict__["seq"] for one in caplog.records if one.msg == "audit head"]

    publish()
    assert heads() == [], "nothing is sealed"
    request = rig.submit()
    audit_chain.seal(rig.deps)
    publish()
    assert heads() == [1], "at whatever level the log is"
    one_more(rig)
    audit_chain.seal(rig.deps)
    publish()
    assert heads() == [1]
    rig.clock.advance(HOUR)
    publish()
    rig.clock.advance(HOUR)
    publish()
    assert heads() == [1, 2]
    one_more(rig, BOB)
    audit_heads.close(rig.deps)
    audit_heads.close(rig.deps)
    assert heads() == [1, 2, 3], "a stop seals and publishes at once"
    rig.deny(request.id)
    audit_chain.seal(rig.deps)
    rig.clock.advance(timedelta(days=-1))
    publish()
    assert heads() == [1, 2, 3, 4], "a clock that was set back keeps nothing away"


def test_the_head_goes_to_a_file_and_a_cut_tail_shows_by_it(rig: Rig, tmp_path: Path) -> None:
    file = tmp_path / "heads"
    publish = published_to(rig, f"file:{file}")
    lived(keyed(rig))
    assert audit_heads.seqs_at_start(rig.deps) is None
    audit_chain.seal(rig.deps)
    publish()
    with file.open("a") as opened:
        opened.write('{"seq": 1')  # a crash in the middle of a line
    one_more(rig)
    audit_heads.close(rig.deps)

    heads, odd = audit_heads.read(file)
    last = len(rows(rig))
    assert ([one.seq for one in heads], odd) == ([last - 1, last], [2])
    assert audit_heads.seqs_at_start(rig.deps) == (last, last)
    assert verdict(rig, file).wrong is None
    sql(rig, f"DELETE FROM audit WHERE id = {last}")
    sql(rig, "DELETE FROM meta")
    assert verdict(rig).wrong is None, "by itself the rest is a whole chain"
    cut = f"The tail was cut after seq {last - 1}: seq {last} was published at"
    assert str(verdict(rig, file).wrong).startswith(cut)
    assert audit_heads.seqs_at_start(rig.deps) == (last, last - 1)
    sql(rig, "DELETE FROM audit")
    assert audit_heads.seqs_at_start(rig.deps) == (last, 0)


@pytest.mark.parametrize(
    "line", ["junk", "7", "{}", '{"seq": "1", "hash": "0", "at": ""}', "[" * 100_000, '{"seq":1}']
)
def test_a_line_that_is_no_head_is_told(tmp_path: Path, line: str) -> None:
    file = tmp_path / "heads"
    file.write_text(f"\n{line}\n", encoding="utf-8")

    assert audit_heads.read(file) == ([], [2])


def test_the_head_goes_to_a_channel_and_is_tried_again(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    publish = published_to(rig, "channel:C0123")
    rig.submit()
    audit_chain.seal(rig.deps)
    rig.notifier.down.add("*")

    publish()
    assert "the audit head could not be published" in caplog.messages
    rig.notifier.down.clear()
    publish()
    publish()

    ((channel, head),) = rig.notifier.heads
    assert (channel, head.seq, head.hash) == ("C0123", 1, rows(rig)[0]["hash"])


def test_a_file_that_cannot_be_written_is_said_and_tried_again(
    rig: Rig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "heads"
    folder.mkdir()
    publish = published_to(rig, f"file:{folder}")
    rig.submit()
    audit_chain.seal(rig.deps)

    publish()
    assert "the audit head could not be published" in caplog.messages
    assert audit_heads.seqs_at_start(rig.deps) is None

    folder.rmdir()
    publish()
    assert len(audit_heads.read(folder)[0]) == 1


# -- erasing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_key", [True, False])
def test_a_person_is_erased_and_the_chain_stays_whole(rig: Rig, has_key: bool) -> None:
    if has_key:
        keyed(rig)
    lived(rig)
    reason = "for Eve@Corp.Example, and others"
    rig.submit(requester=ADA, place=Team("speech"), reason=reason)
    before = {row["id"]: (row["digest"], row["salt"]) for row in rows(rig)}

    erased = audit_erasure.erase(rig.deps, EVE, "she asked for it", by="operator:ops")

    after = rows(rig)
    assert erased.pseudonym.startswith("erased-")
    assert EVE not in json.dumps(after, default=str).casefold()
    assert "to look at the sweep" not in json.dumps(after, default=str)
    assert "and others" in json.dumps(after, default=str), "what others wrote stays"
    assert all(row["digest"] == before[row["id"]][0] for row in after if row["id"] in before)
    blank = [row["id"] for row in after if not row["salt"]]
    assert len(blank) == erased.rows
    assert after[-1]["event"] == ERASURE
    assert after[-1]["seq"] == len(after)
    assert verdict(rig).wrong is None
    assert [entry.id for entry in rig.audit()] == [row["id"] for row in after], "it can be read"

    sql(rig, f"UPDATE audit SET event = 'Other' WHERE id = {blank[0]}")
    assert wrong(rig).startswith(f"Row {blank[0]} (seq {blank[0]}): its content")


def test_erasing_twice_finds_nothing_and_two_people_in_one_row_both_go(rig: Rig) -> None:
    lived(keyed(rig))

    audit_erasure.erase(rig.deps, EVE, "asked", by="operator:ops")
    assert audit_erasure.concerned(rig.deps, EVE) == []
    audit_erasure.erase(rig.deps, ADA, "asked", by="operator:ops")

    assert ADA not in json.dumps(rows(rig), default=str)
    assert verdict(rig).wrong is None
    assert audit_erasure.erase(rig.deps, EVE, "asked", by="operator:ops").rows == 0
    assert rig.events().count(ERASURE) == 2


def test_many_rows_are_vouched_for_by_several_events(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_erasure, "PAGE", 2)
    lived(keyed(rig))

    erased = audit_erasure.erase(rig.deps, EVE, "asked", by="operator:ops")

    assert rig.events().count(ERASURE) == -(-erased.rows // 2)
    assert verdict(rig).wrong is None


def test_who_still_has_access_or_asks_for_it_is_not_erased(rig: Rig) -> None:
    request = rig.submit()
    with pytest.raises(Refused, match="a request that waits"):
        audit_erasure.erase(rig.deps, EVE, "asked", by="operator:ops")
    rig.approve(request.id)
    rig.run()
    with pytest.raises(Refused, match="still has access"):
        audit_erasure.erase(rig.deps, EVE, "asked", by="operator:ops")
    with pytest.raises(Refused, match="would keep it"):
        audit_erasure.erase(rig.deps, ADA, f"{ADA} asked", by="operator:ops")

    assert EVE in json.dumps(rows(rig), default=str)


def test_a_row_that_was_changed_is_not_covered_up_by_an_erasure(rig: Rig) -> None:
    lived(keyed(rig))
    audit_chain.seal(rig.deps)
    sql(rig, "UPDATE audit SET event = 'Other' WHERE id = 1")

    with pytest.raises(Refused, match="Row 1 is not what was stored"):
        audit_erasure.erase(rig.deps, EVE, "asked", by="operator:ops")

    assert ERASURE not in rig.events()
    assert EVE in json.dumps(rows(rig), default=str)


def test_erasing_takes_the_key_that_seals_now(rig: Rig) -> None:
    lived(keyed(rig))
    audit_chain.seal(rig.deps)

    for keys in (Keys(), Keys(NEXT, (KEY,))):
        rig.work.keys = keys
        with pytest.raises(Refused, match="AUDIT_KEY is not the key"):
            audit_erasure.erase(rig.deps, EVE, "asked", by="operator:ops")
    assert verdict(keyed(rig)).wrong is None
