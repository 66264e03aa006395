"""Slack's payloads, well-formed and not."""

import html
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import payloads
from bot.payloads import (
    Approvals,
    Denial,
    Fields,
    FormErrors,
    Help,
    Malformed,
    MyAccess,
    RequestAccess,
    RequestRole,
)
from bot.views import denial_modal, request_modal
from bot.views.request_modal import ORGANIZATION_KIND, TEAM_KIND


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Help()),
        ("  help ", Help()),
        ("frobnicate now", Help(unknown="frobnicate")),
        ("&lt;!here&gt;", Help(unknown="<!here>")),
        ("my-access", MyAccess()),
        ("MY-ACCESS please", MyAccess()),
        ("approvals", Approvals()),
        ("request-access", RequestAccess()),
        ("request-access vision", RequestAccess("vision")),
        ("request-access vision member", RequestAccess("vision", "member")),
        ("request-access vision member 8h", RequestAccess("vision", "member", "8h")),
        (
            "request-access vision member 8h Look at  the run",
            RequestAccess("vision", "member", "8h", "Look at  the run"),
        ),
        ("request-access\tvision\nmember 8h x", RequestAccess("vision", "member", "8h", "x")),
        (
            'request-access "vision team" "Release Steward" 3d x',
            RequestAccess("vision team", "Release Steward", "3d", "x"),
        ),
        (
            "request-access “vision team” \u2018Release Steward\u2019 3d x",
            RequestAccess("vision team", "Release Steward", "3d", "x"),
        ),
        (
            "request-access „vision team“ member 3d x",
            RequestAccess("vision team", "member", "3d", "x"),
        ),
        (
            "request-access 'Eve's team' member 3d x",
            RequestAccess("Eve's team", "member", "3d", "x"),
        ),
        ("request-access o'neil member 3d x", RequestAccess("o'neil", "member", "3d", "x")),
        ('request-access "" member', RequestAccess("", "member")),
        (
            'request-access vision member 8h I don\'t "know" it\u2019s',
            RequestAccess("vision", "member", "8h", 'I don\'t "know" it\u2019s'),
        ),
        (
            "request-access vision member 8h 'tis an \"open end",
            RequestAccess("vision", "member", "8h", "'tis an \"open end"),
        ),
        (
            "request-access R&amp;D member 8h a &lt; b",
            RequestAccess("R&D", "member", "8h", "a < b"),
        ),
        (
            "request-access vision member 8h &amp;lt;",
            RequestAccess("vision", "member", "8h", "&lt;"),
        ),
        (
            "request-access vision member until friday Release 2",
            RequestAccess("vision", "member", "until friday", "Release 2"),
        ),
        (
            "request-access vision member Until 2026-12-24 Release",
            RequestAccess("vision", "member", "Until 2026-12-24", "Release"),
        ),
        (
            "request-access vision member until 2026-12-24 18:00 Release",
            RequestAccess("vision", "member", "until 2026-12-24 18:00", "Release"),
        ),
        (
            "request-access vision member until friday 9:30 Release",
            RequestAccess("vision", "member", "until friday 9:30", "Release"),
        ),
        (
            'request-access vision member "until friday" Release',
            RequestAccess("vision", "member", "until friday", "Release"),
        ),
        ("request-access vision member until", RequestAccess("vision", "member", "until")),
        ("request-role admin permanent Bills", RequestRole("admin", "permanent", "Bills")),
        ("request-role", RequestRole()),
    ],
)
def test_a_command_is_read_as_it_was_meant(text: str, command: payloads.Command) -> None:
    assert payloads.command_of(text) == command


@pytest.mark.parametrize(
    "text",
    [
        'request-access "vision team member 8h x',
        "request-access “vision team member 8h x",
        "request-access vision 'Release Steward 8h x",
        'request-role admin "until friday bills',
    ],
)
def test_a_quote_without_an_end_is_answered_with_a_sentence(text: str) -> None:
    command = payloads.command_of(text)

    assert isinstance(command, Malformed)
    assert "has no end" in command.sentence


@pytest.mark.parametrize("text", [None, 7, ["request-access"]])
def test_a_text_that_is_none_gets_the_help(text: object) -> None:
    assert payloads.command_of(text) == Help()


def test_what_no_database_takes_is_left_out() -> None:
    command = payloads.command_of("request-access vision member 8h a\0b\ud800")

    assert command == RequestAccess("vision", "member", "8h", "ab?")


@given(st.text())
def test_any_text_is_some_command(text: str) -> None:
    assert payloads.command_of(text)


@given(st.text().map(str.strip).filter(lambda text: text and "\0" not in text))
def test_a_reason_arrives_as_it_was_written(reason: str) -> None:
    sent = html.escape(reason, quote=False)

    command = payloads.command_of(f"request-access vision member 8h {sent}")

    assert isinstance(command, RequestAccess)
    assert command.reason == reason


def select(value: str) -> dict[str, Any]:
    return {"type": "static_select", "selected_option": {"value": value}}


