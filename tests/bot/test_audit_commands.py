"""`wandb-access audit verify` and `audit erase` in a process of their own."""

import json
from pathlib import Path
from random import Random

import pytest

from sandbox.bot_process import BotProcess
from sandbox.processes import warm
from tests.bot.test_main import environ_of, wandb_access
from tests.builders import ADA, EVE
from tests.services.rig import Rig
from workflows.domain.chain import Keys, Seen, key_of
from workflows.services import audit_chain, audit_heads
from workflows.storage.chain_store import HEAD
from workflows.storage.database import Database, sqlite_file

SECRET = "CANARY-audit-key-" + "k" * 32
NEXT = "CANARY-next-audit-key-" + "n" * 32


@pytest.fixture
def told(rig: Rig) -> Rig:
    """A database with some sealed rows."""
    return a_life(rig)


def a_life(rig: Rig) -> Rig:
    """Somebody asks, gets, and gives back; all of it is sealed with the key."""
    rig.work.keys = Keys(key_of(SECRET))
    rig.deny(rig.submit(reason="because <eve@corp.example> asks").id)
    id = rig.approved()
    rig.run()
    rig.give_back(id)
    rig.drain()
    audit_chain.seal(rig.deps)
    return rig


def count(rig: Rig) -> int:
    """How many rows there are."""
    return len(rig.audit())


