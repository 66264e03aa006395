"""The audit log endpoints, fed by every change.

Source: https://docs.wandb.ai/platform/hosting/monitoring-usage/audit-logging. Which action a SCIM
call writes is assumed.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.wandb_records import Problem, stamp
from sandbox.wandb_rules import Rules
from sandbox.wandb_wire import Answer, Reply, to_answer

PATHS = {"st": "/admin/audit_logs", "mt": "/audit_logs"}
_LIMITS = {"st": 20_000, "mt": 1_000_000}
_MT_DAYS = 7


def audit_logs(world: Rules, query: Mapping[str, str]) -> Answer:
    """The entries of a range of days; newline-delimited on single-tenant unless it is paged."""
    flavour = world.profile.deployment
    start, end = _range(world, query)
    entries = [e for e in world.state.audit if stamp(start) <= str(e["timestamp"]) < stamp(end)]
    if query.get("anonymize") == "true":
        entries = [{k: v for k, v in e.items() if not k.endswith("_email")} for e in entries]
    if flavour == "st" and not query.keys() & {"limit", "endDate"}:
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        return Answer(200, {"content-type": "application/x-ndjson"}, lines.encode())
    first = _number(query, "cursor", 0)
    limit = min(_number(query, "limit", _LIMITS[flavour]), _LIMITS[flavour])
    page = entries[first : first + limit]
    more = first + limit < len(entries)
    body: dict[str, Any] = {
        "audit_logs": page,
        "range_start_time": stamp(start),
        "range_end_time": stamp(end),
        "count": len(page),
        "next_cursor": str(first + limit) if more else "",
    }
    return to_answer(Reply(200, body), "application/json", etags=False)


def _range(world: Rules, query: Mapping[str, str]) -> tuple[datetime, datetime]:
    tomorrow = world.clock().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    days = _number(query, "numDays", 1)
    if world.profile.deployment == "mt" and days > _MT_DAYS:
        raise Problem(400, "numDays must be between 0 and 7")
    if "endDate" in query and (world.profile.deployment == "mt" or "numDays" in query):
        raise Problem(400, "endDate is not supported here")
    span = timedelta(days=max(days, 1))
    if "startDate" not in query:
        return tomorrow - span, tomorrow
    start = _day(query["startDate"])
    if "endDate" in query:
        return start, _day(query["endDate"])
    return start, start + span if "numDays" in query else tomorrow


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Problem(400, "a date is written YYYY-MM-DD") from None


def _number(query: Mapping[str, str], name: str, otherwise: int) -> int:
    text = query.get(name, str(otherwise))
    if not text.isdigit():
        raise Problem(400, f"{name} must be a number")
    return int(text)
