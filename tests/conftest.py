"""Databases of both kinds, migrated and empty, and the engine on top of them."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import Postgres, running
from tests.services.rig import Rig
from workflows.storage.database import Database
from workflows.storage.schema import migrate


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: the proofs at their full length, for minutes or hours."""
    parser.addoption("--long", action="store_true", help="run the proofs at their full length")


def pytest_configure(config: pytest.Config) -> None:
    """The same examples in every short run, so that it judges a change and not its luck; others in
    every long one. How fast a machine is proves nothing about the bot, so nothing is late.
    """
    settings.register_profile(
        "tests",
        deadline=None,
        derandomize=not config.getoption("--long"),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("tests")


# Whole journeys, searches and stand-ins: being traced makes them twice as long, and late where
# Slack waits three seconds. Which lines are tested is asked of the smaller tests.
UNTRACED = frozenset({"journeys", "replicas", "sandbox", "search", "test_demo.py"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the `UNTRACED` out of what coverage counts, and deal them evenly among the others: they
    wait most of their time, and meanwhile the others have the processors.
    """

    def is_untraced(item: pytest.Item) -> bool:
        return item.path.relative_to(Path(__file__).parent).parts[0] in UNTRACED

    untraced = [item for item in items if is_untraced(item)]
    for item in untraced:
        item.add_marker(pytest.mark.no_cover)
    items[:] = _dealt(untraced, [item for item in items if not is_untraced(item)])


def _dealt(few: list[pytest.Item], many: list[pytest.Item]) -> list[pytest.Item]:
    """Four of the few, some of the many, and so on. The last first: they are the longest of all,
    and not to be waited for at the end.
    """
    if not few:
        return many
    hands = [few[start : start + 4] for start in range(0, len(few), 4)]
    share = len(many) / len(hands)
    dealt: list[pytest.Item] = []
    for number, hand in enumerate(reversed(hands)):
        dealt += [*hand, *many[round(number * share) : round((number + 1) * share)]]
    return dealt


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the proofs run at their full length."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole test process; started by the first test that asks."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema and nothing in it: copied, never opened again."""
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """The address of a fresh SQLite file."""
    path = tmp_path / "access.db"
    shutil.copy(migrated_file, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a fresh database, of each kind in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.fresh() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database, of each kind in turn."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    """A fresh SQLite database, where the kind does not matter and there are many tests."""
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table; parametrized by the test (`indirect`)."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path / 'empty.db'}"
        else:
            server: Postgres = request.getfixturevalue("postgres")
            yield stack.enter_context(server.fresh(migrated=False))


@pytest.fixture
def rig(database: Database) -> Rig:
    """The engine and its world, on each kind of database in turn."""
    return Rig(database)


@pytest.fixture
def sqlite_rig(sqlite: Database) -> Rig:
    """The engine and its world, where the kind of database does not matter."""
    return Rig(sqlite)
