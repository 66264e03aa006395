"""Which block and element has which fields, and what a message or a view may hold.

`check_message_blocks` and `check_view` return Slack's complaints, an empty list when Slack would
take it. Source: docs.slack.dev/reference/block-kit (blocks, block elements, composition objects)
and docs.slack.dev/reference/views.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.slack_limits import (
    ALL_BLOCK_TEXT,
    CONFIRM,
    ID,
    MESSAGE_BLOCKS,
    OPTION,
    OPTION_GROUP,
    PLAIN_OPTION,
    PRIVATE_METADATA,
    VIEW_BLOCKS,
    VIEW_BYTES,
    Check,
    Problems,
    anything,
    boolean,
    clock_time,
    complain,
    day,
    different_values,
    find_doubles,
    initial_is_an_option,
    integer,
    items,
    one_of,
    options_or_groups,
    plain,
    shape,
    string,
    tagged,
    text,
    url,
)


def _element(
    kind: str, required: Mapping[str, Check], optional: Mapping[str, Check], *extra: Check
) -> Check:
    """An element with an action_id, which Slack makes up when it is left out."""
    return shape({"type": one_of(kind), **required}, {"action_id": string(ID), **optional}, *extra)


_FOCUS: Mapping[str, Check] = {"focus_on_load": boolean}
_MENU: Mapping[str, Check] = {"placeholder": plain(150), "confirm": CONFIRM, **_FOCUS}
_STATIC: Mapping[str, Check] = {
    **_MENU,
    "options": items(PLAIN_OPTION, 1, 100),
    "option_groups": items(OPTION_GROUP, 1, 100),
}
_CHOSEN_AMONG = (initial_is_an_option, different_values)
_STATIC_RULES = (options_or_groups, *_CHOSEN_AMONG)
_SOME = items(string(ID), 0, 100)
_MAX: Mapping[str, Check] = {"max_selected_items": integer(1, 100)}
_WORDS: Mapping[str, Check] = {"placeholder": plain(150), "dispatch_action_config": anything} | {
    **_FOCUS
}

BUTTON = _element(
    "button",
    {"text": plain(75)},
    {
        "url": url,
        "value": string(2_000),
        "style": one_of("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)
MENUS: Mapping[str, Check] = {
    "static_select": _element(
        "static_select", {}, {**_STATIC, "initial_option": PLAIN_OPTION}, *_STATIC_RULES
    ),
    "external_select": _element(
        "external_select",
        {},
        {**_MENU, "initial_option": PLAIN_OPTION, "min_query_length": integer(0, 75)},
    ),
    "users_select": _element("users_select", {}, {**_MENU, "initial_user": string(ID)}),
    "conversations_select": _element(
        "conversations_select",
        {},
        {
            **_MENU,
            "initial_conversation": string(ID),
            "default_to_current_conversation": boolean,
            "response_url_enabled": boolean,
            "filter": anything,
        },
    ),
    "channels_select": _element(
        "channels_select",
        {},
        {**_MENU, "initial_channel": string(ID), "response_url_enabled": boolean},
    ),
    "multi_static_select": _element(
        "multi_static_select",
        {},
        {**_STATIC, **_MAX, "initial_options": items(PLAIN_OPTION, 1, 100)},
        *_STATIC_RULES,
    ),
    "multi_external_select": _element(
        "multi_external_select",
        {},
        {
            **_MENU,
            **_MAX,
            "initial_options": items(PLAIN_OPTION, 1, 100),
            "min_query_length": integer(0, 75),
        },
    ),
    "multi_users_select": _element(
        "multi_users_select", {}, {**_MENU, **_MAX, "initial_users": _SOME}
    ),
    "datepicker": _element("datepicker", {}, {**_MENU, "initial_date": day}),
    "timepicker": _element(
        "timepicker", {}, {**_MENU, "initial_time": clock_time, "timezone": string(ID)}
    ),
    "datetimepicker": _element(
        "datetimepicker",
        {},
        {"initial_date_time": integer(10**9, 10**10 - 1), "confirm": CONFIRM, **_FOCUS},
    ),
    "radio_buttons": _element(
        "radio_buttons",
        {"options": items(OPTION, 1, 10)},
        {"initial_option": OPTION, "confirm": CONFIRM, **_FOCUS},
        *_CHOSEN_AMONG,
    ),
    "checkboxes": _element(
        "checkboxes",
        {"options": items(OPTION, 1, 10)},
        {"initial_options": items(OPTION, 1, 10), "confirm": CONFIRM, **_FOCUS},
        *_CHOSEN_AMONG,
    ),
}
OVERFLOW = _element(
    "overflow", {"options": items(PLAIN_OPTION, 1, 5)}, {"confirm": CONFIRM}, different_values
)


def _lengths_in_order(element: Any, at: str, problems: Problems) -> None:
    least, most = element.get("min_length", 0), element.get("max_length", 3_000)
    if isinstance(least, int) and isinstance(most, int):
        if least > most:
            complain(problems, "min_length must not be more than max_length", at)
        if len(element.get("initial_value") or "") > most:
            complain(problems, "must not be longer than max_length", f"{at}/initial_value")


FIELDS: Mapping[str, Check] = {
    "plain_text_input": _element(
        "plain_text_input",
        {},
        {
            **_WORDS,
            "initial_value": string(3_000),
            "multiline": boolean,
            "min_length": integer(0, 3_000),
            "max_length": integer(1, 3_000),
        },
        _lengths_in_order,
    ),
    "number_input": _element(
        "number_input",
        {"is_decimal_allowed": boolean},
        {**_WORDS, "initial_value": string(75), "min_value": string(75), "max_value": string(75)},
    ),
    "email_text_input": _element(
        "email_text_input", {}, {**_WORDS, "initial_value": string(3_000)}
    ),
    "url_text_input": _element("url_text_input", {}, {**_WORDS, "initial_value": string(3_000)}),
}
IMAGE = shape(
    {"type": one_of("image"), "image_url": url, "alt_text": string(2_000)},
)
_INTERACTIVE: Mapping[str, Check] = {"button": BUTTON, "overflow": OVERFLOW, **MENUS}
_WRITTEN: Mapping[str, Check] = {"plain_text": text(3_000), "mrkdwn": text(3_000)}


def _text_or_fields(block: Any, at: str, problems: Problems) -> None:
    if "text" not in block and "fields" not in block:
        complain(problems, "missing required field: text or fields", at)


def _ids_differ_within(block: Any, at: str, problems: Problems) -> None:
    """An action_id is unique within its block (Slack's reference of each element)."""
    elements = block.get("elements")
    if isinstance(elements, list):
        ids = [
            (f"{at}/elements/{n}/action_id", str(one["action_id"]))
            for n, one in enumerate(elements)
            if isinstance(one, dict) and "action_id" in one
        ]
        find_doubles(ids, "action_id", problems)


def _block(
    kind: str, required: Mapping[str, Check], optional: Mapping[str, Check], *extra: Check
) -> Check:
    return shape({"type": one_of(kind), **required}, {"block_id": string(ID), **optional}, *extra)


_SHARED: Mapping[str, Check] = {
    "section": _block(
        "section",
        {},
        {
            "text": text(3_000),
            "fields": items(text(2_000), 1, 10),
            "accessory": tagged({**_INTERACTIVE, "image": IMAGE}),
            "expand": boolean,
        },
        _text_or_fields,
    ),
    "header": _block("header", {"text": plain(150)}, {}),
    "divider": _block("divider", {}, {}),
    "context": _block(
        "context", {"elements": items(tagged({**_WRITTEN, "image": IMAGE}), 1, 10)}, {}
    ),
    "actions": _block(
        "actions", {"elements": items(tagged(_INTERACTIVE), 1, 25)}, {}, _ids_differ_within
    ),
    "input": _block(
        "input",
        {"label": plain(2_000), "element": tagged({**MENUS, **FIELDS})},
        {"hint": plain(2_000), "optional": boolean, "dispatch_action": boolean},
    ),
    "image": _block(
        "image", {"image_url": url, "alt_text": string(2_000)}, {"title": plain(2_000)}
    ),
    "rich_text": _block("rich_text", {"elements": items(anything, 1, 1_000)}, {}),
}
MESSAGE: Mapping[str, Check] = {
    **_SHARED,
    "markdown": _block("markdown", {"text": string(12_000)}, {}),
    "table": _block(
        "table",
        {"rows": items(items(anything, 1, 20), 1, 100)},
        {"column_settings": items(anything, 1, 20)},
    ),
    "data_visualization": _block(
        "data_visualization", {"title": string(50)}, {"chart": anything, "data": anything}
    ),
}
MODAL: Mapping[str, Check] = {
    **_SHARED,
    "alert": _block("alert", {"text": text(200)}, {"level": string(75)}),
}
_VIEW_FIELDS: Mapping[str, Check] = {
    "callback_id": string(ID, least=0),
    "external_id": string(ID, least=0),
    "private_metadata": string(PRIVATE_METADATA, least=0),
}


def _written(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for field, inner in value.items():
            if field == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from _written(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _written(inner)


def _block_ids_differ(blocks: Any, at: str, problems: Problems) -> None:
    if isinstance(blocks, list):
        ids = [
            (f"{at}/{n}/block_id", str(block["block_id"]))
            for n, block in enumerate(blocks)
            if isinstance(block, dict) and "block_id" in block
        ]
        find_doubles(ids, "block_id", problems)


def check_message_blocks(blocks: Any) -> Problems:
    """Return what Slack would complain about in a message; pointers start at /blocks."""
    problems: Problems = []
    items(tagged(MESSAGE), 0, MESSAGE_BLOCKS)(blocks, "/blocks", problems)
    _block_ids_differ(blocks, "/blocks", problems)
    return problems


def are_blocks_too_long(blocks: Any) -> bool:
    """Say whether all text of a message's blocks together is refused as msg_blocks_too_long."""
    return sum(map(len, _written(blocks))) > ALL_BLOCK_TEXT


def _inputs_need_submit(view: Any, at: str, problems: Problems) -> None:
    blocks = view.get("blocks")
    has_input = isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )
    if has_input and "submit" not in view:
        complain(problems, "missing required field: submit (the view has input blocks)", at)


def check_view(view: Any, *, kind: str) -> Problems:
    """Return what Slack would complain about in a view; `kind` is modal or home.

    Pointers start at /view, the argument's name in views.open and its sisters.
    """
    blocks = items(tagged(MODAL), 1, VIEW_BLOCKS)
    required: dict[str, Check] = {"type": one_of(kind), "blocks": blocks}
    optional = dict(_VIEW_FIELDS)
    if kind == "modal":
        required["title"] = plain(24)
        optional |= {
            "submit": plain(24),
            "close": plain(24),
            "clear_on_close": boolean,
            "notify_on_close": boolean,
            "submit_disabled": boolean,
        }
    problems: Problems = []
    shape(required, optional)(view, "/view", problems)
    if isinstance(view, dict):
        if kind == "modal":
            _inputs_need_submit(view, "/view", problems)
        _block_ids_differ(view.get("blocks"), "/view/blocks", problems)
        if len(json.dumps(view)) > VIEW_BYTES:
            complain(problems, "view is larger than 250 KB", "/view")
    return problems
