"""`python -m mutants` says what it takes, and what there is not."""

import subprocess
import sys

from mutants import SAFEGUARDS
from mutants.safeguard import ROOT


def mutants(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it, as `make mutants ARGS=…` does."""
    return subprocess.run(
        [sys.executable, "-m", "mutants", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_says_what_it_does_and_what_it_takes() -> None:
    done = mutants("--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m mutants")
    assert "WORD" in done.stdout


def test_a_name_that_no_safeguard_has_is_wrong_and_nothing_is_tried() -> None:
    done = mutants("lease", "no such name")

    assert (done.returncode, done.stdout) == (2, "")
    assert "no safeguard has 'no such name' in its name; see --list" in done.stderr


def test_the_names_are_listed_all_or_those_with_a_word() -> None:
    assert mutants("--list").stdout.splitlines() == [one.name for one in SAFEGUARDS]
    named = [one.name for one in SAFEGUARDS if "lease" in one.name]
    assert mutants("--list", "lease").stdout.splitlines() == named
