"""What a search changes for its whole process is put back after each test."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """A search lets the product's log say nothing; other tests listen to it."""
    log = logging.getLogger("workflows")
    level, propagate, handlers = log.level, log.propagate, list(log.handlers)
    yield
    log.setLevel(level)
    log.propagate, log.handlers = propagate, handlers
