"""YAML text → nodes that know their lines. Nothing is constructed, so a file can make no object.

Aliases, anchors and tags are refused altogether: a small file stays a small policy.
"""

from typing import Any

import yaml

from workflows.policy_file.mistakes import Mistake, PolicyFileError

MAX_DEPTH = 5  # file, rules, a rule, a list of it, a word in that


class _Loader(yaml.SafeLoader):
    """Composes nodes; stops at what could make a small text large or a parser sick."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs lack it
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _stop(event, "Anchors and aliases (`&`, `*`) are not allowed: write it out.")
        if event.tag is not None:
            raise _stop(event, "Tags (`!`) are not allowed: leave it out.")
        if self.depth == MAX_DEPTH:
            raise _stop(event, "This is nested too deeply.")
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _stop(event: Any, sentence: str) -> PolicyFileError:
    line = event.start_mark.line + 1
    return PolicyFileError((Mistake(line, sentence),))


def compose(text: str) -> yaml.Node | None:
    """The one document in the text; None when it is empty. Raises `PolicyFileError`."""
    line = 1
    try:
        loader = _Loader(text)
        try:
            node: yaml.Node | None = loader.get_single_node()
        finally:
            line = loader.line + 1
            loader.dispose()
        return node
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        sentence = "There is a character here that cannot be printed. Take it out."
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else line
        sentence = f"This is not YAML: {error.problem or error.context}."
        if "'\\t'" in sentence:
            sentence = "There is a tab here; YAML takes only spaces."
    except (ValueError, OverflowError) as error:  # an escape or a number that PyYAML trips over
        sentence = f"This is not YAML: {error}."
    raise PolicyFileError((Mistake(line, sentence),))
