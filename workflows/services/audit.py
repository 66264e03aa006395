"""The audit log for other programs: CSV for a spreadsheet, JSON for everything else."""

import csv
import json
from collections.abc import Iterable
from typing import TextIO

from workflows.storage.records import AuditEntry

COLUMNS = (
    "id",
    "at",
    "actor",
    "event",
    "subject",
    "before",
    "after",
    "rule",
    "detail",
    "seq",
    "hash",
)

# Events that say before and after in words of their own, which their detail keeps.
_BEFORE = {"DriftFound": "expected"}
_AFTER = {"DriftFound": "found", "GrantIssued": "role", "PriorNoted": "held"}

# What a spreadsheet would take for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(entries: Iterable[AuditEntry], out: TextIO) -> None:
    """One row a fact. Cells that a spreadsheet would run begin with an apostrophe."""
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for entry in entries:
        row = _row(entry)
        row["detail"] = json.dumps(row["detail"], ensure_ascii=False, sort_keys=True)
        writer.writerow([_cell(row[column]) for column in COLUMNS])


def write_json(entries: Iterable[AuditEntry], out: TextIO) -> None:
    """One object a line."""
    for entry in entries:
        out.write(json.dumps(_row(entry), ensure_ascii=False) + "\n")


def _row(entry: AuditEntry) -> dict[str, object]:
    detail = dict(entry.detail)
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "event": entry.event,
        "subject": entry.subject,
        "before": detail.pop("before", detail.get(_BEFORE.get(entry.event, ""), "")),
        "after": detail.pop("after", detail.get(_AFTER.get(entry.event, ""), "")),
        "rule": detail.pop("rule", ""),
        "detail": detail,
        "seq": entry.seq,
        "hash": entry.hash,
    }


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
