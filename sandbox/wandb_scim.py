"""Reading SCIM requests: entity tags, PatchOp bodies, emails and quoted filter values."""

import json
from collections.abc import Mapping
from typing import Any

from sandbox.wandb_records import Problem
from sandbox.wandb_rules import SEATS
from sandbox.wandb_wire import Request, tag


def match_tag(request: Request, version: int) -> None:
    """412 when an `If-Match` header names another version."""
    if request.world.profile.etags and request.if_match not in ("", "*", tag(version)):
        raise Problem(412, "ETag mismatch")


def operations(body: Mapping[str, Any]) -> list[tuple[str, str | None, Any]]:
    """The operations of a PatchOp as (op in lower case, path or None, value)."""
    given = body.get("Operations")
    if not isinstance(given, list) or not given:
        raise Problem(400, "Operations is required")
    read = []
    for operation in given:
        op = operation.get("op") if isinstance(operation, dict) else None
        path = operation.get("path") if isinstance(operation, dict) else None
        known = isinstance(op, str) and op.lower() in ("add", "remove", "replace")
        if not known or not (path is None or isinstance(path, str)):
            raise Problem(400, "unknown operation")
        read.append((str(op).lower(), path or None, operation.get("value")))
    return read


def emails_in(value: Any) -> list[str]:
    """The addresses of a request, the primary one first; empty if the shape is wrong."""
    if not isinstance(value, list):
        return []
    items = [
        item for item in value if isinstance(item, dict) and isinstance(item.get("value"), str)
    ]
    items.sort(key=lambda item: not item.get("primary", False))
    return [item["value"] for item in items if "@" in item["value"]]


def quoted(text: str) -> str:
    """The text inside the quotes of a filter."""
    try:
        return str(json.loads(text))
    except ValueError:
        raise Problem(400, "Unsupported filter") from None


def seat(value: Any) -> str:
    """A seat kind, or a refusal."""
    if value not in SEATS:
        raise Problem(400, "a seat is one of full, viewer, none")
    return str(value)
