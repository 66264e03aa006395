"""The real bot in this process: built from an environment, served on a free loopback port.

For tests and the demo, where a process of its own would cost seconds. Nothing of it is replaced:
settings, database, worker threads, guard and HTTP server are those of `wandb-access run`.
"""

import threading
from collections.abc import Mapping
from types import TracebackType

from bot.app import build
from bot.running import Bot
from bot.server import Server, listen
from bot.settings import load_settings


class BotThread:
    """`with BotThread(environ) as running:` runs the bot until the block ends.

    `events_url` is where Slack delivers to. Raises what `load_settings` and `build` raise.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._bot: Bot | None = None

    @property
    def bot(self) -> Bot:
        """The bot that runs; a mistake of the caller when none does."""
        assert self._bot is not None, "the bot was not started"
        return self._bot

    @property
    def url(self) -> str:
        """Where the HTTP server answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def events_url(self) -> str:
        """The request URL that Slack is told."""
        return f"{self.url}/slack/events"

    def __enter__(self) -> "BotThread":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Build it, start its threads and serve. The port accepts connections from then on."""
        self._bot = build(load_settings(self._environ, env_file=None))
        self._socket = listen("127.0.0.1", 0)
        self._port = self._socket.getsockname()[1]
        self._server = Server(self._bot.http, on_stop=lambda: None)
        self._bot.__enter__()
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="bot-http"
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, then the bot, and wait for both. Stopping twice does nothing."""
        if self._bot is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self._bot.__exit__(None, None, None)
        self._bot = None
