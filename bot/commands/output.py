"""Where a command writes: standard output, or a file that is there only when all of it is."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from bot.commands.exits import failed, wrong


def unwritable() -> str | None:
    """Why standard output takes nothing, if so. Nothing is written to it afterwards, at the end of
    the process either: Python's own exit code for that would come over ours.
    """
    try:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), b"\n")  # where nothing is buffered, nothing is left to flush
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error.strerror or type(error).__name__
    return None


@contextmanager
def written(output: Path | None) -> Iterator[TextIO]:
    """Write to this file, or to standard output. What cannot be written ends the command.

    What stood in the file before stays until all is written; of what failed nothing is left.
    """
    if output is None:
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # a TextIOWrapper
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:  # whoever reads has had enough
            raise
        except OSError as error:
            failed(f"Standard output cannot be written: {error.strerror}")
        return
    file = Path(os.path.realpath(output))  # a link goes on leading there
    try:
        with _as_it_comes(file) if _is_special(file) else _whole(file) as out:
            yield out
    except OSError as error:
        wrong(f"{output} cannot be written: {error.strerror}")


def _is_special(file: Path) -> bool:
    """A pipe or a device: it cannot be replaced by a file."""
    return file.exists() and not file.is_file()


@contextmanager
def _as_it_comes(file: Path) -> Iterator[TextIO]:
    with file.open("w", encoding="utf-8", newline="") as out:
        yield out


@contextmanager
def _whole(file: Path) -> Iterator[TextIO]:
    """Beside it, and in its place at the end; read by nobody who could not read what was there."""
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("x", encoding="utf-8", newline="") as out:
            if file.exists():
                partial.chmod(file.stat().st_mode & 0o777)
            yield out
        partial.replace(file)
    finally:
        with suppress(OSError):  # renamed, or never made
            partial.unlink()
