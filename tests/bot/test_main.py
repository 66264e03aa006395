"""The command line in a process of its own: what it prints, and with which exit code."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
from alembic import command as alembic
from sqlalchemy import inspect, make_url

from bot.server import listen
from sandbox.bot_process import ROOT, BotProcess
from sandbox.processes import finished, warm
from tests import traced
from tests.builders import EVE
from tests.postgres import Postgres
from tests.services.rig import Rig
from workflows.services.audit import COLUMNS
from workflows.storage.database import Database
from workflows.storage.schema import config

SECRETS = {
    "SLACK_BOT_TOKEN": "xoxb-CANARY-bot-token",
    "SLACK_SIGNING_SECRET": "CANARY-signing-secret",
    "WANDB_API_KEY": "CANARY-wandb-key",
}
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing answers there


def wandb_access(
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    folder: Path,
    python: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run it in `folder` with this environment and no other settings; no traceback may be seen."""
    needed = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    whole = {**needed, "PYTHONPATH": str(ROOT), **(environ or {})}
    if python:
        done = subprocess.run(
            [sys.executable, *python, "-m", "bot", *arguments],
            cwd=folder,
            env=whole,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    else:
        done = finished(arguments, folder=folder, environ=whole, start=traced.start)
    assert "Traceback" not in done.stderr, done.stderr
    assert "CANARY" not in done.stdout + done.stderr
    return done


def environ_of(folder: Path, **changes: str) -> dict[str, str]:
    """All settings that `run` needs, with a database in this folder and nobody outside."""
    return {
        **SECRETS,
        "SLACK_API_URL": f"{NOBODY}/api/",
        "WANDB_BASE_URL": NOBODY,
        "DATABASE_URL": f"sqlite:///{folder / 'access.db'}",
        "HOST": "127.0.0.1",
        **changes,
    }


def test_help_names_the_commands_and_imports_nothing_slow(tmp_path: Path) -> None:
    done = wandb_access("--help", folder=tmp_path, python=("-X", "importtime"))
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("run", "migrate", "policy", "audit", "grants"))
    assert slow_imports(done.stderr) == set()


def slow_imports(importtime: str) -> set[str]:
    """What `-X importtime` lists that takes long to import."""
    imported = {line.rpartition("|")[2].strip() for line in importtime.splitlines()}
    assert "typer" in imported, "the list of imports is what it seems"
    slow = {"slack_bolt", "slack_sdk", "sqlmodel", "sqlalchemy", "httpx", "uvicorn", "pydantic"}
    return imported & (slow | {"bot.app", "bot.settings"})


def test_the_version_is_told_with_the_name_and_imports_nothing_slow(tmp_path: Path) -> None:
    done = wandb_access("--version", folder=tmp_path, python=("-X", "importtime"))

    assert (done.returncode, done.stdout) == (0, f"wandb-access {version('wandb-access-bot')}\n")
    assert slow_imports(done.stderr) == set()


