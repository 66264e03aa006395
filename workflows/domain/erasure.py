"""Take one person out of an audit row: the address everywhere, and what people wrote about them."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from workflows.domain.chain import PLAIN, Content, digest
from workflows.domain.entitlements import EmailAddress
from workflows.domain.events import BOT, CLOCK, RequestSubmitted

FREE_TEXT = ("reason", "note", "comment")  # fields of events that people write


@dataclass(slots=True)
class Erasure:
    """Replaces an address by a pseudonym. Rows are given oldest first: it remembers whose request
    a row is about.
    """

    email: EmailAddress
    pseudonym: str
    _requests: set[str] = field(default_factory=set, init=False)
    _address: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        # The whole address only: eve@corp.example is neither in steve@corp.example nor in
        # eve@corp.example.org, but it may end a sentence.
        before, after = r"(?<![\w.%+-])", r"(?![\w-]|\.\w)"
        self._address = re.compile(before + re.escape(self.email) + after, re.IGNORECASE)

    def names(self, text: str) -> bool:
        """Whether the address is in this text."""
        return self._address.search(text) is not None

    def of(self, content: Content) -> Content:
        """The row without the person; the very same when they are not in it."""
        if digest(PLAIN, content) is None:  # cells that we have never stored
            return content
        actor, subject = str(content.actor), str(content.subject)
        is_theirs = self.names(actor)
        if is_theirs and content.event == RequestSubmitted.__name__:
            self._requests.add(subject)
        written = actor not in (BOT, CLOCK) and (is_theirs or subject in self._requests)
        erased = content._replace(
            actor=self._replaced(actor),
            subject=self._replaced(subject),
            detail=self._detail(str(content.detail), written=written),
        )
        return erased if erased == content else erased._replace(salt="")

    def _detail(self, detail: str, *, written: bool) -> str:
        try:
            told = json.loads(detail)
        except (ValueError, RecursionError):  # it is not ours, and `verify` says so
            return self._replaced(detail)
        left = self._left_of(told, written=written)
        return detail if left == told else json.dumps(left, ensure_ascii=False, sort_keys=True)

    def _left_of(self, told: Any, *, written: bool) -> Any:  # JSON
        if isinstance(told, str):
            return self._replaced(told)
        if isinstance(told, list):
            return [self._left_of(one, written=written) for one in told]
        if isinstance(told, dict):
            return {
                self._replaced(name): ""
                if written and name in FREE_TEXT
                else self._left_of(value, written=written)
                for name, value in told.items()
            }
        return told

    def _replaced(self, text: str) -> str:
        return self._address.sub(self.pseudonym, text)
