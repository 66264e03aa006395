"""The list of safeguards is up to date; that each is missed by its test, `make mutants` shows."""

import ast
import re
from collections import Counter

import pytest

from mutants import SAFEGUARDS
from mutants.safeguard import ROOT, Safeguard


@pytest.mark.parametrize("one", SAFEGUARDS, ids=lambda one: one.name)
def test_each_safeguard_is_there_once_and_its_test_exists(one: Safeguard) -> None:
    text = (ROOT / one.file).read_text(encoding="utf-8")
    file, _, name = one.test.partition("::")
    tests = (ROOT / "tests" / file).read_text(encoding="utf-8")

    mutated = one.removed_from(text)

    assert mutated != text
    ast.parse(mutated)
    assert re.search(rf"^def {name.partition('[')[0]}\(", tests, re.MULTILINE), one.test


def test_each_safeguard_has_a_name_of_its_own_and_there_are_many() -> None:
    assert max(Counter(one.name for one in SAFEGUARDS).values()) == 1
    assert len(SAFEGUARDS) >= 30


def test_what_is_not_there_exactly_once_is_not_taken_away() -> None:
    one = SAFEGUARDS[0]

    with pytest.raises(ValueError, match="0 times"):
        one.removed_from("")
    with pytest.raises(ValueError, match="2 times"):
        one.removed_from(one.old * 2)
