"""When the gate closes and opens, who may try, and who is refused alone."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOW
from workflows.domain import gate as gates
from workflows.domain.events import Change, DirectoryAcceptedKey, DirectoryRefusedKey
from workflows.domain.gate import APART, MOST_ALONE, TRY_EVERY, Gate

LATER = NOW + TRY_EVERY


def refused(gate: Gate = Gate(), by: str = "eve", *, at_write: bool = False) -> Gate:  # noqa: B008  # frozen
    return gates.refuse_work(
        gate, by, "403", at_write=at_write, waiting=0, now=NOW, personal=True
    ).entity


def let_work(gate: Gate, by: str, *, wrote: bool = False) -> Change[Gate]:
    return gates.let_work(gate, by, wrote=wrote, waiting=2, now=LATER)


def test_the_first_refusal_closes_it_and_says_so_and_the_next_ones_do_not() -> None:
    closed = gates.refuse_work(Gate(), "eve", "403", at_write=True, waiting=3, now=NOW)
    (event,) = closed.events
    again = gates.refuse_work(closed.entity, "bob", "401", at_write=False, waiting=3, now=LATER)
    reading = gates.refuse_reading(closed.entity, "401", waiting=3, now=LATER)

    assert isinstance(event, DirectoryRefusedKey)
    assert (event.reason, event.waiting) == ("403", 3)
    assert (closed.entity.is_closed, closed.entity.since) == (True, NOW)
    assert again == Change(closed.entity)
    assert reading.events == ()
    assert reading.entity.since == NOW


def test_one_may_try_half_a_minute_later_and_nobody_while_not_even_reading_works() -> None:
    closed = refused()
    tried = gates.trying(closed, "bob", now=LATER)
    unread = gates.refuse_reading(closed, "401", waiting=0, now=NOW).entity

    assert not Gate().may_try(now=NOW)
    assert not closed.may_try(now=NOW)
    assert closed.may_try(now=LATER)
    assert not tried.may_try(now=LATER)
    assert not unread.may_try(now=LATER)
    assert closed.tried_by_hand(now=NOW).may_try(now=NOW)


def test_it_opens_when_nothing_is_refused_any_more() -> None:
    closed = gates.refuse_reading(refused(), "401", waiting=0, now=NOW).entity

    read = gates.let_read(closed, waiting=2, now=LATER)
    assert (read.events, read.entity.is_closed) == ((), True)
    assert read.entity.may_try(now=LATER)

    opened = let_work(read.entity, "eve")
    (event,) = opened.events
    assert isinstance(event, DirectoryAcceptedKey)
    assert (event.since, event.waiting) == (NOW.isoformat(), 2)
    assert (opened.entity.is_closed, opened.entity.opened_at) == (False, LATER)


def test_a_job_that_only_read_says_nothing_about_a_refusal_to_write() -> None:
    closed = refused(at_write=True)
    inconclusive = let_work(closed, "bob")

    assert inconclusive.events == ()
    assert inconclusive.entity.is_closed
    assert inconclusive.entity.may_try(now=LATER)
    assert not let_work(closed, "bob", wrote=True).entity.is_closed
    assert not let_work(closed, "eve").entity.is_closed
    assert not let_work(refused(), "bob").entity.is_closed


def test_who_was_refused_while_another_went_through_is_alone_until_it_goes_through_itself() -> None:
    opened = let_work(refused(), "bob").entity
    assert opened.alone == ("eve",)
    assert let_work(opened, "bob").entity.alone == ("eve",)
    assert let_work(opened, "eve").entity.alone == ()
    assert let_work(refused(), "eve").entity.alone == ()


def test_only_so_many_are_remembered() -> None:
    gate = Gate()
    for number in range(MOST_ALONE + 5):
        gate = let_work(refused(gate, f"p{number}"), "bob").entity

    assert len(gate.alone) == MOST_ALONE
    assert gate.alone[0] == "p5"


def read_by(gate: Gate, process: str, *, refused: bool, later: timedelta) -> Change[Gate]:
    now = NOW + later
    if refused:
        return gates.refuse_reading(gate, "401", waiting=0, now=now, process=process)
    return gates.let_read(gate, waiting=0, now=now, process=process)


def test_where_another_process_reads_the_refused_one_is_apart_until_it_reads_itself() -> None:
    closed = read_by(Gate(), "b", refused=True, later=timedelta(0)).entity
    again = read_by(closed, "c", refused=True, later=timedelta(0))
    opened = read_by(closed, "a", refused=False, later=timedelta(seconds=1))
    (event,) = opened.events
    gate = opened.entity

    assert again == Change(closed)
    assert isinstance(event, DirectoryAcceptedKey)
    assert (event.but, gate.is_closed) == ("b", False)
    assert gate.is_apart("b", now=LATER)
    assert not gate.is_apart("a", now=LATER)
    assert read_by(gate, "b", refused=True, later=TRY_EVERY) == Change(gate)
    back = read_by(gate, "b", refused=False, later=TRY_EVERY)
    assert (back.events, back.entity.apart) == ((), ())


def test_who_is_apart_stays_so_for_ten_minutes_after_the_last_refusal() -> None:
    closed = read_by(Gate(), "b", refused=True, later=timedelta(0)).entity
    gate = read_by(closed, "a", refused=False, later=timedelta(0)).entity
    work = gates.refuse_work(
        gate, "eve", "401", at_write=False, waiting=0, now=NOW + APART, process="b"
    )

    assert work.events == ()
    assert gate.is_apart("b", now=NOW + APART)
    assert not gate.is_apart("b", now=NOW + APART + TRY_EVERY)
    assert work.entity.is_apart("b", now=NOW + 2 * APART)
    other = read_by(work.entity, "c", refused=False, later=3 * APART)
    assert other.entity.apart == ()  # it is gone
    assert read_by(gate, "b", refused=True, later=2 * APART).entity.is_closed


def test_of_two_processes_the_refused_one_is_apart_and_the_person_is_not_alone() -> None:
    closed = gates.refuse_work(
        Gate(), "eve", "403", at_write=True, waiting=0, now=NOW, process="b", personal=True
    ).entity
    both = read_by(closed, "b", refused=True, later=timedelta(0)).entity
    read = read_by(both, "a", refused=False, later=timedelta(0)).entity
    opened = gates.let_work(read, "bob", wrote=True, waiting=0, now=NOW, process="a")

    assert opened.entity.alone == ()
    assert opened.entity.apart == (gates.Apart("b", NOW, "eve", at_write=True),)
    # It may read, and that says nothing of writing.
    assert read_by(opened.entity, "b", refused=False, later=TRY_EVERY).entity.apart
    assert (
        gates.let_work(
            opened.entity, "gus", wrote=True, waiting=0, now=NOW, process="b"
        ).entity.apart
        == ()
    )


def test_where_the_other_process_is_refused_for_the_same_person_neither_is_apart() -> None:
    def refuse(gate: Gate, process: str) -> Gate:
        return gates.refuse_work(
            gate, "eve", "403", at_write=True, waiting=0, now=NOW, process=process, personal=True
        ).entity

    def let(gate: Gate) -> Gate:
        return gates.let_work(gate, "bob", wrote=True, waiting=0, now=NOW, process="a").entity

    gate = let(refuse(let(refuse(Gate(), "b")), "a"))

    assert (gate.alone, gate.apart) == (("eve",), ())


def test_a_401_is_never_about_a_person() -> None:
    closed = gates.refuse_work(Gate(), "eve", "401", at_write=False, waiting=0, now=NOW).entity

    assert let_work(closed, "bob").entity.alone == ()


def test_the_name_of_a_process_does_not_tell_its_key() -> None:
    name = gates.process_name("a secret key", "p1")

    assert name.endswith(" p1")
    assert len(name) == len("01234567 p1")
    assert name != gates.process_name("another key", "p1")
    assert "secret" not in name


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["refuse reading", "let read", "refuse", "let", "try"]),
        st.sampled_from(["eve", "bob"]),
        st.booleans(),
    ),
    max_size=30,
)


@given(steps=STEPS)
def test_whatever_happens_it_is_told_once_when_it_closes_and_once_when_it_opens(
    steps: list[tuple[str, str, bool]],
) -> None:
    gate, told = Gate(), []
    for number, (what, who, flag) in enumerate(steps):
        now = NOW + timedelta(seconds=number)
        before = gate.is_closed
        change = _step(gate, what, who, flag=flag, number=number)
        gate = change.entity
        told += [type(event).__name__ for event in change.events]
        assert (gate.is_closed != before) == bool(change.events)
        assert (gate.since is None) == (not gate.is_closed)
        assert now >= NOW

    assert told == ["DirectoryRefusedKey", "DirectoryAcceptedKey"] * (len(told) // 2) + (
        ["DirectoryRefusedKey"] if gate.is_closed else []
    )


def _step(gate: Gate, what: str, who: str, *, flag: bool, number: int) -> Change[Gate]:
    now = NOW + timedelta(seconds=number)
    match what:
        case "refuse reading":
            return gates.refuse_reading(gate, "401", waiting=0, now=now)
        case "let read":
            return gates.let_read(gate, waiting=0, now=now)
        case "refuse":
            return gates.refuse_work(gate, who, "403", at_write=flag, waiting=0, now=now)
        case "let":
            return gates.let_work(gate, who, wrote=flag, waiting=0, now=now)
        case _:
            return Change(gates.trying(gate, who, now=now))
