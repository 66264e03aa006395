"""One person out of a row: all of the address, what was written, and nothing else."""

import json

import pytest

from tests.builders import ADA, EVE
from workflows.domain.chain import Content
from workflows.domain.erasure import Erasure

ASKED = Content(
    "salt",
    "2026-03-10 12:00:00.000000",
    EVE,
    "RequestSubmitted",
    "r-1",
    json.dumps({"reason": "my new project", "place": "team:vision"}),
)


def told(**detail: object) -> Content:
    """A row of somebody else's about another request."""
    return ASKED._replace(actor=ADA, subject="r-2", event="Told", detail=json.dumps(detail))


def test_the_address_goes_from_actor_subject_and_detail() -> None:
    erasure = Erasure(EVE, "erased-1")
    seen = told(person=EVE, found=[f"by {EVE}.", 7, None], before={EVE: "x"})
    row = seen._replace(subject=f"{EVE} team:vision")

    left = erasure.of(row)

    assert (left.subject, left.actor, left.salt) == ("erased-1 team:vision", ADA, "")
    assert json.loads(str(left.detail)) == {
        "person": "erased-1",
        "found": ["by erased-1.", 7, None],
        "before": {"erased-1": "x"},
    }


def test_what_was_written_about_their_requests_goes_too() -> None:
    erasure = Erasure(EVE, "erased-1")

    asked = erasure.of(ASKED)
    denied = erasure.of(told(reason="she leaves", rule="r")._replace(subject="r-1"))
    failed = told(reason="no seat")._replace(subject="r-1", actor="bot")

    assert json.loads(str(asked.detail)) == {"reason": "", "place": "team:vision"}
    assert json.loads(str(denied.detail)) == {"reason": "", "rule": "r"}
    assert erasure.of(failed) == failed, "the bot's own words are nobody's"
    assert erasure.of(told(reason="about others")) == told(reason="about others")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("eve@corp.example", "erased-1"),
        ("Eve@Corp.EXAMPLE", "erased-1"),
        ("ask eve@corp.example.", "ask erased-1."),
        ("<mailto:eve@corp.example|eve@corp.example>", "<mailto:erased-1|erased-1>"),
        ("steve@corp.example", "steve@corp.example"),
        ("a.eve@corp.example", "a.eve@corp.example"),
        ("eve@corp.example.org", "eve@corp.example.org"),
        ("eve@corp.examples", "eve@corp.examples"),
        ("eve@corpXexample", "eve@corpXexample"),
    ],
)
def test_only_the_whole_address_counts(text: str, left: str) -> None:
    erased = Erasure(EVE, "erased-1").of(told(person=text))

    assert json.loads(str(erased.detail))["person"] == left


def test_a_row_without_them_is_left_as_it_is() -> None:
    row = told(person=ADA)._replace(detail='{"person":   "spaced"}')

    assert Erasure(EVE, "erased-1").of(row) is row or Erasure(EVE, "erased-1").of(row) == row


@pytest.mark.parametrize("cell", [None, b"eve@corp.example", 7])
def test_what_was_never_stored_by_us_is_left_to_verify(cell: bytes | int | None) -> None:
    row = ASKED._replace(detail=cell)

    assert Erasure(EVE, "erased-1").of(row) is row


def test_detail_that_is_no_json_is_replaced_as_text() -> None:
    row = ASKED._replace(detail=f"not json, {EVE}")

    assert Erasure(EVE, "erased-1").of(row).detail == "not json, erased-1"