def typed(value: object) -> dict[str, Any]:
    return {"type": "plain_text_input", "value": value}


def submission(**values: object) -> dict[str, Any]:
    return {"state": {"values": values}}


def test_a_form_is_read_by_its_blocks() -> None:
    view = submission(
        team={request_modal.TEAM_SEARCH: {**select("vision"), "type": "external_select"}},
        role={request_modal.ROLE_CHOICE: select("member")},
        duration={request_modal.DURATION_INPUT: typed("8h")},
        reason={request_modal.REASON_INPUT: typed("a &amp; <b>")},
    )

    assert payloads.form_of(view) == Fields("vision", "member", "8h", "a &amp; <b>")


@pytest.mark.parametrize(
    "view",
    [
        None,
        {},
        {"state": []},
        submission(team=None, role={}, duration={"x": None}, reason={"x": typed(None)}),
        submission(team={"x": {"selected_option": None}}, role={"x": {"selected_option": []}}),
        submission(reason={"x": typed(["a"])}),
    ],
)
def test_a_field_that_is_missing_or_odd_is_empty(view: object) -> None:
    assert payloads.form_of(view) == Fields("", "", "", "")


def test_an_absurd_name_is_an_error_of_its_field() -> None:
    with pytest.raises(FormErrors) as caught:
        payloads.form_of(submission(team={"x": select("v" * 501)}))

    assert list(caught.value.errors) == [request_modal.TEAM]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["state", "values", "team", "reason", "value", "selected_option", "user", "id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_no_payload_raises_anything_but_errors_of_the_form(payload: object) -> None:
    payloads.form_of(payload)
    payloads.kind_of(payload)
    payloads.origin_of(payload)
    for read in (payloads.request_id_of, payloads.clicker_of, payloads.typed_of):
        assert isinstance(read(payload), str)
    with suppress(FormErrors):
        payloads.denial_of(payload)


def test_the_form_says_which_kind_it_is() -> None:
    assert payloads.kind_of({"private_metadata": "organization"}) == ORGANIZATION_KIND
    assert payloads.kind_of({"private_metadata": "team"}) == TEAM_KIND
    assert payloads.kind_of({"private_metadata": ["forged"]}) == TEAM_KIND


def test_complaints_go_to_the_fields_they_are_about() -> None:
    complaints = {"team": "No team.", "duration": "Write `8h`.", "reason": "Say why."}

    errors = payloads.errors_for(TEAM_KIND, complaints)

    assert errors == {"team": "No team.", "duration": "Write 8h.", "reason": "Say why."}


def test_without_a_team_field_its_complaint_goes_to_the_role() -> None:
    complaints = {"team": "No account.", "role": "Not here.", "else": "Hm."}

    errors = payloads.errors_for(ORGANIZATION_KIND, complaints)

    assert errors == {"role": "No account. Not here. Hm."}


def denied(reason: object) -> dict[str, Any]:
    view = submission(reason={denial_modal.REASON_INPUT: typed(reason)})
    return {**view, "private_metadata": "r-1"}


def test_a_denial_is_a_request_and_a_reason() -> None:
    assert payloads.denial_of(denied(" Not now ")) == Denial("r-1", "Not now")


@pytest.mark.parametrize("reason", [None, "", "  ", "x" * 1001])
def test_a_denial_without_a_reason_that_can_be_shown_is_refused(reason: object) -> None:
    with pytest.raises(FormErrors) as caught:
        payloads.denial_of(denied(reason))

    assert list(caught.value.errors) == [denial_modal.REASON]


def test_a_button_names_its_request() -> None:
    assert payloads.request_id_of({"value": "r-1"}) == "r-1"
    assert payloads.request_id_of({"value": "x" * 256}) == ""


@pytest.mark.parametrize(
    "body", [{"user": {"id": "U1"}}, {"user_id": "U1"}, {"event": {"user": "U1"}}]
)
def test_whoever_did_it_is_read_from_where_slack_says_so(body: object) -> None:
    assert payloads.clicker_of(body) == "U1"


def test_a_form_is_known_by_its_id_and_a_command_by_its_trigger() -> None:
    person = {"user": {"id": "U1"}, "view": {"id": "V1"}, "trigger_id": "1.2"}

    assert payloads.origin_of({**person, "type": "view_submission"}) == "view:U1:V1"
    assert payloads.origin_of({**person, "type": "block_actions"}) == "trigger:U1:1.2"
    assert payloads.origin_of({"user_id": "U2", "trigger_id": "1.2"}) == "trigger:U2:1.2"


def test_without_an_id_the_same_delivery_is_the_same_and_another_is_another() -> None:
    one, other = ({"user_id": "U2", "text": text} for text in ("one", "other"))

    assert payloads.origin_of(one) == payloads.origin_of(dict(one))
    assert payloads.origin_of(one) != payloads.origin_of(other)
    assert len(payloads.origin_of(one)) < 255


def test_what_is_typed_into_the_search_is_read() -> None:
    assert payloads.typed_of({"type": "block_suggestion", "value": "vis"}) == "vis"
