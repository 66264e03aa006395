"""Draws the pictures of this folder from the views themselves. `README.md` beside it says how."""

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from browser import Browser, chromium
from scenes import MENTION, PICTURES, Picture

HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw every picture, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="a folder with node_modules")
    parser.add_argument("--chromium", default="chromium", help="the browser's program")
    parser.add_argument("--pngquant", default="pngquant", help="its program")
    parser.add_argument("--into", type=Path, default=HERE)
    parser.add_argument("names", nargs="*", help="pictures; all when left out")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, chromium(chosen.chromium) as browser:
        _bundle(chosen.packages.resolve(), Path(folder))
        for name, picture in PICTURES.items():
            if name in (chosen.names or PICTURES):
                drawn = _draw(browser, Path(folder), picture)
                (chosen.into / f"{name}.png").write_bytes(_small(drawn, chosen.pngquant))


def _bundle(packages: Path, folder: Path) -> None:
    """page.js and page.css, with everything they import."""
    for name in ("page.jsx", "page.css"):
        shutil.copy(HERE / name, packages)
    program = str(packages / "node_modules" / ".bin" / "esbuild")
    command = [program, str(packages / "page.jsx"), "--bundle", "--jsx=automatic", "--minify"]
    command += ["--define:process.env.NODE_ENV='production'", "--log-level=error"]
    subprocess.run([*command, f"--outdir={folder}"], check=True)


def _draw(browser: Browser, folder: Path, picture: Picture) -> bytes:
    people: dict[str, Any] = {user: email.partition("@")[0] for email, user in MENTION.items()}
    people = {user: name.capitalize() for user, name in people.items()}
    data = json.dumps({"people": people, **picture}).replace("<", "\\u003c")
    page = folder / "page.html"
    page.write_text(
        '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="page.css">'
        f'<div id="page"></div><script>window.SCENES = {data}</script>'
        '<script src="page.js"></script>'
    )
    return browser.picture(page)


def _small(png: bytes, program: str) -> bytes:
    """The same picture with 128 colours: a third of the bytes."""
    command = (program, "--nofs", "--strip", "128", "-")
    return subprocess.run(command, input=png, stdout=subprocess.PIPE, check=True).stdout


if __name__ == "__main__":
    main()
