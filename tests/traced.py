"""A command in a process of its own, of which coverage sees every line if it sees the test's."""

import coverage

from sandbox import processes
from sandbox.bot_process import ROOT


def start(command: processes.Command) -> processes.Process:
    """Start it, `warm`."""
    if coverage.Coverage.current() is None:
        return processes.warm(command)
    return processes.forked(_traced, command)


def _traced(command: processes.Command) -> None:
    # In a file beside the others, where pytest-cov looks for what its workers have seen.
    seen = coverage.Coverage(
        data_file=ROOT / ".coverage", data_suffix=True, config_file=ROOT / "pyproject.toml"
    )
    seen.start()
    try:
        processes.become(command)
    finally:
        seen.stop()
        seen.save()
