"""Verifying without the keys that it takes: what is missing is told apart from what is wrong."""

import pytest
from sqlalchemy import text

from tests.services.rig import Rig
from workflows.domain.chain import Key, Keys, Seen, key_of
from workflows.domain.verification import NotGiven, Published
from workflows.services import audit_chain
from workflows.services.audit_chain import Verdict
from workflows.storage.chain_store import HEAD

KEY, NEXT, OTHER = key_of("k" * 32), key_of("n" * 32), key_of("o" * 32)


def with_keys(rig: Rig, *keys: Key) -> Verdict:
    """What `audit verify` finds with these keys, the current one first."""
    rig.work.keys, rig.work.seen = Keys(*keys[:1], keys[1:]) if keys else Keys(), Seen()
    with rig.work.look() as work:
        return audit_chain.verify(work)


@pytest.fixture
def two_keys(rig: Rig) -> Rig:
    """A log that one key has sealed, and then the next one."""
    for keys in (Keys(KEY), Keys(NEXT, (KEY,))):
        rig.work.keys, rig.work.seen = keys, Seen()
        rig.deny(rig.submit().id)
        audit_chain.seal(rig.deps)
    return rig


def test_the_keys_that_are_not_given_are_asked_for_one_after_the_other(two_keys: Rig) -> None:
    assert with_keys(two_keys).asks == NotGiven((NEXT.id,), earlier=False)
    assert with_keys(two_keys, OTHER).asks == NotGiven((NEXT.id,), earlier=False)
    assert with_keys(two_keys, NEXT).asks == NotGiven((KEY.id,), earlier=True)
    whole = with_keys(two_keys, NEXT, KEY)
    assert (whole.asks, whole.wrong) == (None, None)


def test_whoever_asks_only_what_is_wrong_is_never_told_that_nothing_is(two_keys: Rig) -> None:
    for keys in ((), (OTHER,), (NEXT,)):
        wrong = with_keys(two_keys, *keys).wrong
        assert wrong is not None
        assert "which is not known here" in wrong.wrong


def test_a_key_that_somebody_wrote_into_a_row_is_asked_of_nobody(two_keys: Rig) -> None:
    with two_keys.database.write() as connection:
        connection.execute(text("UPDATE audit SET key = 'deadbeef' WHERE seq = 2"))

    for keys in ((NEXT, KEY), (NEXT,), ()):
        found = with_keys(two_keys, *keys)
        assert found.asks is None
        assert found.wrong is not None
        assert found.wrong.seq == 2


def test_what_was_stored_after_the_earlier_key_was_retired_is_judged_without_it(
    two_keys: Rig,
) -> None:
    rig = two_keys
    rig.clock.advance(audit_chain.OVERLAP)
    for _ in range(2):  # the first seals that the key is retired
        rig.deny(rig.submit().id)
        audit_chain.seal(rig.deps)
    assert with_keys(rig, NEXT).asks == NotGiven((KEY.id,), earlier=True)
    with rig.database.write() as connection:
        last = connection.execute(text("SELECT max(seq) FROM audit")).scalar_one()
        connection.execute(text("UPDATE audit SET actor = 'm' WHERE seq = :last"), {"last": last})

    found = with_keys(rig, NEXT)

    assert found.asks is None
    assert found.wrong is not None
    assert found.wrong.seq == last
    assert "its content is not what was stored" in found.wrong.wrong


def test_what_waits_after_the_earlier_key_was_retired_is_judged_without_it(two_keys: Rig) -> None:
    rig = two_keys
    rig.clock.advance(audit_chain.OVERLAP)
    rig.deny(rig.submit().id)
    audit_chain.seal(rig.deps)
    rig.submit()
    with rig.database.write() as connection:
        connection.execute(text("UPDATE audit SET actor = 'm' WHERE seq IS NULL"))

    wrong = with_keys(rig, NEXT).wrong

    assert wrong is not None
    assert "its content is not what was stored" in wrong.wrong


@pytest.mark.parametrize("keys", [(), (NEXT,)])
def test_a_key_cell_that_is_no_text_is_named_and_not_taken_for_a_broken_database(
    sqlite_rig: Rig, keys: tuple[Key, ...]
) -> None:
    rig = sqlite_rig
    rig.work.keys = Keys(KEY)
    rig.deny(rig.submit().id)
    audit_chain.seal(rig.deps)
    rig.work.keys, rig.work.seen = Keys(NEXT, (KEY,)), Seen()
    rig.deny(rig.submit().id)
    audit_chain.seal(rig.deps)
    with rig.database.write() as connection:
        connection.execute(text("UPDATE audit SET key = CAST(X'ff66' AS TEXT) WHERE seq = 2"))

    wrong = with_keys(rig, *keys).wrong

    assert wrong is not None
    assert wrong.seq == 2


def test_an_end_that_another_key_has_sealed_is_wrong_and_not_a_key_to_ask_for(
    two_keys: Rig,
) -> None:
    found = with_keys(two_keys, KEY)

    assert found.asks is None
    assert found.wrong is not None
    assert found.wrong.seq == 3
    with two_keys.database.write() as connection:
        connection.execute(text("UPDATE audit SET key = 'deadbeef' WHERE seq = 5"))
        connection.execute(text("DELETE FROM meta WHERE key = :head"), {"head": HEAD})
    assert with_keys(two_keys, NEXT, KEY).asks is None


def test_what_shows_without_a_key_is_wrong_and_no_key_is_asked_for(two_keys: Rig) -> None:
    published = Published(1, "0" * 64, "was published at noon")
    two_keys.work.keys = Keys()
    with two_keys.work.look() as work:
        told = audit_chain.verify(work, [published])
    assert told.asks is None
    assert told.wrong is not None
    assert "another hash was published at noon" in told.wrong.wrong
    with two_keys.database.write() as connection:
        connection.execute(text("DELETE FROM audit WHERE seq = 2"))

    found = with_keys(two_keys)

    assert found.asks is None
    assert found.wrong is not None
    assert found.wrong.wrong == "the row with seq 2 is missing before it."
