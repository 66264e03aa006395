"""The one row of `meta` that says whether W&B takes our key; changed only over what was loaded."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from workflows.domain.gate import Apart, Gate
from workflows.errors import Conflict
from workflows.storage.bookkeeping import MetaRow, table_of
from workflows.storage.prepared import Prepared

KEY = "gate"

_META = table_of(MetaRow)
_STORED = Prepared(select(_META.c.value).where(_META.c.key == bindparam("key")))
_REPLACE = update(_META).where(_META.c.key == KEY, _META.c.value == bindparam("old"))
_FIRST = insert(_META)

_MOMENTS = ("since", "opened_at", "try_at")


class GateStore:
    """Loads the state, and saves it in the same transaction over what was loaded."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loaded: str | None = None

    def load(self) -> Gate:
        """The state as it is; open, where nothing was ever stored."""
        stored = _STORED.first(self._connection, key=KEY)
        self._loaded = stored["value"] if stored else None
        return Gate() if self._loaded is None else _from_json(json.loads(self._loaded))

    def save(self, gate: Gate) -> None:
        """Store it. Raises `Conflict` when it was changed since it was loaded."""
        text = json.dumps(asdict(gate), default=datetime.isoformat, sort_keys=True)
        if text == self._loaded:
            return
        if self._loaded is None:
            self._connection.execute(_FIRST, {"key": KEY, "value": text})
            return
        given = {"old": self._loaded, "value": text}
        if self._connection.execute(_REPLACE, given).rowcount != 1:
            raise Conflict("the gate was changed since it was read")


def _from_json(stored: dict[str, Any]) -> Gate:
    moments = {
        name: datetime.fromisoformat(stored[name]) if stored[name] else None for name in _MOMENTS
    }
    apart = tuple(
        Apart(**(one | {"at": datetime.fromisoformat(one["at"])}))
        for one in stored.get("apart", ())
    )
    return Gate(**(stored | moments | {"alone": tuple(stored["alone"]), "apart": apart}))
