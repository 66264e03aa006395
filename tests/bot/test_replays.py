"""What was taken already: refused again, forgotten in time, and bounded without a hole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import replays
from bot.replays import Replays

NOW = 1_790_000_000
AGE = 300


@pytest.fixture
def room_for_three(monkeypatch: pytest.MonkeyPatch) -> Replays:
    monkeypatch.setattr(replays, "MAX_REMEMBERED", 3)
    return Replays(AGE)


def test_the_same_is_taken_once() -> None:
    memory = Replays(AGE)

    assert [memory.take(NOW, b"a", NOW), memory.take(NOW, b"b", NOW)] == [True, True]
    assert [memory.take(NOW, b"a", NOW), memory.take(NOW, b"b", NOW + AGE)] == [False, False]


def test_what_came_to_nothing_may_come_again() -> None:
    memory = Replays(AGE)
    memory.take(NOW, b"a", NOW)
    memory.give_back(NOW, b"a")
    memory.give_back(NOW, b"a")

    assert memory.take(NOW, b"a", NOW)
    assert len(memory) == 1


def test_it_is_forgotten_when_its_signature_is_too_old_anyway() -> None:
    memory = Replays(AGE)
    for number in range(20):
        memory.take(NOW + number % 2, b"%d" % number, NOW)

    memory.take(NOW + AGE + 1, b"later", NOW + AGE + 1)

    assert len(memory) == 11  # those of the second that is still good, and the new one


def test_when_it_is_full_the_oldest_second_goes_and_is_not_taken_again(
    room_for_three: Replays,
) -> None:
    memory = room_for_three
    for second in range(3):
        memory.take(NOW + second, b"a", NOW + 3)

    assert memory.take(NOW + 3, b"a", NOW + 3)  # what Slack signs now still gets in
    assert len(memory) == 3
    assert not memory.take(NOW, b"a", NOW + 3)  # a replay
    assert not memory.take(NOW, b"never seen", NOW + 3)  # could be one: nobody knows any more
    assert not memory.take(NOW + 1, b"a", NOW + 3)


def test_full_of_one_second_it_takes_no_more_of_it(room_for_three: Replays) -> None:
    memory = room_for_three

    taken = [memory.take(NOW, b"%d" % number, NOW) for number in range(5)]

    assert taken == [True, True, True, False, False]
    assert memory.take(NOW + 1, b"a", NOW + 1)
    assert len(memory) == 1


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(-300, 300), st.integers(0, 3))))
def test_nothing_is_ever_taken_twice_while_its_signature_is_good(
    events: list[tuple[int, int, int]],
) -> None:
    memory, taken = Replays(AGE), set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replays, "MAX_REMEMBERED", 4)
        for after, skew, number in sorted(events):
            now, key = NOW + after, (NOW + after + skew, b"%d" % number)
            if memory.take(*key, now):
                assert key not in taken
                taken.add(key)
            assert len(memory) <= 4
