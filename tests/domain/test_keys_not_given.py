"""Which keys are missing for verifying, and what shows without them all the same."""

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.domain.test_chain import BOTH, HEAD, KEY, NEXT, NONE, ONE, TEN, head_of, sealed, stored
from workflows.domain.chain import CHANGE_OF_KEY, NO_KEY, PLAIN, Head, Key, Keys, Row, key_of
from workflows.domain.verification import Finding, NotGiven, Published, Walk, not_given

THIRD = key_of("t" * 32)
OTHER = key_of("o" * 32)


def change(number: int, before: Key, to: Key, head: Head) -> Row:
    """The row that says that the key changes, sealed by the new one."""
    told = json.dumps({"before": before.id, "after": to.id})
    row = stored(number, to, event=CHANGE_OF_KEY, detail=told)
    return sealed([row], Keys(to), head)[0]


TO_NEXT = change(11, KEY, NEXT, HEAD)
TWO = [*TEN, TO_NEXT]
TO_THIRD = change(12, NEXT, THIRD, head_of(TO_NEXT))
THREE = [*TWO, TO_THIRD]


def missing(rows: list[Row], keys: Keys) -> NotGiven | None:
    """What is missing, by the newest row."""
    return not_given(rows, keys, head_of(rows[-1]))


def shown(rows: Iterable[Row], keys: Keys, *published: Published) -> Finding | None:
    """What shows without the keys that were not given."""
    rows = list(rows)
    absent = frozenset(str(row.key) for row in rows if keys.find(row.key) is None)
    walk = Walk(keys, {}, {one.seq: one for one in published}, lambda _: [], absent)
    return walk.over(rows)


def test_without_any_key_the_one_that_seals_now_is_missing() -> None:
    assert missing(TEN, NONE) == NotGiven((KEY.id,), earlier=False)
    assert missing(THREE, NONE) == NotGiven((THIRD.id,), earlier=False)
    assert missing(TWO, Keys(PLAIN, (KEY,))) == NotGiven((NEXT.id,), earlier=False)


def test_with_a_key_that_has_sealed_nothing_the_one_that_seals_now_is_missing() -> None:
    assert missing(TWO, Keys(OTHER)) == NotGiven((NEXT.id,), earlier=False)


def test_an_earlier_key_is_missing_when_the_one_after_it_says_so() -> None:
    assert missing(TWO, Keys(NEXT)) == NotGiven((KEY.id,), earlier=True)
    assert missing(THREE, Keys(THIRD)) == NotGiven((NEXT.id,), earlier=True)
    assert missing(THREE, Keys(THIRD, (NEXT,))) == NotGiven((KEY.id,), earlier=True)


def test_of_keys_that_were_given_none_is_missing() -> None:
    assert missing(THREE, Keys(THIRD, (NEXT, KEY))) is None
    assert not_given([], ONE, None) is None
    assert missing(sealed([stored(1, PLAIN)], NONE), NONE) is None
    first = sealed([stored(1, PLAIN)], NONE)
    assert missing([*first, change(2, PLAIN, KEY, head_of(first[0]))], ONE) is None


def test_after_rows_of_the_key_that_was_given_another_one_is_a_strangers() -> None:
    assert missing(TWO, ONE) is None, "an older key, or the end of the log was replaced"
    assert missing([*TEN[:9], replace(TEN[9], key=OTHER.id)], ONE) is None


@pytest.mark.parametrize(
    "forged",
    [
        replace(TO_NEXT, hash="0" * 64),
        replace(TO_NEXT, content=TO_NEXT.content._replace(event="RoleSent")),
        replace(TO_NEXT, content=TO_NEXT.content._replace(detail='{"before": "deadbeef"}')),
        change(11, Key("no id", b""), NEXT, HEAD),
        sealed([stored(11, NEXT, event=CHANGE_OF_KEY, detail="[]")], Keys(NEXT), HEAD)[0],
        sealed([stored(11, NEXT, event=CHANGE_OF_KEY, detail="junk")], Keys(NEXT), HEAD)[0],
        sealed([stored(11, NEXT, event=CHANGE_OF_KEY, detail='{"before": 7}')], Keys(NEXT), HEAD)[
            0
        ],
    ],
)
def test_a_change_of_key_that_the_key_has_not_sealed_itself_names_no_key(forged: Row) -> None:
    assert missing([*TEN, forged], Keys(NEXT)) is None


def test_what_is_no_id_of_a_key_is_asked_of_nobody() -> None:
    assert not_given(TEN, NONE, replace(HEAD, key="\x1b[31mkey")) is None
    assert not_given(TEN, NONE, replace(HEAD, key=NO_KEY)) is None


def test_without_the_key_a_chain_that_nobody_touched_shows_nothing() -> None:
    assert shown(TEN, NONE) is None
    assert shown(THREE, NONE) is None
    assert shown(THREE, Keys(THIRD)) is None
    assert shown([*TEN, stored(11)], NONE) is None
    left_waiting = sealed([stored(12)], BOTH, head_of(TO_NEXT))
    assert shown([*TWO, *left_waiting], Keys(NEXT)) is None, "stored before the change"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*TEN[:4], *TEN[5:]], "the row with seq 5 is missing before it"),
        ([*TEN[:4], replace(TEN[4], hash="0" * 64), *TEN[5:]], "does not follow the row before"),
        ([*TEN[:4], replace(TEN[4], key="deadbeef"), *TEN[5:]], "no change of the key was noted"),
        ([*TEN[:4], replace(TEN[4], prev=None), *TEN[5:]], "its prev was taken away"),
    ],
)
def test_what_breaks_the_chain_shows_without_the_key(rows: list[Row], words: str) -> None:
    finding = shown(rows, NONE)

    assert finding is not None
    assert words in finding.wrong


def test_a_published_head_that_does_not_fit_shows_without_the_key() -> None:
    for seq, words in ((7, "for this seq another hash"), (11, "The tail was cut after seq 10")):
        finding = shown(TEN, NONE, Published(seq, "0" * 64, "was published at noon"))
        assert finding is not None
        assert words in finding.wrong


def test_rows_of_a_key_that_was_given_are_compared_with_their_hash_all_the_same() -> None:
    changed = replace(TO_THIRD, digest="0" * 64)

    finding = shown([*TWO, changed], Keys(THIRD))

    assert finding is not None
    assert finding.id == 12
