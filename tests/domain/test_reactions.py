"""The table of what follows from what."""

import inspect
from dataclasses import fields
from typing import get_type_hints

import pytest

from workflows.domain import deployment_events, events
from workflows.domain.events import Event
from workflows.domain.reactions import REACTIONS, JobKind

EVENTS = [
    kind
    for module in (events, deployment_events)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, Event) and kind is not Event
]


def test_there_are_events_to_look_at() -> None:
    assert {events.GrantExpired, deployment_events.ClockJumped} < set(EVENTS)


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_has_a_reaction_even_if_it_is_none(kind: type[Event]) -> None:
    assert kind in REACTIONS


def test_nothing_else_has_a_reaction() -> None:
    assert set(REACTIONS) == set(EVENTS)


def test_whatever_may_leave_access_behind_owes_an_ensure() -> None:
    owing = {kind for kind, jobs in REACTIONS.items() if JobKind.ENSURE in jobs}

    assert owing == {
        events.GrantIssued,
        events.GrantExpired,
        events.GrantRevoked,
        events.DriftPutBack,
        events.StuckResolved,
    }


def test_every_outcome_is_told_to_people() -> None:
    told = {kind for kind, jobs in REACTIONS.items() if JobKind.NOTIFY in jobs}

    assert told >= {
        events.RequestSubmitted,
        events.RequestApproved,
        events.RequestDenied,
        events.RequestCancelled,
        events.RequestLapsed,
        events.GrantActivated,
        events.GrantEnded,
        events.GrantFailed,
        events.RevocationStuck,
    }


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_holds_plain_values_only(kind: type[Event]) -> None:
    hints = get_type_hints(kind)
    own = {field.name for field in fields(kind)} - {field.name for field in fields(Event)}

    assert {hints[name] for name in own} <= {str, int, bool, tuple[str, ...]}
