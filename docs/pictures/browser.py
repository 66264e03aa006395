"""Pictures of a page with Chromium, over its DevTools protocol (chromedevtools.github.io)."""

import base64
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --remote-debugging-port=0"
)
_START = 20  # seconds for Chromium to say where it listens
_SIZE = "JSON.stringify(document.getElementById('page').getBoundingClientRect())"


class Browser:
    """One page, drawn at two device pixels for each of its own."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._calls = 0

    def picture(self, page: Path) -> bytes:
        """The PNG of what the page's element `page` covers."""
        screen = {"width": 1600, "height": 1200, "deviceScaleFactor": 2, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", screen)
        self._call("Page.navigate", {"url": page.as_uri()})
        box = self._drawn()
        clip = {**{side: box[side] for side in ("x", "y", "width", "height")}, "scale": 1}
        how = {"format": "png", "clip": clip, "captureBeyondViewport": True}
        return base64.b64decode(self._call("Page.captureScreenshot", how)["data"])

    def _drawn(self) -> dict[str, float]:
        until = time.monotonic() + _START
        while time.monotonic() < until:
            time.sleep(0.2)
            answer = self._call("Runtime.evaluate", {"expression": _SIZE})["result"]
            if "value" in answer and (box := json.loads(answer["value"]))["height"] > 0:
                return dict(box)
        raise RuntimeError("the page draws nothing")

    def _call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": params}))
        while (answer := json.loads(self._socket.recv(timeout=_START))).get("id") != self._calls:
            pass  # an event, or nothing of ours
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])


@contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """A browser of our own with a new, empty profile; it is ended with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *_FLAGS.split(), f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            with connect(_page_of(Path(profile)), max_size=None) as socket:
                yield Browser(socket)
        finally:
            process.terminate()
            process.wait()


def _page_of(profile: Path) -> str:
    """The address of the first page's socket; Chromium writes its port into its profile."""
    port = profile / "DevToolsActivePort"
    until = time.monotonic() + _START
    while not (port.exists() and port.read_text().strip()):
        if time.monotonic() > until:
            raise RuntimeError("Chromium did not start")
        time.sleep(0.1)
    with urlopen(f"http://127.0.0.1:{port.read_text().split()[0]}/json/list") as answer:
        pages = [one for one in json.load(answer) if one["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])
