"""`python -m mutants`: take each safeguard away in turn, and see a test miss it.

With words: only the safeguards whose names have one of them. Exit codes: 0 each was missed · 1 one
was not, or the tests fail with every safeguard in place · 2 a word that is in no name.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from mutants import SAFEGUARDS
from mutants.safeguard import ROOT, Safeguard

AT_ONCE = 2
PATIENCE = 240  # seconds for one test; one that hangs has noticed nothing
NOT_COPIED = (".venv", ".git", "*_cache", ".hypothesis", ".coverage*", ".env", "dist", "build")

# Whatever breaks before it runs shows that the change is wrong, not that the test is right.
BROKEN = re.compile(r"^.*: (ImportError|ModuleNotFoundError|NameError|SyntaxError)\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it went for one of them. `said` is what the tests printed."""

    word: str
    seconds: float
    said: str


def main(arguments: Sequence[str]) -> int:
    """Try all that are asked for; print one line each."""
    parser = ArgumentParser(
        prog="python -m mutants",
        description="Take each safeguard away in turn, in a copy: the test named for it must fail.",
        epilog="Exit code 0: each was missed, 1: one was not, 2: there is none of that name.",
    )
    parser.add_argument("--list", action="store_true", help="only say their names")
    parser.add_argument(
        "words", nargs="*", metavar="WORD", help="only those with this in their name; all without"
    )
    given = parser.parse_args(arguments)
    unknown = [word for word in given.words if not any(word in one.name for one in SAFEGUARDS)]
    if unknown:
        parser.error(f"no safeguard has {', '.join(map(repr, unknown))} in its name; see --list")
    asked = [one for one in SAFEGUARDS if _is_asked(one, given.words)]
    if given.list:
        for one in asked:
            _say(one.name)
        return 0
    return _try(asked)


def _is_asked(one: Safeguard, words: Sequence[str]) -> bool:
    return not words or any(word in one.name for word in words)


def _try(asked: Sequence[Safeguard]) -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [Path(folder, str(number)) for number in range(AT_ONCE)]
        for copy in copies:
            shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
        whole = _run(copies[0], sorted({one.test for one in asked}))
        if whole.returncode:
            _say(whole.stdout)
            _say("These tests fail with every safeguard in place.")
            return 1
        missed = _try_all(asked, copies)
    _say(f"{len(asked) - missed} of {len(asked)} caught in {time.monotonic() - began:.0f} s")
    return int(missed > 0)


def _try_all(asked: Sequence[Safeguard], copies: Sequence[Path]) -> int:
    """How many were not caught."""
    free: Queue[Path] = Queue()
    for copy in copies:
        free.put(copy)

    def attempt(one: Safeguard) -> Verdict:
        copy = free.get()
        try:
            return _without(one, copy)
        finally:
            free.put(copy)

    missed = 0
    with ThreadPoolExecutor(len(copies)) as threads:
        for one, verdict in zip(asked, threads.map(attempt, asked), strict=True):
            _say(f"{verdict.word:8} {verdict.seconds:5.1f} s  {one.name}")
            if verdict.word != "caught":
                missed += 1
                _say(f"{'':18}{one.why}\n{'':18}{one.file}, {one.test}\n{verdict.said}")
    return missed


def _without(one: Safeguard, copy: Path) -> Verdict:
    """Take it away in this copy, run its test, put it back."""
    file = copy / one.file
    text, times = file.read_text(encoding="utf-8"), file.stat()
    began = time.monotonic()
    file.write_text(one.removed_from(text), encoding="utf-8")
    try:
        done = _run(copy, [one.test])
        word = _word_for(done)
        said = done.stdout
    except subprocess.TimeoutExpired:
        word, said = "hangs", ""
    finally:
        file.write_text(text, encoding="utf-8")
        # As old as it was, or its compiled form would count as newer.
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    return Verdict(word, time.monotonic() - began, said)


def _run(copy: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    options = ["-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command = [sys.executable, "-m", "pytest", *options, *(f"tests/{test}" for test in tests)]
    return subprocess.run(
        command,
        cwd=copy,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE * len(tests),
    )


def _word_for(done: subprocess.CompletedProcess[str]) -> str:
    """`caught`: the test ran and failed. `survived`: it passed. `broken`: it did not get there."""
    if done.returncode == 0:
        return "survived"
    failed = re.search(r"^\d+ failed", done.stdout, re.MULTILINE)
    return "broken" if failed is None or BROKEN.search(done.stdout) else "caught"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
