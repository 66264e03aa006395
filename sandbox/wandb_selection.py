"""Just enough of GraphQL's grammar: an operation, its fields, aliases, arguments, fragments.

Grammar: https://spec.graphql.org/October2021/#sec-Document-Syntax. Answers hold only the fields
that were asked for, and a field that W&B does not have is refused, so that a client's mistake
shows here too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r"\([^()]*\)|\.\.\.|[{}:]|\w+")
_ARGUMENT = re.compile(r'(\w+)\s*:\s*(\$\w+|"(?:[^"\\]|\\.)*"|true\b|false\b|null\b)')
_LITERALS: Mapping[str, object] = {"true": True, "false": False, "null": None}


class BadQueryError(Exception):
    """A document that W&B would refuse."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A field of the answer: its key there, its name, its arguments as text, and its own fields."""

    key: str
    name: str
    arguments: str
    children: tuple["Selected", ...]

    def values(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with variables filled in; members of `input` stand beside the others."""
        found: dict[str, Any] = {}
        for name, text in _ARGUMENT.findall(self.arguments):
            if text.startswith("$"):
                found[name] = variables.get(text[1:])
            else:
                found[name] = _LITERALS[text] if text in _LITERALS else text.strip('"')
        return found


@dataclass(frozen=True, slots=True)
class Operation:
    """A query or a mutation with its root fields."""

    kind: str
    fields: tuple[Selected, ...]


class _Parser:
    def __init__(self, document: str) -> None:
        self.tokens = _TOKEN.findall(document)
        self.at = 0
        self.fragments: dict[str, tuple[Selected, ...]] = {}

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        if not token:
            raise BadQueryError("unexpected end of document")
        self.at += 1
        return token

    def document(self) -> Operation:
        operation = None
        while self.peek():
            kind = "query" if self.peek() == "{" else self.take()
            name = ""
            while self.peek() != "{":
                name = name or self.take()
                if self.peek() != "{":
                    self.take()  # variables, or the type of a fragment
            fields = self.selection()
            if kind == "fragment":
                self.fragments[name] = fields
            elif kind in ("query", "mutation"):
                operation = operation or Operation(kind, fields)
            else:
                raise BadQueryError(f"unexpected {kind}")
        if operation is None:
            raise BadQueryError("no operation")
        return Operation(operation.kind, self.spread(operation.fields))

    def selection(self) -> tuple[Selected, ...]:
        if self.take() != "{":
            raise BadQueryError("expected a selection")
        fields = []
        while self.peek() != "}":
            fields.append(self.field())
        self.take()
        return tuple(fields)

    def field(self) -> Selected:
        name = key = self.take()
        if name == "...":
            return Selected("...", self.take(), "", ())
        if self.peek() == ":":
            self.take()
            name = self.take()
        arguments = self.take() if self.peek().startswith("(") else ""
        children = self.selection() if self.peek() == "{" else ()
        return Selected(key, name, arguments, children)

    def spread(self, fields: tuple[Selected, ...]) -> tuple[Selected, ...]:
        flat: list[Selected] = []
        for field in fields:
            if field.key == "...":
                flat += self.spread(self.fragments.get(field.name, ()))
            else:
                inner = self.spread(field.children)
                flat.append(Selected(field.key, field.name, field.arguments, inner))
        return tuple(flat)


def parse(document: str) -> Operation:
    """The operation of a document, with its fragments put in place."""
    return _Parser(document).document()


def chosen(value: Any, fields: tuple[Selected, ...]) -> Any:
    """The part of a value that was asked for."""
    if isinstance(value, list):
        return [chosen(item, fields) for item in value]
    if not isinstance(value, dict):
        return value
    if not fields:
        raise BadQueryError("an object needs a selection of fields")
    for field in fields:
        if field.name not in value:
            raise BadQueryError(f'Cannot query field "{field.name}"')
    return {field.key: chosen(value[field.name], field.children) for field in fields}
