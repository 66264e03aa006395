"""`wandb-access stuck` in a process of its own, beside an engine that it has nothing to do with."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.bot.test_main import wandb_access
from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, OLGA, VISION
from tests.services.rig import Rig
from workflows.domain.durations import Span


@pytest.fixture
def stuck_id(rig: Rig) -> str:
    """Eve's access as an admin is over and stuck: she is the last one. By the real clock."""
    rig.clock.now = datetime.now(UTC) - timedelta(hours=2)  # noqa: TID251 - the command has no other
    rig.rosters.read()
    id = rig.approved(role=ADMIN, duration=Span(3600))
    rig.run()
    for email in (ADA, BOB):
        rig.directory.put(email, VISION, MEMBER)
    rig.rosters.read()
    rig.wait(timedelta(hours=1))
    return id


def test_with_nothing_stuck_stuck_says_so_and_is_content(rig: Rig, tmp_path: Path) -> None:
    environ = {"DATABASE_URL": rig.database.engine.url.render_as_string(hide_password=False)}
    as_table = wandb_access("stuck", environ=environ, folder=tmp_path)
    as_json = wandb_access("stuck", "--json", environ=environ, folder=tmp_path)

    assert (as_table.returncode, as_table.stdout) == (0, "Nothing is stuck.\n")
    assert (as_json.returncode, as_json.stdout) == (0, "")


def test_stuck_lists_what_cannot_be_taken_back_and_retry_makes_it_due(
    rig: Rig, stuck_id: str, tmp_path: Path
) -> None:
    environ = {"DATABASE_URL": rig.database.engine.url.render_as_string(hide_password=False)}

    table = wandb_access("stuck", environ=environ, folder=tmp_path)
    assert table.returncode == 1
    head, line = table.stdout.splitlines()
    assert head.split()[:4] == ["ID", "WHAT", "WHO", "WHERE"]
    assert line.startswith(stuck_id[:12])
    assert "take back" in line
    assert "Nobody else is an admin there" in line

    as_json = wandb_access("stuck", "--json", environ=environ, folder=tmp_path)
    assert as_json.returncode == 1
    (row,) = map(json.loads, as_json.stdout.splitlines())
    assert (row["id"], row["direction"], row["role"]) == (stuck_id, "take back", "admin")

    again = wandb_access("stuck", "retry", stuck_id, environ=environ, folder=tmp_path)
    assert again.returncode == 0
    assert f"take back: admin in vision for {EVE} is due now" in again.stdout


def test_stuck_resolve_settles_it_in_the_operators_name(
    rig: Rig, stuck_id: str, tmp_path: Path
) -> None:
    environ = {"DATABASE_URL": rig.database.engine.url.render_as_string(hide_password=False)}
    arguments = ("stuck", "resolve", stuck_id)

    silent = wandb_access(*arguments, "--reason", " ", environ=environ, folder=tmp_path)
    done = wandb_access(
        *arguments, "--reason", "she stays", "--by", OLGA, environ=environ, folder=tmp_path
    )
    twice = wandb_access(*arguments, "--reason", "again", environ=environ, folder=tmp_path)

    assert silent.returncode == 2
    assert done.returncode == 0
    assert f"settled by hand (operator:{OLGA})" in done.stdout
    assert twice.returncode == 1
    assert f"Nothing that is stuck now has the id {stuck_id}" in twice.stderr
    (entry,) = [one for one in rig.audit(stuck_id) if one.event == "StuckResolved"]
    assert (entry.actor, entry.detail["reason"]) == (f"operator:{OLGA}", "she stays")


def test_where_there_is_no_database_none_is_made_and_the_way_to_the_right_one_is_said(
    tmp_path: Path,
) -> None:
    done = wandb_access("stuck", folder=tmp_path)

    assert done.returncode == 2
    assert f"There is no database at {tmp_path / 'wandb-access.db'}" in done.stderr
    assert "DATABASE_URL" in done.stderr
    assert list(tmp_path.iterdir()) == []
