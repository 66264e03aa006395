"""Named moments between two things that last: around each commit and each call outside.

In production nothing listens, and reaching one costs one comparison. Tests set a hook, and let the
process die, wait, or somebody else act at the moment that they name.
"""

from collections.abc import Callable

Hook = Callable[[str], None]

_hook: Hook | None = None


def point(name: str) -> None:
    """Say that a moment is reached: `about to commit`, `committed`, `W&B answered` and so on."""
    if _hook is not None:
        _hook(name)


def set_hook(hook: Hook | None) -> None:
    """Call this at every moment of this process from now on; None: nothing any more."""
    global _hook  # one process has one hook, and production none
    _hook = hook
