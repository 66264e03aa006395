"""Fleets: each test makes one or more, and they are ended whatever came of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.replicas.fleet import Fleet

Fleets = Callable[..., Fleet]


@pytest.fixture
def fleets(tmp_path: Path) -> Iterator[Fleets]:
    """Make a fleet on a database, with so many people."""
    made: list[Fleet] = []

    def make(database: str, people: int) -> Fleet:
        folder = tmp_path / f"fleet-{len(made)}"
        folder.mkdir()
        made.append(Fleet(folder, database, people))
        made[-1].seed()
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()
