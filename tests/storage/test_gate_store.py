"""The gate's one row: what is stored comes back, and only what was loaded is replaced."""

from dataclasses import replace

import pytest

from tests.builders import NOW
from workflows.domain.gate import Gate
from workflows.errors import Conflict
from workflows.storage.database import Database
from workflows.storage.unit_of_work import Work

CLOSED = Gate(working="403", by="eve", at_write=True, since=NOW, try_at=NOW, alone=("bob",))


def test_what_is_stored_comes_back_and_nothing_stored_is_open(database: Database) -> None:
    work = Work(database)
    with work.begin() as begun:
        assert begun.gate.load() == Gate()
        begun.gate.save(CLOSED)
    with work.begin() as begun:
        assert begun.gate.load() == CLOSED
        begun.gate.save(CLOSED)
        assert begun.gate.load() == CLOSED


def test_what_was_changed_meanwhile_is_not_replaced(database: Database) -> None:
    work = Work(database)
    with work.begin() as begun:
        begun.gate.load()
        begun.gate.save(CLOSED)
    with work.look() as looked:
        looked.gate.load()
        with work.begin() as other:
            other.gate.load()
            other.gate.save(replace(CLOSED, tried="bob"))
        with work.begin() as begun:
            begun.gate._loaded = looked.gate._loaded  # what an earlier look saw
            with pytest.raises(Conflict):
                begun.gate.save(Gate())


def test_of_two_that_store_it_first_one_does(database: Database) -> None:
    work = Work(database)
    with work.begin() as begun:
        begun.gate.load()
        begun.gate.save(CLOSED)
    with pytest.raises(Conflict), work.begin() as late:
        late.gate.save(Gate())  # as if it had been loaded before
