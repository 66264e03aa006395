"""The audit log, for a spreadsheet and for programs; and that nothing changes without its row."""

import csv
import io
import json

import pytest

from tests.builders import ADMIN, EVE, NOW, VIEWER, VISION
from tests.services.crashing import Crash, Points, mortal
from tests.services.rig import Rig
from workflows.domain.entitlements import Team
from workflows.services import audit_chain
from workflows.services.audit import COLUMNS, write_csv, write_json
from workflows.storage.records import AuditEntry

FORMULA = '=HYPERLINK("http://evil.example","click")'


def exported(rig: Rig) -> list[dict[str, str]]:
    """The CSV file, read back."""
    out = io.StringIO()
    write_csv(rig.audit(), out)
    out.seek(0)
    return list(csv.DictReader(out))


def test_every_fact_is_one_row_with_who_what_when_before_and_after(rig: Rig) -> None:
    id = rig.approved()
    rig.run()
    rig.give_back(id)
    rig.run()

    rows = exported(rig)

    assert tuple(rows[0]) == COLUMNS
    assert [row["event"] for row in rows] == rig.events()
    approved = next(row for row in rows if row["event"] == "RequestApproved")
    assert approved["actor"] == "ada@corp.example"
    assert (approved["before"], approved["after"]) == ("pending", "approved")
    assert approved["rule"] == "defaults"
    assert approved["at"] == "2026-03-10T12:00:00+00:00"
    assert json.loads(approved["detail"]) == {"approvers": ["ada@corp.example"]}
    assert [int(row["id"]) for row in rows] == sorted(int(row["id"]) for row in rows)


@pytest.mark.parametrize("begins", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(sqlite_rig: Rig, begins: str) -> None:
    rig = sqlite_rig
    request = rig.submit()
    rig.deny(request.id, comment=begins)
    with rig.database.write() as connection:
        row = (begins, request.id)
        connection.exec_driver_sql("UPDATE audit SET actor = ? WHERE subject = ?", row)

    for row_read in exported(rig):
        assert row_read["actor"] == f"'{begins}"


def test_lists_are_written_out_in_one_cell(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.put(EVE, Team("speech"), VIEWER)
    rig.directory.replaces_all = True
    rig.approved(role=ADMIN)
    rig.run()

    (changed,) = [row for row in exported(rig) if row["event"] == "OtherRolesChanged"]
    assert (changed["before"], changed["after"]) == ("speech: viewer", "speech: member")


def test_json_is_one_object_a_line(sqlite_rig: Rig) -> None:
    sqlite_rig.submit(reason=FORMULA + " — für später")
    out = io.StringIO()

    write_json(sqlite_rig.audit(), out)

    (line,) = out.getvalue().splitlines()
    assert json.loads(line)["detail"]["reason"] == FORMULA + " — für später"
    assert json.loads(line)["before"] == ""


@pytest.mark.parametrize("at", [1, 2])  # a transaction begun, about to commit
def test_a_fact_is_stored_in_the_commit_of_its_change_or_not_at_all(rig: Rig, at: int) -> None:
    request = rig.submit()
    mortal(rig, Points(at))
    with pytest.raises(Crash):
        rig.approve(request.id)
    rig.rewire(begin=rig.work.begin, look=rig.work.look)
    assert rig.request(request.id) == request
    assert rig.events() == ["RequestSubmitted"]

    rig.approve(request.id)
    assert rig.events() == ["RequestSubmitted", "RequestApproved", "GrantIssued"]


def test_more_facts_than_a_page_come_out_whole_and_in_order(rig: Rig) -> None:
    rig.submit()
    columns = "at, actor, event, subject, detail"
    with rig.database.write() as connection:
        for _ in range(10):
            double = f"INSERT INTO audit ({columns}) SELECT {columns} FROM audit"
            connection.exec_driver_sql(double)

    ids = [entry.id for entry in rig.audit()]

    assert len(ids) == 1024
    assert ids == sorted(ids)


def test_what_was_issued_and_noted_is_in_after(sqlite_rig: Rig) -> None:
    sqlite_rig.directory.put(EVE, VISION, VIEWER)
    sqlite_rig.approved()
    sqlite_rig.run()
    audit_chain.seal(sqlite_rig.deps)

    rows = {row["event"]: row for row in exported(sqlite_rig)}

    assert (rows["GrantIssued"]["before"], rows["GrantIssued"]["after"]) == ("", "member")
    assert (rows["PriorNoted"]["before"], rows["PriorNoted"]["after"]) == ("", "viewer")
    assert json.loads(rows["GrantIssued"]["detail"])["role"] == "member", "and where it always was"
    seals = [(row["seq"], len(row["hash"])) for row in exported(sqlite_rig)]
    assert seals == [(str(seq), 64) for seq in range(1, len(seals) + 1)]


def test_what_was_expected_and_found_is_before_and_after(sqlite_rig: Rig) -> None:
    out = io.StringIO()
    detail = {"expected": ["member", "nothing"], "found": "admin"}
    drift = AuditEntry(1, NOW, "bot", "DriftFound", "eve team:vision", detail, None, None)

    write_json([drift], out)

    told = json.loads(out.getvalue())
    assert (told["before"], told["after"]) == (["member", "nothing"], "admin")
    assert (told["detail"], told["seq"], told["hash"]) == (detail, None, None)