def test_verify_says_that_the_chain_is_whole_and_what_its_head_is(
    told: Rig, database_url: str, tmp_path: Path
) -> None:
    environ = {"DATABASE_URL": database_url, "AUDIT_KEY": SECRET}
    done = wandb_access("audit", "verify", environ=environ, folder=tmp_path)

    last = told.audit()[-1]
    expected = f"{count(told)} rows, chain is whole, head {last.seq} {last.hash}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_verify_names_the_first_row_that_was_changed(
    told: Rig, database_url: str, tmp_path: Path
) -> None:
    with told.database.write() as connection:
        connection.exec_driver_sql("UPDATE audit SET actor = 'mallory' WHERE id IN (3, 5)")
    environ = {"DATABASE_URL": database_url, "AUDIT_KEY": SECRET}
    done = wandb_access("audit", "verify", environ=environ, folder=tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("Row 3 (seq 3): its content is not what was stored")


def test_verify_takes_the_keys_from_the_settings(
    told: Rig, database_url: str, tmp_path: Path
) -> None:
    told.work.keys, told.work.seen = Keys(key_of(NEXT), (key_of(SECRET),)), Seen()
    audit_chain.seal(told.deps)
    old = tmp_path / "old-keys"
    old.write_text(f"{'x' * 32},{SECRET}\n", encoding="utf-8")
    url = {"DATABASE_URL": database_url}

    def verify(**keys: str) -> tuple[int, str]:
        done = wandb_access("audit", "verify", environ={**url, **keys}, folder=tmp_path)
        return done.returncode, done.stdout + done.stderr

    assert verify(AUDIT_KEY=NEXT, AUDIT_KEYS_OLD_FILE=str(old))[0] == 0
    assert verify(AUDIT_KEY=NEXT)[0] == 2
    code, said = verify(AUDIT_KEY="short", AUDIT_KEYS_OLD="k" * 32 + ",short")
    assert code == 2
    assert said.count("is shorter than 32 characters") == 2


def test_verify_compares_published_heads(told: Rig, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "heads"
    last = told.audit()[-1]
    published = {"seq": last.seq, "hash": last.hash, "at": "2026-03-10T12:00:00+00:00"}
    file.write_text(json.dumps(published) + "\nnonsense\n", encoding="utf-8")
    environ = {"DATABASE_URL": database_url, "AUDIT_KEY": SECRET, "AUDIT_PUBLISH": f"file:{file}"}

    by_itself = wandb_access("audit", "verify", environ=environ, folder=tmp_path)
    assert by_itself.returncode == 0
    assert f"Note: line 2 of {file} is no head" in by_itself.stdout
    assert f"Note: the newest published head is of seq {last.seq}, " in by_itself.stdout
    assert "hours old; while the log grows there is one an hour." in by_itself.stdout
    with file.open("a", encoding="utf-8") as opened:
        opened.write(json.dumps({**published, "at": 7}) + "\n")
    undated = wandb_access("audit", "verify", environ=environ, folder=tmp_path)
    assert f"is of seq {last.seq}, and its time cannot be read." in undated.stdout
    with told.database.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM audit WHERE id = {last.id}")
        connection.exec_driver_sql(f"DELETE FROM meta WHERE key = '{HEAD}'")
    cut = f"The tail was cut after seq {count(told)}: seq {last.seq} was published at '2026-03-10"
    for arguments in ((), ("--heads", str(file))):
        done = wandb_access("audit", "verify", *arguments, environ=environ, folder=tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith(cut)
    file.unlink()
    gone = wandb_access("audit", "verify", environ=environ, folder=tmp_path)
    assert (gone.returncode, "is not there" in gone.stdout) == (0, True)
    missing = wandb_access("audit", "verify", "--heads", "x", environ=environ, folder=tmp_path)
    assert (missing.returncode, "x cannot be read: No such" in missing.stderr) == (2, True)
    file.write_text("no head\n", encoding="utf-8")
    odd = wandb_access("audit", "verify", "--heads", str(file), environ=environ, folder=tmp_path)
    assert (odd.returncode, "has no published head in it" in odd.stderr) == (2, True)


def test_verify_says_what_is_not_wrong_and_good_to_know(
    rig: Rig, database_url: str, tmp_path: Path
) -> None:
    environ = {"DATABASE_URL": database_url}
    rig.submit()
    waiting = wandb_access("audit", "verify", environ=environ, folder=tmp_path)
    assert waiting.returncode == 0
    assert waiting.stdout.startswith("1 row, chain is whole, nothing is sealed yet\n")
    assert "Note: 1 row not sealed yet; the oldest is from '2026-03-10" in waiting.stdout
    audit_chain.seal(rig.deps)
    plain = wandb_access("audit", "verify", environ=environ, folder=tmp_path)
    assert plain.returncode == 0
    assert "Note: the log is sealed without AUDIT_KEY" in plain.stdout
    rig.work.keys, rig.work.seen = Keys(key_of(SECRET)), Seen()
    audit_chain.begin(rig.deps)
    keyed = wandb_access(
        "audit", "verify", environ={**environ, "AUDIT_KEY": SECRET}, folder=tmp_path
    )
    assert keyed.returncode == 0
    assert "Note: seq 1 to 1 were sealed without a key." in keyed.stdout
    assert "own note" not in keyed.stdout
    with rig.work.begin() as work:
        work.meta.put(HEAD, "")
    unnoted = wandb_access(
        "audit", "verify", environ={**environ, "AUDIT_KEY": SECRET}, folder=tmp_path
    )
    assert unnoted.returncode == 0
    assert "Note: the bot's own note of the newest seal is gone" in unnoted.stdout


@pytest.mark.parametrize("seed", range(5))
def test_a_byte_that_flips_in_the_file_is_found_or_leaves_the_log_as_it_was(
    sqlite_rig: Rig, sqlite_url: str, tmp_path: Path, seed: int
) -> None:
    rig = a_life(sqlite_rig)
    before = list(rig.audit())
    random = Random(seed)
    with rig.database.write() as connection:
        pages = (
            [
                int(row[0])
                for row in connection.exec_driver_sql(
                    "SELECT pageno FROM dbstat WHERE name = 'audit' OR name = 'uq_audit_seq'"
                )
            ]
            if has_dbstat(rig.database)
            else []
        )
        size = int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())
    rig.database.close()
    path = sqlite_file(sqlite_url)
    assert path is not None
    data = bytearray(path.read_bytes())
    page = random.choice(pages) if pages else random.randrange(len(data) // size) + 1
    data[(page - 1) * size + random.randrange(size)] ^= 1 << random.randrange(8)
    path.write_bytes(data)

    environ = {"DATABASE_URL": sqlite_url, "AUDIT_KEY": SECRET}
    done = wandb_access("audit", "verify", environ=environ, folder=tmp_path)

    assert done.returncode in (0, 1)
    if done.returncode == 0:
        assert list(rig.audit()) == before
    else:
        assert len(done.stderr.splitlines()) == 1


def has_dbstat(database: Database) -> bool:
    """Whether this SQLite can say which page belongs to which table."""
    with database.read() as connection:
        options = connection.exec_driver_sql("PRAGMA compile_options").scalars()
        return "ENABLE_DBSTAT_VTAB" in set(options)


@pytest.mark.parametrize("command", ["verify", "export --csv"])
def test_a_file_that_is_no_database_any_more_is_a_sentence(command: str, tmp_path: Path) -> None:
    (tmp_path / "access.db").write_bytes(b"\x00garbage" * 1000)
    environ = {"DATABASE_URL": f"sqlite:///{tmp_path / 'access.db'}"}

    done = wandb_access("audit", *command.split(), environ=environ, folder=tmp_path)

    assert done.returncode == 1
    assert done.stderr == (
        f"{tmp_path / 'access.db'} is not a SQLite database. Look at DATABASE_URL; where it is the "
        "right file, it is damaged: restore a backup.\n"
    )


# -- erase ----------------------------------------------------------------------------------------


def test_erase_asks_and_erases_and_the_chain_is_whole(
    told: Rig, database_url: str, tmp_path: Path
) -> None:
    environ = {"DATABASE_URL": database_url, "AUDIT_KEY": SECRET}
    arguments = ("audit", "erase", "EVE@corp.example", "--reason", "request 7 of the DPO")

    unsure = wandb_access(*arguments, environ=environ, folder=tmp_path)
    assert unsure.returncode == 1
    assert EVE in str(told.audit())
    done = wandb_access(*arguments, "--yes", environ=environ, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"where {EVE} was" in done.stdout
    assert EVE not in str(told.audit())
    event = told.audit()[-1]
    assert event.detail["reason"] == "request 7 of the DPO"
    assert event.actor.startswith("operator:")
    again = wandb_access(*arguments, "--yes", environ=environ, folder=tmp_path)
    assert (again.returncode, again.stdout.startswith("Nothing to do")) == (0, True)
    assert wandb_access("audit", "verify", environ=environ, folder=tmp_path).returncode == 0


def test_erase_refuses_in_words(told: Rig, database_url: str, tmp_path: Path) -> None:
    environ = {"DATABASE_URL": database_url, "AUDIT_KEY": SECRET}
    told.submit()

    def erase(*arguments: str, **more: str) -> tuple[int, str]:
        line = ("audit", "erase", *arguments, "--yes")
        done = wandb_access(*line, environ={**environ, **more}, folder=tmp_path)
        return done.returncode, done.stderr

    assert erase(EVE, "--reason", "asked") == (
        1,
        f"{EVE} has a request that waits: it has to be decided or cancelled first.\n",
    )
    no_address = "eve is no e-mail address. Give one like eve@corp.example.\n"
    assert erase("eve", "--reason", "asked") == (2, no_address)
    no_reason = "Say with --reason why, without the address.\n"
    assert erase(ADA, "--reason", " ") == (2, no_reason)
    named = "The reason, or who says so, has the address in it, and would keep it.\n"
    assert erase(ADA, "--reason", f"for {ADA}") == (2, named)
    other = erase(ADA, "--reason", "asked", AUDIT_KEY=NEXT)
    said = (
        f"AUDIT_KEY (id {key_of(NEXT).id}) is not the key that the bot seals the audit log with by "
        f"now (id {key_of(SECRET).id}). Give this command the bot's own.\n"
    )
    assert other == (2, said)


# -- the running bot ------------------------------------------------------------------------------


def test_the_bot_seals_while_it_runs_and_publishes_when_it_stops(
    told: Rig, database_url: str, tmp_path: Path
) -> None:
    told.submit()
    told.database.close()
    file = tmp_path / "heads"
    keys = {"AUDIT_KEY": NEXT, "AUDIT_KEYS_OLD": SECRET, "AUDIT_PUBLISH": f"file:{file}"}
    environ = environ_of(tmp_path, DATABASE_URL=database_url, **keys)
    with BotProcess(environ, tmp_path, start=warm) as running:
        running.wait_until("/healthz", 200)
        assert running.terminate() == 0

    assert "CANARY" not in running.output
    last = max(told.audit(), key=lambda entry: entry.seq or 0)
    assert (last.seq, "AuditKeyChanged" in told.events()) == (count(told), True)
    assert [one.hash for one in audit_heads.read(file)[0]][-1] == last.hash
    done = wandb_access("audit", "verify", environ=environ, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
