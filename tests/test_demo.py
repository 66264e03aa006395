"""The demo: it runs by itself, is read with pleasure, and notices a wrong state."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run_demo(*arguments: str, temporary: Path) -> subprocess.CompletedProcess[str]:
    """The command of `make demo`."""
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The demo, run once."""
    folder = tmp_path_factory.mktemp("demo")
    done = run_demo(temporary=folder)
    assert list(folder.iterdir()) == [], "it leaves nothing behind"
    return done


def test_the_demo_tells_the_whole_story_and_ends_with_success(
    told: subprocess.CompletedProcess[str],
) -> None:
    assert (told.returncode, told.stderr) == (0, ""), told.stdout[-2000:]
    in_order = (
        "1. Eve needs the vision team for three seconds",
        "W&B Access → ada",
        "[Approve] [Deny]",
        "W&B holds  vision: ada admin, eve member  ✓",
        "Your access as member in vision has ended",
        "2. Ravi asks for too much",
        "(only visible to you)",
        "was denied by @ada",
        "3. Noor is a viewer in speech",
        "viewer → admin",
        "W&B holds  speech: grace admin, noor admin  ✓",
        "W&B holds  speech: grace admin, noor viewer  ✓",
        "4. W&B is down when Olga approves",
        "W&B has not confirmed it yet",
        "W&B holds  forecasting: olga admin, ravi member  ✓",
        "5. What the audit log says",
        "wandb-access audit export --json",
        "GrantEnded",
        "Every state was right.",
    )
    rest = told.stdout
    for sentence in in_order:
        _, found, rest = rest.partition(sentence)
        assert found, f"{sentence!r} does not come after what came before it"


def test_without_a_terminal_it_is_plain_text_of_at_most_100_columns(
    told: subprocess.CompletedProcess[str],
) -> None:
    assert "\x1b" not in told.stdout
    assert max(len(line) for line in told.stdout.splitlines()) <= 100
    assert '{"event"' not in told.stdout, "no log record between the lines"


def test_a_wrong_state_is_named_and_ends_the_demo_with_1(tmp_path: Path) -> None:
    done = run_demo("--removals-ignored", temporary=tmp_path)
    assert done.returncode == 1
    assert "This is not as it should be." in done.stdout
    assert "expected  vision: ada admin\n" in done.stdout
    assert "found     vision: ada admin, eve member\n" in done.stdout
    log = Path(done.stdout.strip().splitlines()[-1].partition(": ")[2])
    assert log.parent.parent == tmp_path
    assert "telling W&B" in log.read_text(encoding="utf-8")
