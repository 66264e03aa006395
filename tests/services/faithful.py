"""Units of work that look whether what they were given to store is what is stored."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from workflows.domain.events import Change
from workflows.domain.grants import Grant
from workflows.domain.limits import Demand, Limits
from workflows.domain.requests import AccessRequest
from workflows.storage.unit_of_work import E, Entity, UnitOfWork, Work


class FaithfulUnit(UnitOfWork):
    """Reads again what it has just stored: no field is left behind, whoever changes it."""

    def record(self, change: Change[E], *also: Change[Any]) -> E:
        """Store it, and compare."""
        saved = super().record(change, *also)
        for one in (change, *also):
            self._compare(one)
        return saved

    def record_asked(
        self, change: Change[AccessRequest], limits: Limits
    ) -> tuple[AccessRequest, Demand]:
        """The same for a new one."""
        saved = super().record_asked(change, limits)
        self._compare(change)
        return saved

    def record_all(self, changes: Sequence[Change[Grant]]) -> None:
        """The same for many."""
        super().record_all(changes)
        for one in changes:
            self._compare(one)

    def _compare(self, change: Change[Any]) -> None:
        if change.events:
            recorded = replace(change.entity, version=change.entity.version + 1)
            assert self._stored(change.entity) == _as_read(recorded)

    def _stored(self, entity: Entity) -> Entity:
        if isinstance(entity, AccessRequest):
            return self.requests.get(entity.id)
        if isinstance(entity, Grant):
            return self.grants.get(entity.id)
        return self.standings.get(entity.person, entity.place)


def _as_read(entity: Entity) -> Entity:
    """Words that were said at the same moment are read in the order of who said them."""
    if not isinstance(entity, AccessRequest):
        return entity
    words = sorted(entity.decisions, key=lambda one: (one.at, one.approver))
    return replace(entity, decisions=tuple(words))


class FaithfulWork(Work):
    """Opens such units."""

    unit = FaithfulUnit
