"""`python -m sandbox`: the demo. Offline, by itself, in under a minute.

Exit codes: 0 every state was as it should be · 1 one was not (it is said which) · 130 stopped.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sandbox.demo_bot import stage
from sandbox.demo_screen import Screen
from sandbox.story import Story, WrongState
from sandbox.wandb_api import WandbApi
from sandbox.wandb_faults import Fault

INTRODUCTION = (
    "The bot is the real one, with its own database. Slack and W&B are played by stand-ins on this "
    "machine that speak the real wire formats, so nothing here leaves it. Nobody types: sit back."
)
SUMMARY = (
    "After each step, what W&B holds was compared with what it should hold: approved access began, "
    "access that was over ended by itself, what Noor held before came back, the denial changed "
    "nothing, and the outage lost nothing."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell the story; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument(
        "--removals-ignored",
        action="store_true",
        help="let W&B answer removals as done without doing them: the demo has to notice",
    )
    given = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal may lack │ and ⏳
    screen = Screen(sys.stdout)
    folder = Path(tempfile.mkdtemp(prefix="wandb-access-demo-"))
    started = time.monotonic()
    screen.title("wandb-access-bot: the whole story")
    screen.say(INTRODUCTION)
    try:
        with stage(folder, _ignore_removals if given.removals_ignored else _leave) as on_stage:
            Story(on_stage, screen).tell()
            _check_stand_ins(on_stage.api.errors, on_stage.slack.warnings)
    except WrongState as wrong:
        screen.wrong(wrong.expected, wrong.found)
        screen.plain(f"\nThe bot's log: {folder / 'bot.log'}")
        return 1
    except KeyboardInterrupt:
        screen.plain("\nStopped.")
        shutil.rmtree(folder)
        return 130
    shutil.rmtree(folder)
    _close(screen, time.monotonic() - started)
    return 0


def _close(screen: Screen, seconds: float) -> None:
    screen.title(f"\n\nDone in {seconds:.0f} s. Every state was right.")
    screen.say(SUMMARY)
    screen.say("To try it in your own workspace: README.md, “Set it up”.")


def _check_stand_ins(errors: Sequence[str], warnings: Sequence[object]) -> None:
    """Neither stand-in stumbled, and Slack would not complain about a message."""
    if errors:
        raise WrongState("the W&B stand-in works", errors[-1])
    if warnings:
        raise WrongState("Slack has nothing to complain about", str(warnings[-1]))


def _leave(api: WandbApi) -> None:
    """W&B as it is."""


def _ignore_removals(api: WandbApi) -> None:
    """A W&B that says that it removed somebody, and did not."""
    api.faults.add(Fault(method="PATCH", body=_removes, times=None, ignored_write=True))


def _removes(body: object) -> bool:
    return '"remove"' in str(body).replace("'", '"').casefold()


if __name__ == "__main__":
    sys.exit(main())