@pytest.mark.parametrize("arguments", [(), ("policy",), ("audit",)])
def test_without_a_command_the_help_is_shown(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = wandb_access(*arguments, folder=tmp_path)
    assert "Usage" in done.stderr
    assert done.returncode == 2


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    done = wandb_access("fly", folder=tmp_path)
    assert done.returncode == 2
    assert "No such command 'fly'" in done.stderr


# -- run -----------------------------------------------------------------------------------------


def test_run_names_every_missing_setting_at_once(tmp_path: Path) -> None:
    done = wandb_access("run", environ={"PORT": "0"}, folder=tmp_path)
    assert done.returncode == 2
    named = [line.partition(" ")[0] for line in done.stderr.splitlines()]
    assert sorted(named[:-1]) == [
        "PORT",
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
        "WANDB_API_KEY",
    ]
    assert done.stderr.endswith(f"There is no file .env in {tmp_path}, where this was started\n")
    assert list(tmp_path.iterdir()) == [], "nothing was made"


def test_run_names_the_mistakes_of_the_policy_file(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\ndefaults:\n  max_duration: soon\n", encoding="utf-8")
    environ = environ_of(tmp_path, POLICY_FILE=str(policy))
    done = wandb_access("run", environ=environ, folder=tmp_path)
    assert done.returncode == 2
    assert "line 3" in done.stderr.casefold()


@pytest.mark.parametrize("command", ["run", "migrate", "audit export --csv"])
def test_a_postgresql_that_is_not_there_is_a_sentence_without_the_password(
    command: str, tmp_path: Path
) -> None:
    url = "postgresql://access:CANARY@127.0.0.1:9/access"
    environ = environ_of(tmp_path, DATABASE_URL=url)
    done = wandb_access(*command.split(), environ=environ, folder=tmp_path)
    assert done.returncode == 1
    assert "(OperationalError): nothing listens at its host and port" in done.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"database": "CANARY"}, "the server has no database of that name"),
        ({"username": "CANARY"}, "it has no such user"),
    ],
)
def test_what_is_wrong_with_a_postgresql_is_said_without_its_address(
    change: dict[str, str], says: str, postgres: Postgres, tmp_path: Path
) -> None:
    with postgres.fresh(migrated=False) as url:
        wrong = make_url(url).set(**change).render_as_string(hide_password=False)
        done = wandb_access("migrate", environ={"DATABASE_URL": wrong}, folder=tmp_path)

    assert done.returncode == 1
    assert says in done.stderr


def test_a_host_whose_name_is_not_known_is_said_without_the_name(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": "postgresql://access:CANARY@CANARY.invalid:5432/access"}

    done = wandb_access("migrate", environ=environ, folder=tmp_path)

    assert done.returncode == 1
    assert "its host has a name that is not known here" in done.stderr


def test_a_folder_in_the_place_of_a_sqlite_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "access.db").mkdir()
    environ = {"DATABASE_URL": "sqlite:///access.db"}

    done = wandb_access("migrate", environ=environ, folder=tmp_path)

    assert done.returncode == 1
    assert f"{tmp_path / 'access.db'} cannot be used (unable to open database file)" in done.stderr


@pytest.mark.parametrize("command", ["run", "migrate"])
def test_an_address_that_cannot_be_taken_apart_is_wrong(command: str, tmp_path: Path) -> None:
    environ = environ_of(tmp_path, DATABASE_URL="postgresql://access:CANARY@host:CANARY/access")
    done = wandb_access(command, environ=environ, folder=tmp_path)
    assert done.returncode == 2
    assert "DATABASE_URL cannot be taken apart" in done.stderr


@pytest.mark.parametrize("command", ["run", "migrate"])
def test_a_folder_that_is_not_there_is_wrong(command: str, tmp_path: Path) -> None:
    environ = environ_of(tmp_path, DATABASE_URL="sqlite:///data/access.db")
    done = wandb_access(command, environ=environ, folder=tmp_path)
    assert done.returncode == 2
    assert "a folder that is not there: data" in done.stderr


def test_run_serves_its_health_page_and_ends_well_when_it_is_told_to(tmp_path: Path) -> None:
    with BotProcess(environ_of(tmp_path), tmp_path, start=warm) as running:
        assert running.wait_until("/healthz", 200).json() == {"status": "alive"}
        assert running.wait_until("/readyz", 503).json()["status"] == "starting"
        assert running.terminate() == 0
    assert "Traceback" not in running.output
    assert "CANARY" not in running.output


