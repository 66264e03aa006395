"""Every file of the project: links lead somewhere, named tests exist, nothing names a machine."""

import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


CACHES = {".venv", ".git", ".hypothesis", ".env", ".coverage", "__pycache__", "build", "dist"}


def files() -> list[Path]:
    """The project's files: those that git has or would take; without git, all that look it."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no git here, or no checkout
        listed = [path for path in ROOT.rglob("*") if not _is_cache(path.relative_to(ROOT))]
    else:
        listed = [ROOT / name for name in answer.stdout.split("\0") if name]
    return sorted(path for path in listed if path.is_file())


def _is_cache(path: Path) -> bool:
    return any(part in CACHES or part.endswith(("_cache", ".egg-info")) for part in path.parts)


DOCUMENTS = [path for path in files() if path.suffix == ".md"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_a_document_names_exists(path: Path) -> None:
    named = re.findall(
        r"`(?:tests/)?((?:\w+/)*test_\w+\.py)(?:::(\w+))?`", path.read_text(encoding="utf-8")
    )

    for file, function in named:
        there = ROOT / "tests" / file
        assert there.is_file(), f"{file} is not there"
        if function:
            text = there.read_text(encoding="utf-8")
            assert re.search(rf"^ *def {function}\(", text, re.MULTILINE), f"{file}::{function}"


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


def without_code(path: Path) -> str:
    """A document without its blocks of code, where `](` and `#` mean something else."""
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.S | re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(path)):
        if re.match(r"https://|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), f"{target} is not there"
        headings = re.findall(r"^#+ (.+)$", without_code(there), re.MULTILINE) if anchor else []
        assert not anchor or anchor in map(slug, headings), f"{target} has no such heading"


# Written so that this file does not contain what it looks for.
FORBIDDEN = re.compile(
    "|".join(
        (
            r"\bpypi[.]org|pythonhosted[.]org|registry[.]npmjs|proxy[.]golang[.]org|artifact[o]ry",
            r"(?<!\S)--(extra-)?index-url|(?<!\S)--find-links|(?<!\S)--trusted-host",
            r"(?<![\w.*-])/(work|root|workspace)/\w|(?<![\w.*-])/(home|Users)/[a-z]\w*/",
        )
    )
)


def test_no_file_names_a_package_registry_or_a_path_of_some_machine() -> None:
    found = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture
            continue
        found += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in FORBIDDEN.finditer(text)]

    assert found == []


def pins() -> dict[str, set[str]]:
    """What is pinned, each with its extras, by its name in the shape that names compare in."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = re.findall(r"^([\w.-]+)(?:\[([\w,-]+)\])?==", text, re.MULTILINE)
    return {canonicalize_name(name): set(filter(None, extras.split(","))) for name, extras in lines}


def wanted_extras() -> set[tuple[str, str]]:
    """The extras that what is installed here asks of other packages."""
    wanted = set()
    for name, extras in pins().items():
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # pinned for some other system
            continue
        for requirement in map(Requirement, requirements):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": one}) for one in {"", *extras}):
                needed = canonicalize_name(requirement.name)
                wanted.update((needed, extra) for extra in requirement.extras)
    return wanted


def test_a_new_release_of_something_used_with_an_extra_cannot_break_the_installation() -> None:
    # Python 3.11's own pip takes `name[extra]` for unpinned where only `name` is pinned, as soon as
    # there is a newer one, and `--require-hashes` refuses what is not pinned.
    wanted = wanted_extras()

    assert wanted
    assert [(name, extra) for name, extra in wanted if extra not in pins()[name]] == []
