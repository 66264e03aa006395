"""`wandb-access audit export` into a file: all of it, or what was there before."""

import os
import stat
import threading
from pathlib import Path

import pytest

from tests.bot.test_main import wandb_access
from tests.services.rig import Rig

CSV = ("audit", "export", "--csv", "-o")


@pytest.mark.parametrize("before", [{}, {"audit.csv": "from yesterday"}])
def test_an_export_that_cannot_begin_leaves_what_was_there_before(
    tmp_path: Path, before: dict[str, str]
) -> None:
    (tmp_path / "access.db").touch()  # a database without tables
    put(tmp_path, before)

    environ = {"DATABASE_URL": f"sqlite:///{tmp_path / 'access.db'}"}
    done = wandb_access(*CSV, str(tmp_path / "audit.csv"), environ=environ, folder=tmp_path)

    assert done.returncode == 1
    assert "wandb-access migrate" in done.stderr
    assert exports(tmp_path) == before


@pytest.mark.parametrize("before", [{}, {"audit.csv": "from yesterday"}])
@pytest.mark.parametrize("cell", ["detail = 'junk'", "detail = '7'", "at = 'noon'"])
def test_a_row_that_cannot_be_read_is_a_sentence_and_leaves_what_was_there_before(
    sqlite_rig: Rig, sqlite_url: str, tmp_path: Path, cell: str, before: dict[str, str]
) -> None:
    sqlite_rig.submit()
    with sqlite_rig.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE audit SET {cell}")
    put(tmp_path, before)

    file = tmp_path / "audit.csv"
    environ = {"DATABASE_URL": sqlite_url}
    done = wandb_access(*CSV, str(file), environ=environ, folder=tmp_path)

    assert done.returncode == 1
    assert "cannot be read; `wandb-access audit verify` says which one" in done.stderr
    assert exports(tmp_path) == before


def put(folder: Path, files: dict[str, str]) -> None:
    """Write these files."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def exports(folder: Path) -> dict[str, str]:
    """Every file of an export, whole or half, and what is in it."""
    found = [path for path in folder.iterdir() if "audit.csv" in path.name]
    return {path.name: path.read_text(encoding="utf-8") for path in found}


def test_an_export_takes_the_place_of_the_last_one_and_is_read_by_nobody_else(
    sqlite_rig: Rig, sqlite_url: str, tmp_path: Path
) -> None:
    sqlite_rig.submit()
    file, link = tmp_path / "audit.csv", tmp_path / "newest.csv"
    file.write_text("from yesterday", encoding="utf-8")
    file.chmod(0o600)
    link.symlink_to(file)

    done = wandb_access(*CSV, str(link), environ={"DATABASE_URL": sqlite_url}, folder=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_text(encoding="utf-8").startswith("id,at,actor")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert link.is_symlink()
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_a_pipe_is_written_to_and_not_replaced(
    sqlite_rig: Rig, sqlite_url: str, tmp_path: Path
) -> None:
    sqlite_rig.submit()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()

    done = wandb_access(*CSV, str(pipe), environ={"DATABASE_URL": sqlite_url}, folder=tmp_path)
    reader.join(timeout=30)

    assert (done.returncode, done.stderr) == (0, "")
    assert pipe.is_fifo()
    assert read[0].startswith("id,at,actor")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "Is a directory"),
        ("nowhere/audit.csv", "No such file or directory"),
        ("access.db/audit.csv", "Not a directory"),
    ],
)
def test_where_no_file_can_be_is_said(sqlite_url: str, tmp_path: Path, name: str, why: str) -> None:
    file = tmp_path / name
    done = wandb_access(*CSV, str(file), environ={"DATABASE_URL": sqlite_url}, folder=tmp_path)

    assert (done.returncode, done.stderr) == (2, f"{file} cannot be written: {why}\n")


def test_a_full_disk_is_a_sentence(sqlite_rig: Rig, sqlite_url: str, tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no full disk to try")
    sqlite_rig.submit()
    environ = {"DATABASE_URL": sqlite_url}

    done = wandb_access(*CSV, str(full), environ=environ, folder=tmp_path)

    assert done.returncode == 2
    assert "cannot be written: No space left on device" in done.stderr