def test_a_second_one_on_the_same_file_or_port_says_what_is_in_its_way(tmp_path: Path) -> None:
    with BotProcess(environ_of(tmp_path), tmp_path, start=warm) as running:
        running.wait_until("/healthz", 200)
        same_file = wandb_access("run", environ=environ_of(tmp_path), folder=tmp_path)
        assert same_file.returncode == 1
        assert "Another wandb-access is running on access.db" in same_file.stderr
        other = f"sqlite:///{tmp_path / 'other.db'}"
        environ = environ_of(tmp_path, DATABASE_URL=other, PORT=str(running.port))
        same_port = wandb_access("run", environ=environ, folder=tmp_path)
        assert same_port.returncode == 1
        said = same_port.stderr.splitlines()
        assert len(said) == 2, "it has begun nothing: no record but that it starts"
        why = f"Port {running.port} on 127.0.0.1 cannot be opened: Address already in use."
        assert f"{why} Look at PORT and HOST." in said
        running.terminate()


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_a_second_one_on_the_same_file_by_another_name_is_refused(
    link: str, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    with BotProcess(environ_of(tmp_path), tmp_path, start=warm) as running:
        running.wait_until("/healthz", 200)
        if link == "symbolic":
            other.symlink_to(tmp_path / "access.db")
        else:
            other.hardlink_to(tmp_path / "access.db")
        environ = environ_of(tmp_path, DATABASE_URL=f"sqlite:///{other}")
        second = wandb_access("run", environ=environ, folder=tmp_path)
        running.terminate()
    assert second.returncode == 1
    why = {
        "symbolic": "Another wandb-access is running on other.db.",
        "hard": "other.db has 2 names (hard links).",
    }
    assert why[link] in second.stderr


def test_a_second_one_with_the_same_port_of_metrics_is_told_that_it_is_the_second(
    tmp_path: Path,
) -> None:
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environ = environ_of(tmp_path, METRICS_PORT=str(port))
    with BotProcess(environ, tmp_path, start=warm) as running:
        running.wait_until("/healthz", 200)
        second = wandb_access("run", environ=environ, folder=tmp_path)
        assert second.returncode == 1
        assert "Another wandb-access is running on access.db" in second.stderr
        other = environ | {"DATABASE_URL": f"sqlite:///{tmp_path / 'other.db'}"}
        stranger = wandb_access("run", environ=other, folder=tmp_path)
        assert stranger.returncode == 1
        assert f"Port {port} on 127.0.0.1 cannot be opened" in stranger.stderr
        assert "Look at METRICS_PORT and HOST." in stranger.stderr
        running.terminate()


def test_ctrl_c_ends_it_well_too(tmp_path: Path) -> None:
    with BotProcess(environ_of(tmp_path), tmp_path, start=warm) as running:
        running.wait_until("/healthz", 200)
        assert running.process is not None
        running.process.send_signal(signal.SIGINT)
        assert running.wait_until_over() == 0
    assert "Traceback" not in running.output


# -- what is wrong outside ------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "migrate", "grants", "stuck", "audit verify"])
def test_a_database_whose_table_of_contents_is_no_text_is_damaged(
    command: str, sqlite: Database, sqlite_url: str, tmp_path: Path
) -> None:
    with sqlite.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    sqlite.close()
    file = tmp_path / "access.db"
    whole = file.read_bytes()
    assert b"CREATE TABLE alembic_version" in whole
    file.write_bytes(whole.replace(b"alembic_version", b"alembic_ve\xf2sion"))

    environ = environ_of(tmp_path, DATABASE_URL=sqlite_url)
    done = wandb_access(*command.split(), environ=environ, folder=tmp_path)

    assert done.returncode == 1
    assert f"The database file {file.resolve()} is damaged" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("audit", "erase", "\udcff@x.y", "--reason", "x", "--yes"), 2, "is no e-mail address"),
        (("grants", "--person", "eve@x.\udcff"), 2, "is no e-mail address"),
        (("grants", "revoke", "\udcff", "--reason", "x"), 1, "No access that is open"),
    ],
)
def test_arguments_that_are_no_utf_8_are_answered(
    arguments: tuple[str, ...],
    code: int,
    says: str,
    sqlite: Database,
    sqlite_url: str,
    tmp_path: Path,
) -> None:
    environ = {"DATABASE_URL": sqlite_url}
    done = wandb_access(*arguments, environ=environ, folder=tmp_path)
    assert done.returncode == code
    assert says in done.stderr


