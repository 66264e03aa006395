"""The audit chain: whatever is done to a row, the walk along the chain names it."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOW
from workflows.domain import chain
from workflows.domain.chain import (
    CHANGE_OF_KEY,
    ERASURE,
    GENESIS,
    PLAIN,
    Cell,
    Content,
    Head,
    Key,
    Keys,
    Row,
    key_of,
)
from workflows.domain.verification import Finding, Published, Walk

KEY = key_of("k" * 32)
NEXT = key_of("n" * 32)
ONE = Keys(KEY)
BOTH = Keys(NEXT, (KEY,))
NONE = Keys()


def content(number: int, *, event: str = "RoleSent", detail: str = "{}") -> Content:
    """What one row tells."""
    return Content(f"salt-{number}", chain.moment(NOW), "bot", event, f"r-{number}", detail)


def stored(number: int, key: Key = KEY, **more: str) -> Row:
    """A row as it waits to be sealed."""
    told = content(number, **more)
    return Row(number, told, chain.digest(key, told))


def sealed(rows: Iterable[Row], keys: Keys = ONE, head: Head | None = None) -> list[Row]:
    """The rows with their seals, in this order."""
    rows = list(rows)
    seals = chain.seal(rows, keys.current, keys, head)
    return [
        replace(row, seq=one.seq, prev=one.prev, hash=one.hash, key=one.key)
        for row, one in zip(rows, seals, strict=True)
    ]


def head_of(row: Row) -> Head:
    """The chain as it ends with this row."""
    assert isinstance(row.seq, int)
    return Head(row.seq, str(row.hash), str(row.key))


def walk(
    rows: list[Row],
    keys: Keys = ONE,
    *,
    published: Iterable[Published] = (),
    by_seq: bool = True,
) -> tuple[Finding | None, Walk]:
    """What is found; the rows come as PostgreSQL gives them, or by id as SQLite does."""

    def place(row: Row) -> tuple[bool, int, int]:
        assert isinstance(row.id, int)
        seq = row.seq if isinstance(row.seq, int) and by_seq else 0
        return (row.seq is None and by_seq, seq, row.id)

    walked = Walk(
        keys,
        chain.vouched((row for row in rows if row.content.event == ERASURE), keys),
        {one.seq: one for one in published},
        lambda hash: [row for row in rows if row.hash == hash or row.seq is None],
    )
    return walked.over(sorted(rows, key=place)), walked


def found(rows: list[Row], keys: Keys = ONE, **more: object) -> Finding:
    """What is found, if anything is."""
    finding, _ = walk(rows, keys, **more)  # type: ignore[arg-type]  # as `walk` has them
    assert finding is not None, "nothing was found"
    return finding


TEN = sealed(stored(number) for number in range(1, 11))
HEAD = head_of(TEN[-1])


def test_a_chain_that_nobody_touched_is_whole() -> None:
    finding, walked = walk([*TEN, stored(11)])

    assert finding is None
    assert (walked.rows, walked.head, walked.waiting) == (11, HEAD, 1)
    assert walked.oldest_waiting == "'2026-03-10 12:00:00.000000'"


def test_nothing_is_a_whole_chain() -> None:
    assert walk([])[0] is None


def test_sealing_in_any_batches_makes_the_same_chain() -> None:
    first = sealed(stored(number) for number in range(1, 5))
    rest = sealed((stored(number) for number in range(5, 11)), head=head_of(first[-1]))

    assert first + rest == TEN
    assert TEN[0].prev == GENESIS


def test_a_time_is_covered_in_utc_whatever_its_zone() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))

    assert chain.moment(there) == chain.moment(NOW) == "2026-03-10 12:00:00.000000"
    assert chain.moment(datetime.min.replace(tzinfo=NOW.tzinfo)) == "0001-01-01 00:00:00.000000"


# -- every column ---------------------------------------------------------------------------------

SET: dict[str, Callable[[Row, Cell], Row]] = {
    **{
        name: lambda row, cell, name=name: replace(  # type: ignore[misc]
            row, content=row.content._replace(**{name: cell})
        )
        for name in Content._fields
    },
    **{
        name: lambda row, cell, name=name: replace(row, **{name: cell})  # type: ignore[misc]
        for name in ("digest", "seq", "prev", "hash", "key")
    },
}
CELLS = st.one_of(
    st.none(),
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
    st.floats(),
    st.binary(max_size=8),
    st.text(max_size=8),
    st.just("\udcff"),  # a byte that is no UTF-8
    st.sampled_from(["2026-03-10T12:00:00.000000", "2026-03-10 12:00:00", GENESIS, "none"]),
)


def cell_of(row: Row, column: str) -> Cell:
    """The cell as it is."""
    within = row if column in ("digest", "seq", "prev", "hash", "key") else row.content
    value: Cell = getattr(within, column)
    return value


@given(
    column=st.sampled_from(sorted(SET)),
    at=st.integers(0, 9),
    cell=CELLS,
    by_seq=st.booleans(),
    keys=st.sampled_from([ONE, NONE]),
)
def test_whatever_is_put_into_any_column_of_any_row_is_found(
    column: str, at: int, cell: Cell, by_seq: bool, keys: Keys
) -> None:
    rows = TEN if keys is ONE else sealed((stored(n, PLAIN) for n in range(1, 11)), NONE)
    changed = SET[column](rows[at], cell)
    is_same = repr(cell_of(changed, column)) == repr(cell_of(rows[at], column))

    noted = Published(10, str(rows[-1].hash), "was noted")
    finding, _ = walk(
        [*rows[:at], changed, *rows[at + 1 :]], keys, published=[noted], by_seq=by_seq
    )

    assert (finding is None) == is_same
    assert finding is None or finding.id in (at + 1, at + 2, None)


@given(
    column=st.sampled_from(sorted(set(SET) - {"seq"})),
    at=st.integers(0, 9),
    where=st.integers(0, 63),
    bit=st.integers(0, 6),
)
def test_a_flipped_bit_names_the_very_row(column: str, at: int, where: int, bit: int) -> None:
    cell = cell_of(TEN[at], column)
    assert isinstance(cell, str)
    where %= len(cell)
    flipped = cell[:where] + chr(ord(cell[where]) ^ (1 << bit)) + cell[where + 1 :]

    finding = found([*TEN[:at], SET[column](TEN[at], flipped), *TEN[at + 1 :]])

    assert (finding.id, finding.seq) == (at + 1, at + 1)


@pytest.mark.parametrize(
    ("column", "cell", "wrong"),
    [
        ("actor", "mallory", "its content is not what was stored"),
        ("seq", 99, "its seq was changed."),
        ("prev", GENESIS, "its prev was changed."),
        ("digest", GENESIS, "its digest was changed."),
        ("digest", b"\x00", "its digest is nothing that is ever stored there."),
        ("key", "none", "its key was changed."),
        ("key", "12345678", "it says that key '12345678' has sealed it, which is not known here"),
        ("hash", GENESIS, f"its hash is not by this key ({KEY.id})"),
        ("hash", 7, "its hash is nothing that is ever stored there."),
        ("hash", None, "its hash was taken away."),
    ],
)
def test_what_is_wrong_is_said(column: str, cell: Cell, wrong: str) -> None:
    finding = found([*TEN[:4], SET[column](TEN[4], cell), *TEN[5:]], by_seq=False)

    assert finding.id == 5
    assert finding.wrong.startswith(wrong)


def test_another_id_is_found_wherever_the_row_then_stands() -> None:
    moved = [*TEN[:4], replace(TEN[4], id=500), *TEN[5:]]

    assert str(found(moved)).startswith("Row 500 (seq 5): its hash is not by this key")
    by_id = "Row 500 (seq 5): it was sealed as seq 5: its seq or id was changed."
    assert str(found(moved, by_seq=False)) == by_id


def test_without_a_key_a_changed_hash_is_found_too() -> None:
    rows = sealed((stored(number, PLAIN) for number in range(1, 4)), NONE)

    finding = found([rows[0], replace(rows[1], hash=GENESIS), rows[2]], NONE)

    assert str(finding) == "Row 2 (seq 2): its hash does not fit: its id or its hash was changed."


# -- rows that come and go ------------------------------------------------------------------------


@pytest.mark.parametrize("by_seq", [True, False])
def test_a_deleted_row_is_named_by_the_next(by_seq: bool) -> None:
    one, three = found([*TEN[:4], *TEN[5:]], by_seq=by_seq), found(TEN[3:], by_seq=by_seq)

    assert str(one) == "Row 6 (seq 6): the row with seq 5 is missing before it."
    assert str(three) == "Row 4 (seq 4): seq 1 to 3 are missing before it."


@pytest.mark.parametrize("by_seq", [True, False])
def test_a_row_whose_seal_was_taken_away_is_named(by_seq: bool) -> None:
    loose = replace(TEN[4], seq=None, prev=None, hash=None, key=None)

    finding = found([*TEN[:4], loose, *TEN[5:]], by_seq=by_seq)

    expected = "Row 5 (no seq): it was sealed as seq 5, and its seal was taken away."
    assert str(finding) == expected


def test_a_waiting_row_is_not_taken_for_a_lost_one() -> None:
    finding = found([*TEN[:4], *TEN[5:], stored(11), replace(stored(12), digest=None)])

    assert str(finding) == "Row 6 (seq 6): the row with seq 5 is missing before it."


@pytest.mark.parametrize("by_seq", [True, False])
@given(first=st.integers(0, 9), second=st.integers(0, 9))
def test_two_rows_that_changed_places_are_found(by_seq: bool, first: int, second: int) -> None:
    rows = list(TEN)
    seals = ("seq", "prev", "hash", "key")
    for here, there in ((first, second), (second, first)):
        taken = {name: getattr(TEN[there], name) for name in seals}
        rows[here] = replace(TEN[here], **taken)

    finding, _ = walk(rows, by_seq=by_seq)

    assert (finding is None) == (first == second)


def test_rows_that_stand_in_another_order_are_found() -> None:
    finding = Walk(ONE, {}, {}, lambda hash: []).over([*TEN, TEN[0]])

    assert str(finding) == "Row 1 (seq 1): it comes after seq 10: rows have changed places."


def test_a_second_chain_is_found() -> None:
    other = sealed(stored(number + 100) for number in range(1, 5))
    rest = sealed((stored(number + 100) for number in range(5, 7)), head=head_of(other[-1]))

    finding = found([*TEN[:4], *rest])

    assert str(finding).startswith("Row 105 (seq 5): it does not follow the row before it")


def test_a_row_that_a_stranger_adds_is_found_sealed_or_not() -> None:
    forged = stored(11, PLAIN)
    by_the_bot = sealed([forged], head=HEAD)

    assert found([*TEN, forged]).id == 11
    assert found([*TEN, *by_the_bot]).id == 11
    assert not next(chain.seal([forged], KEY, ONE, HEAD)).fits
    own = key_of("stranger" * 4)
    of_their_own = sealed([stored(11, own)], Keys(own), HEAD)
    assert "is not known here" in found([*TEN, *of_their_own]).wrong


def test_a_row_that_is_no_text_is_sealed_and_named() -> None:
    odd = replace(stored(11), digest=b"\xff")

    assert found([*TEN, *sealed([odd], head=HEAD)]).id == 11


# -- the tail -------------------------------------------------------------------------------------


@given(kept=st.integers(0, 9))
def test_a_tail_that_was_cut_shows_by_a_published_head(kept: int) -> None:
    published = [Published(10, HEAD.hash, "was published at noon")]

    assert walk(TEN, published=published)[0] is None
    finding = found(TEN[:kept], published=published)

    cut = f"The tail was cut after seq {kept}: seq 10 was published at noon."
    assert str(finding) == cut


def test_a_tail_that_was_replaced_shows_by_a_published_head() -> None:
    finding = found(TEN, published=[Published(7, GENESIS, "was published at noon")])

    assert (finding.id, finding.seq) == (7, 7)
    assert "for this seq another hash was published at noon" in finding.wrong


# -- keys -----------------------------------------------------------------------------------------


def changed(keys: Keys, before: Head, number: int = 11) -> Row:
    """The row that says that the key changes, sealed by the new key."""
    row = stored(number, keys.current, event=CHANGE_OF_KEY)
    return sealed([row], keys, before)[0]


def test_a_key_changes_where_a_row_says_so() -> None:
    change = changed(BOTH, HEAD)
    after = sealed([stored(12, NEXT)], BOTH, head_of(change))

    assert chain.changes_key(BOTH, HEAD)
    assert not chain.changes_key(BOTH, head_of(change))
    assert walk([*TEN, change, *after], BOTH)[0] is None
    assert found([*TEN, change, *after], Keys(NEXT)).id == 1, "the old key is needed"
    assert (
        "no change of the key was noted"
        in found([*TEN, *sealed([stored(11)], BOTH, HEAD)], BOTH).wrong
    )


def test_the_newest_row_has_to_be_sealed_by_the_configured_key() -> None:
    finding = found(TEN, BOTH)

    assert str(finding) == (
        f"Row 10 (seq 10): the newest sealed row is sealed by key {KEY.id}, not by AUDIT_KEY "
        f"({NEXT.id})."
    )
    assert walk(TEN, Keys(PLAIN, (KEY,)))[0] is None, (
        "without AUDIT_KEY it may be any that is known"
    )


def test_a_key_that_was_replaced_does_not_come_back() -> None:
    change = changed(BOTH, HEAD)
    back = changed(Keys(KEY, (NEXT,)), head_of(change), 12)

    finding = found([*TEN, change, back], Keys(KEY, (NEXT,)))

    assert (
        str(finding) == f"Row 12 (seq 12): it is sealed by key '{KEY.id}', which had been replaced."
    )


def test_after_a_key_nothing_is_sealed_without_one() -> None:
    assert chain.waits_for_key(NONE, HEAD)
    assert not chain.waits_for_key(NONE, None)
    forged = changed(NONE, HEAD)

    finding = found([*TEN, forged], ONE)

    assert finding.wrong == "it is sealed without a key, after rows that a key has sealed."


def test_rows_from_before_the_first_key_belong_before_it() -> None:
    plain, own = [stored(1, PLAIN), stored(2, PLAIN)], stored(3)

    assert list(chain.before_key([*plain, own], ONE, None)) == plain
    assert list(chain.before_key([own, *plain], ONE, None)) == []
    assert list(chain.before_key(plain, ONE, HEAD)) == []
    assert list(chain.before_key(plain, NONE, None)) == []
    first = sealed(plain, NONE)
    change = changed(ONE, head_of(first[-1]), 3)
    assert walk([*first, change])[0] is None
    assert walk([*first, stored(4, PLAIN)])[0] is not None, "the newest is not by the key yet"


def test_a_key_shows_neither_itself_nor_half_of_it() -> None:
    assert "k" * 8 not in repr(ONE)
    assert KEY.id == key_of("k" * 32).id != NEXT.id
    assert len(KEY.id) == 8


# -- erasure --------------------------------------------------------------------------------------


def erased(row: Row, id: int, *, key: Key = KEY, detail: str | None = None) -> tuple[Row, Row]:
    """The row without its actor, and the row that vouches for that."""
    left = row.content._replace(actor="erased-1", salt="")
    assert isinstance(row.id, int)
    told = detail or json.dumps({"reason": "asked", "rows": [chain.entry(row.id, left)]})
    return replace(row, content=left), stored(id, key, event=ERASURE, detail=told)


def test_an_erased_row_is_vouched_for_by_a_later_one() -> None:
    row, event = erased(TEN[4], 11)
    rows = [*TEN[:4], row, *TEN[5:]]

    assert walk([*rows, event])[0] is None, "as soon as it is stored"
    assert walk([*rows, *sealed([event], head=HEAD)])[0] is None
    assert found(rows).id == 5, "not without it"
    again, newer = erased(replace(row, content=row.content._replace(subject="erased-2")), 12)
    both = sealed([event, newer], head=HEAD)
    assert walk([*TEN[:4], again, *TEN[5:], *both])[0] is None, "the newest counts"
    assert found([*rows, *both]).id == 5, "and no other"


@pytest.mark.parametrize(
    "detail", ["junk", "[" * 100_000, "[]", "{}", '{"rows": 7}', '{"rows": [7, "five x"]}']
)
def test_what_does_not_vouch_does_no_harm(detail: str) -> None:
    row, event = erased(TEN[4], 11, detail=detail)

    assert found([*TEN[:4], row, *TEN[5:], event]).id == 5


def test_a_stranger_vouches_for_nothing() -> None:
    row, forged = erased(TEN[4], 11, key=PLAIN)
    rows = [*TEN[:4], row, *TEN[5:]]

    assert found([*rows, forged]).id == 5
    assert found([*rows, *sealed([forged], head=HEAD)]).id == 5


def test_without_a_key_an_erasure_vouches_too() -> None:
    first = sealed([stored(1, PLAIN)], NONE)
    row, event = erased(first[0], 2, key=PLAIN)

    assert walk([row, event], NONE)[0] is None
    assert walk([row, *sealed([event], NONE, head_of(first[0]))], NONE)[0] is None


# -- keys that count no longer --------------------------------------------------------------------


def test_only_the_key_that_seals_says_which_keys_count_no_longer() -> None:
    told = {"event": chain.RETIREMENT, "detail": json.dumps({"keys": [KEY.id]})}
    (own,) = sealed([stored(12, NEXT, **told)], BOTH, HEAD)
    (forged,) = sealed([stored(13, KEY, **told)], BOTH, HEAD)
    (plain,) = sealed([stored(14, PLAIN, **told)], NONE, HEAD)

    assert chain.retired([forged, plain, stored(15, NEXT, **told)], BOTH) == {}
    assert chain.retired([own, forged, plain], BOTH) == {KEY.id: 11}
    keys = replace(BOTH, retired={KEY.id: 11})
    assert [keys.counts(KEY, seq) for seq in (10, 11, None)] == [True, False, False]
    assert keys.counts(NEXT, None)
