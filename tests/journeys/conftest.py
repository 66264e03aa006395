"""Journeys: each test makes one, tells its story, and has the end of it checked."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.rig import Journey

Journeys = Callable[..., Journey]


@pytest.fixture
def journeys(tmp_path: Path) -> Iterator[Journeys]:
    """Make a journey that is served but not started; closed and checked after the test."""
    made: list[Journey] = []

    def make(**settings: Any) -> Journey:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        journey = Journey(folder, **settings)
        journey.open()
        made.append(journey)
        return journey

    yield make
    for journey in made:
        journey.close()
    for journey in made:
        journey.check()


@pytest.fixture
def journey(journeys: Journeys) -> Journey:
    """The plain one: newest W&B, signed HTTP, SQLite, spans from a second on; it runs."""
    return journeys().start()