@pytest.mark.parametrize("command", ["--version", "--help", "grants", "audit verify", "migrate"])
def test_where_nobody_can_be_told_anything_the_exit_code_says_so(
    command: str, sqlite: Database, sqlite_url: str, tmp_path: Path
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no full disk to try")
    with full.open("w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "bot", *command.split()],
            env={**os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": sqlite_url},
            cwd=tmp_path,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "Standard output cannot be written: No space left on device\n",
    )


# -- migrate and audit ---------------------------------------------------------------------------


@pytest.mark.parametrize("empty_url", ["sqlite", "postgresql"], indirect=True)
def test_migrate_makes_the_tables_and_may_be_called_again(empty_url: str, tmp_path: Path) -> None:
    environ = {"DATABASE_URL": empty_url}
    before = wandb_access("audit", "export", "--json", environ=environ, folder=tmp_path)
    assert before.returncode == (2 if empty_url.startswith("sqlite") else 1)  # 2: no such file
    assert "wandb-access migrate" in before.stderr
    for says in ("A new database", "is up to date (schema "):
        done = wandb_access("migrate", environ=environ, folder=tmp_path)
        assert done.returncode == 0
        assert says in done.stdout
    after = wandb_access("audit", "export", "--json", environ=environ, folder=tmp_path)
    assert (after.returncode, after.stdout) == (0, "")


def test_a_newer_schema_is_left_alone(sqlite: Database, sqlite_url: str, tmp_path: Path) -> None:
    with sqlite.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'from-tomorrow'")
    environ = environ_of(tmp_path, DATABASE_URL=sqlite_url)
    for command in (
        "migrate",
        "run",
        "grants",
        "grants revoke abcdef --reason left",
        "stuck",
        "reconcile",
        "audit verify",
        "audit export --csv",
    ):
        done = wandb_access(*command.split(), environ=environ, folder=tmp_path)
        assert done.returncode == 1
        assert "schema from-tomorrow, which this version does not know" in done.stderr


@pytest.mark.parametrize("empty_url", ["sqlite", "postgresql"], indirect=True)
def test_a_command_on_an_older_schema_names_what_to_do_and_changes_nothing(
    empty_url: str, tmp_path: Path
) -> None:
    database = Database(empty_url)
    settings = config()
    with database.write() as connection:
        settings.attributes["connection"] = connection
        alembic.upgrade(settings, "0004")
    database.close()
    environ = environ_of(tmp_path, DATABASE_URL=empty_url)

    refused = wandb_access("grants", environ=environ, folder=tmp_path)
    migrated = wandb_access("migrate", environ=environ, folder=tmp_path)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "has schema 0004, and this version needs" in refused.stderr
    assert "wandb-access migrate" in refused.stderr
    assert "went from schema 0004 to" in migrated.stdout
    assert wandb_access("grants", environ=environ, folder=tmp_path).returncode == 0


@pytest.mark.parametrize("empty_url", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("command_line", ["migrate", "run", "grants"])
def test_among_the_tables_of_something_else_nothing_is_made(
    command_line: str, empty_url: str, tmp_path: Path
) -> None:
    database = Database(empty_url)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (id INTEGER)")
    environ = environ_of(tmp_path, DATABASE_URL=empty_url)

    done = wandb_access(command_line, environ=environ, folder=tmp_path)

    assert done.returncode == 1
    assert "has tables, and none of them says that it is wandb-access's" in done.stderr
    with database.read() as connection:
        assert inspect(connection).get_table_names() == ["orders"]
    database.close()


@pytest.mark.parametrize("empty_url", ["sqlite", "postgresql"], indirect=True)
def test_another_programs_alembic_schema_is_not_taken_for_a_newer_one_of_ours(
    empty_url: str, tmp_path: Path
) -> None:
    database = Database(empty_url)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('a1b2c3')")
    database.close()

    done = wandb_access("migrate", environ={"DATABASE_URL": empty_url}, folder=tmp_path)

    assert done.returncode == 1
    assert "schema a1b2c3, which this version does not know" in done.stderr


def test_audit_export_writes_every_fact_as_json_or_csv(
    rig: Rig, database_url: str, tmp_path: Path
) -> None:
    request = rig.submit(reason="=1+1, and “Grüße”")
    rig.deny(request.id, comment="not this week")
    environ = {"DATABASE_URL": database_url}

    as_json = wandb_access("audit", "export", "--json", environ=environ, folder=tmp_path)
    facts = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [fact["event"] for fact in facts] == ["RequestSubmitted", "RequestDenied"]
    assert [fact["actor"] for fact in facts] == [EVE, "ada@corp.example"]
    assert {fact["subject"] for fact in facts} == {request.id}

    file = tmp_path / "audit.csv"
    into_file = wandb_access(
        "audit", "export", "--csv", "-o", str(file), environ=environ, folder=tmp_path
    )
    assert (into_file.returncode, into_file.stdout) == (0, "")
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert tuple(rows[0]) == COLUMNS
    assert [row["event"] for row in rows] == ["RequestSubmitted", "RequestDenied"]
    assert "Grüße" in rows[0]["detail"]

    to_screen = wandb_access("audit", "export", "--csv", environ=environ, folder=tmp_path)
    assert list(csv.DictReader(io.StringIO(to_screen.stdout, newline=""))) == rows


@pytest.mark.parametrize("options", [(), ("--csv", "--json")])
def test_audit_export_wants_one_form(options: tuple[str, ...], tmp_path: Path) -> None:
    done = wandb_access("audit", "export", *options, folder=tmp_path)
    assert done.returncode == 2
    assert "one of them" in done.stderr


def test_a_file_that_cannot_be_written_is_wrong(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "audit.json"
    environ = {"DATABASE_URL": sqlite_url}
    arguments = ("audit", "export", "--json", "-o", str(file))
    done = wandb_access(*arguments, environ=environ, folder=tmp_path)
    assert done.returncode == 2
    assert f"{file} cannot be written: No such file or directory" in done.stderr


# -- policy check --------------------------------------------------------------------------------


def test_policy_check_says_that_a_policy_is_one(tmp_path: Path) -> None:
    done = wandb_access("policy", "check", str(ROOT / "policy.example.yaml"), folder=tmp_path)
    assert done.returncode == 0
    assert "is a policy with" in done.stdout


def test_policy_check_names_every_mistake_with_its_line(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    text = "version: 1\ndefaults:\n  approvals: many\n  max_duration: -3d\n  colour: red\n"
    policy.write_text(text, encoding="utf-8")
    done = wandb_access("policy", "check", str(policy), folder=tmp_path)
    assert done.returncode == 2
    for line in (3, 4, 5):
        assert f"line {line}" in done.stderr.casefold()


def test_policy_check_of_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    done = wandb_access("policy", "check", "nowhere.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert "No such file" in done.stderr


def test_comparing_needs_every_setting_and_a_w_and_b_that_answers(tmp_path: Path) -> None:
    missing = wandb_access("reconcile", folder=tmp_path)
    assert missing.returncode == 2
    assert "WANDB_API_KEY" in missing.stderr

    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\ndrift: fight\n")
    environ = environ_of(tmp_path, POLICY_FILE=str(policy))
    wrong = wandb_access("reconcile", folder=tmp_path, environ=environ)
    assert wrong.returncode == 2
    assert "`drift`: write `enforce` or `report`." in wrong.stderr

    environ = environ_of(tmp_path)
    assert wandb_access("migrate", folder=tmp_path, environ=environ).returncode == 0
    silent = wandb_access("reconcile", "--dry-run", folder=tmp_path, environ=environ)
    assert silent.returncode == 1
    assert silent.stderr.startswith("W&B could not be compared: ")
