"""Slack's limits, one case each: what is refused, and where the complaint points."""

from typing import Any

import pytest

from sandbox.slack_blocks import are_blocks_too_long, check_message_blocks, check_view


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def option(value: str, text: str = "an option") -> dict[str, Any]:
    return {"text": plain(text), "value": value}


def section(**fields: Any) -> dict[str, Any]:
    return {"type": "section", "text": mrkdwn("hello")} | fields


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def button(**fields: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain("Approve")} | fields


def field(**element: Any) -> dict[str, Any]:
    return {"type": "input", "label": plain("Reason"), "element": element}


def menu(**fields: Any) -> dict[str, Any]:
    return field(**({"type": "static_select", "options": [option("a"), option("b")]} | fields))


CONFIRM = {
    "title": plain("Sure?"),
    "text": plain("x"),
    "confirm": plain("Yes"),
    "deny": plain("No"),
}
TOO_MUCH = {
    "an unknown block": (
        {"type": "bogus"},
        "unsupported type: bogus [json-pointer:/blocks/0/type]",
    ),
    "a block without a type": ({}, "missing required field: type [json-pointer:/blocks/0]"),
    "an unknown field": (
        section(colour="red"),
        "invalid additional property: colour [json-pointer:/blocks/0]",
    ),
    "null": (
        section(accessory=None),
        "missing required field: type [json-pointer:/blocks/0/accessory]",
    ),
    "an empty text": (
        section(text=mrkdwn("")),
        "must be more than 0 characters [json-pointer:/blocks/0/text/text]",
    ),
    "a long section": (
        section(text=mrkdwn("x" * 3001)),
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ),
    "a section of nothing": (
        {"type": "section"},
        "missing required field: text or fields [json-pointer:/blocks/0]",
    ),
    "eleven fields": (
        section(fields=[mrkdwn("x")] * 11),
        "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
    ),
    "a long field": (
        section(fields=[mrkdwn("x" * 2001)]),
        "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
    ),
    "a long header": (
        {"type": "header", "text": plain("x" * 151)},
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    "mrkdwn where plain is needed": (
        {"type": "header", "text": mrkdwn("x")},
        "must be one of: plain_text [json-pointer:/blocks/0/text/type]",
    ),
    "eleven things of context": (
        {"type": "context", "elements": [mrkdwn("x")] * 11},
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "twenty-six buttons": (
        actions(*[button()] * 26),
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "a long button": (
        actions(button(text=plain("x" * 76))),
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    "a long button value": (
        actions(button(value="x" * 2001)),
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    "a style of one's own": (
        actions(button(style="warning")),
        "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]",
    ),
    "a long action_id": (
        actions(button(action_id="x" * 256)),
        "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
    ),
    "one action_id twice": (
        actions(button(action_id="a"), button(action_id="a")),
        "action_id a already exists [json-pointer:/blocks/0/elements/1/action_id]",
    ),
    "a long confirmation": (
        actions(button(confirm=CONFIRM | {"text": plain("x" * 301)})),
        "must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]",
    ),
    "a text field beside a section": (
        section(accessory={"type": "plain_text_input"}),
        "unsupported type: plain_text_input [json-pointer:/blocks/0/accessory/type]",
    ),
    "a menu of nothing": (
        menu(options=[]),
        "no fewer than 1 items allowed [json-pointer:/blocks/0/element/options]",
    ),
    "a menu of 101": (
        menu(options=[option(str(n)) for n in range(101)]),
        "no more than 100 items allowed [json-pointer:/blocks/0/element/options]",
    ),
    "a long option value": (
        menu(options=[option("x" * 76)]),
        "must be less than 76 characters [json-pointer:/blocks/0/element/options/0/value]",
    ),
    "a long option text": (
        menu(options=[option("x", "x" * 76)]),
        "must be less than 76 characters [json-pointer:/blocks/0/element/options/0/text/text]",
    ),
    "an initial option that is not there": (
        menu(initial_option=option("a", "other words")),
        "must match an option exactly [json-pointer:/blocks/0/element/initial_option]",
    ),
    "options and groups": (
        menu(option_groups=[{"label": plain("g"), "options": [option("c")]}]),
        "exactly one of options and option_groups is required [json-pointer:/blocks/0/element]",
    ),
    "eleven radio buttons": (
        field(type="radio_buttons", options=[option(str(n)) for n in range(11)]),
        "no more than 10 items allowed [json-pointer:/blocks/0/element/options]",
    ),
    "an overflow menu of six": (
        actions({"type": "overflow", "options": [option(str(n)) for n in range(6)]}),
        "no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    "a max_length of 3001": (
        field(type="plain_text_input", max_length=3001),
        "must be between 1 and 3000 [json-pointer:/blocks/0/element/max_length]",
    ),
    "a long placeholder": (
        menu(placeholder=plain("x" * 151)),
        "must be less than 151 characters [json-pointer:/blocks/0/element/placeholder/text]",
    ),
    "an impossible date": (
        field(type="datepicker", initial_date="2026-02-30"),
        "must be a valid date in the format YYYY-MM-DD"
        " [json-pointer:/blocks/0/element/initial_date]",
    ),
    "a number for a text": (
        section(text=mrkdwn("x") | {"text": 7}),
        "must provide a string [json-pointer:/blocks/0/text/text]",
    ),
    "a string for true": (
        field(type="plain_text_input", multiline="true"),
        "must provide a boolean [json-pointer:/blocks/0/element/multiline]",
    ),
}


@pytest.mark.parametrize("case", TOO_MUCH)
def test_what_slack_refuses_is_refused_with_a_pointer_to_it(case: str) -> None:
    block, complaint = TOO_MUCH[case]

    assert check_message_blocks([block]) == [complaint]


def test_what_slack_takes_is_taken() -> None:
    blocks = [
        {"type": "header", "text": plain("x" * 150)},
        section(text=mrkdwn("x" * 3000), fields=[mrkdwn("x" * 2000)] * 10),
        section(accessory=button(value="x" * 2000, action_id="a"), block_id="one"),
        section(accessory=button(action_id="a", style="danger", confirm=CONFIRM), block_id="two"),
        {"type": "context", "elements": [mrkdwn("x")] * 10},
        {"type": "divider"},
        menu(initial_option=option("b"), placeholder=plain("Choose")),
        field(type="plain_text_input", multiline=True, max_length=3000, min_length=3),
        field(type="external_select", min_query_length=0),
        field(type="datetimepicker", initial_date_time=1_800_000_000),
    ]

    assert check_message_blocks(blocks) == []


def test_a_message_has_fifty_blocks_and_their_ids_differ() -> None:
    assert check_message_blocks([{"type": "divider"}] * 50) == []
    assert check_message_blocks([{"type": "divider"}] * 51) == [
        "no more than 50 items allowed [json-pointer:/blocks]"
    ]
    assert check_message_blocks([section(block_id="b"), section(block_id="b")]) == [
        "block_id b already exists [json-pointer:/blocks/1/block_id]"
    ]


def test_all_text_of_a_message_together_has_a_limit() -> None:
    assert not are_blocks_too_long([section(text=mrkdwn("x" * 3000))] * 4)
    assert are_blocks_too_long([section(text=mrkdwn("x" * 3000))] * 5)


def modal(**fields: Any) -> dict[str, Any]:
    return {"type": "modal", "title": plain("Request"), "blocks": [section()]} | fields


BAD_VIEWS = {
    "a long title": (
        modal(title=plain("x" * 25)),
        "must be less than 25 characters [json-pointer:/view/title/text]",
    ),
    "a lot of metadata": (
        modal(private_metadata="x" * 3001),
        "must be less than 3001 characters [json-pointer:/view/private_metadata]",
    ),
    "inputs without submit": (
        modal(blocks=[menu()]),
        "missing required field: submit (the view has input blocks) [json-pointer:/view]",
    ),
    "101 blocks": (
        modal(blocks=[{"type": "divider"}] * 101),
        "no more than 100 items allowed [json-pointer:/view/blocks]",
    ),
    "no blocks": (modal(blocks=[]), "no fewer than 1 items allowed [json-pointer:/view/blocks]"),
    "no title": (
        {"type": "modal", "blocks": [section()]},
        "missing required field: title [json-pointer:/view]",
    ),
    "a message's block": (
        modal(blocks=[{"type": "markdown", "text": "x"}]),
        "unsupported type: markdown [json-pointer:/view/blocks/0/type]",
    ),
    "null for what is left out": (
        modal(submit=None),
        "must provide an object [json-pointer:/view/submit]",
    ),
    "a home": (
        {"type": "home", "title": plain("Home"), "blocks": [section()]},
        "must be one of: modal [json-pointer:/view/type]",
    ),
}


@pytest.mark.parametrize("case", BAD_VIEWS)
def test_a_form_that_slack_refuses_is_refused(case: str) -> None:
    view, complaint = BAD_VIEWS[case]

    assert complaint in check_view(view, kind="modal")


def test_a_form_and_a_home_tab_are_taken() -> None:
    form = modal(blocks=[menu()], submit=plain("Send"), callback_id="", private_metadata="")

    assert check_view(form, kind="modal") == []
    assert check_view({"type": "home", "blocks": [section()]}, kind="home") == []
