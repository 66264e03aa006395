"""`wandb-access audit verify` with another key than the bot's, or none: which one is asked for."""

from pathlib import Path

import pytest

from tests.bot.test_main import wandb_access
from tests.services.rig import Rig
from workflows.domain.chain import Keys, Seen, key_of
from workflows.services import audit_chain

FIRST = "CANARY-first-audit-key-" + "f" * 32
SECOND = "CANARY-second-audit-key-" + "s" * 32
OTHER = "CANARY-other-audit-key-" + "o" * 32


@pytest.fixture
def told(rig: Rig) -> Rig:
    """A log that the first key has sealed, and then the second."""
    for keys in (Keys(key_of(FIRST)), Keys(key_of(SECOND), (key_of(FIRST),))):
        rig.work.keys, rig.work.seen = keys, Seen()
        rig.deny(rig.submit().id)
        audit_chain.seal(rig.deps)
    return rig


def id_of(secret: str) -> str:
    """The id by which a key is named."""
    return key_of(secret).id


@pytest.mark.parametrize(
    ("keys", "code", "words"),
    [
        ({}, 2, f"is sealed by a key (id {id_of(SECOND)}). Set AUDIT_KEY to it, as the bot has"),
        (
            {"AUDIT_KEYS_OLD": FIRST},
            2,
            f"is sealed by a key (id {id_of(SECOND)}). Set AUDIT_KEY to it",
        ),
        (
            {"AUDIT_KEY": OTHER},
            1,
            f"AUDIT_KEY (id {id_of(OTHER)}) has never sealed a row of this audit log; the newest "
            f"is sealed by another key (id {id_of(SECOND)}). Set AUDIT_KEY to the bot's own. If",
        ),
        (
            {"AUDIT_KEY": SECOND},
            2,
            f"sealed by an earlier key (id {id_of(FIRST)}) that is not given here. Set "
            "AUDIT_KEYS_OLD to it",
        ),
        ({"AUDIT_KEY": FIRST}, 1, f"(seq 3): it says that key '{id_of(SECOND)}' has sealed"),
        ({"AUDIT_KEY": SECOND, "AUDIT_KEYS_OLD": FIRST}, 0, ""),
    ],
    ids=["none", "only the old one", "another one", "the old one missing", "the old one", "both"],
)
def test_verify_asks_for_the_key_that_is_missing_by_its_id(
    told: Rig, database_url: str, tmp_path: Path, keys: dict[str, str], code: int, words: str
) -> None:
    environ = {"DATABASE_URL": database_url, **keys}

    done = wandb_access("audit", "verify", environ=environ, folder=tmp_path)

    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == (1 if code else 0)


@pytest.mark.parametrize("keys", [{}, {"AUDIT_KEY": OTHER}, {"AUDIT_KEY": SECOND}])
def test_what_shows_without_the_key_is_told_as_tampering(
    told: Rig, database_url: str, tmp_path: Path, keys: dict[str, str]
) -> None:
    with told.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM audit WHERE seq = 2")

    environ = {"DATABASE_URL": database_url, **keys}
    done = wandb_access("audit", "verify", environ=environ, folder=tmp_path)

    assert done.returncode == 1
    assert "(seq 3): the row with seq 2 is missing before it." in done.stderr


def test_a_key_that_the_bot_has_not_is_wrong_for_what_writes(
    sqlite_rig: Rig, sqlite_url: str, tmp_path: Path
) -> None:
    sqlite_rig.submit()
    audit_chain.seal(sqlite_rig.deps)
    environ = {"DATABASE_URL": sqlite_url, "AUDIT_KEY": OTHER}

    done = wandb_access("stuck", "retry", "nothing", environ=environ, folder=tmp_path)

    assert done.returncode == 2
    assert done.stderr == (
        f"AUDIT_KEY (id {id_of(OTHER)}) is not what the bot has: the audit log is sealed without a "
        "key. Give this command the bot's own.\n"
    )
