"""The fields of a form, and what Slack reports of them in `state.values`.

A field is found by its label, as a person finds it. An option is chosen by the text that is seen or
by its value. Source of the shapes: docs.slack.dev/reference/interaction-payloads/
view-interactions-payload and the reference of each block element.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sandbox.slack_state import Json, View, Workspace

# What an element calls its value: (in the state, at first).
VALUE_NAMES: Mapping[str, tuple[str, str]] = {
    "plain_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}
REQUIRED = "Please complete this required field."


@dataclass(frozen=True, slots=True)
class Forged:
    """A value that the form does not offer: what somebody sends who does not use Slack's client."""

    value: Any


@dataclass(frozen=True, slots=True)
class Field:
    """One element with a value. `dispatches`: a change of it is sent at once, as block_actions."""

    label: str
    block_id: str
    element: Json
    is_required: bool
    dispatches: bool

    @property
    def key(self) -> tuple[str, str]:
        """Where it stands in state.values."""
        return self.block_id, str(self.element["action_id"])

    @property
    def kind(self) -> str:
        """The type of the element."""
        return str(self.element["type"])


def fields_of(blocks: list[Json]) -> list[Field]:
    """Return every field from the top: of input blocks, beside sections, in rows of actions."""
    found: list[Field] = []
    for block in blocks:
        id_ = block["block_id"]
        if block["type"] == "input":
            required = not block.get("optional", False)
            dispatches = bool(block.get("dispatch_action"))
            label = block["label"]["text"]
            found.append(Field(label, id_, block["element"], required, dispatches))
            continue
        label = (block.get("text") or {}).get("text", "") if block["type"] == "section" else ""
        for element in [block.get("accessory"), *block.get("elements", ())]:
            if element and element.get("type") in VALUE_NAMES:
                hint = (element.get("placeholder") or {}).get("text", "")
                found.append(Field(label or hint, id_, element, False, True))
    return found


def find_field(blocks: list[Json], label: str) -> Field:
    """Return the field with this label (or action_id); LookupError names those that are there."""
    fields = fields_of(blocks)
    wanted = label.casefold()
    for field in fields:
        if wanted in (field.label.strip("*:").casefold(), field.key[1].casefold()):
            return field
    raise LookupError(f"no field {label!r}, only {[field.label for field in fields]}")


def refresh_state(space: Workspace, view: View) -> dict[tuple[str, str], Json]:
    """Bring the state to the view as it stands: what was filled in stays while its ids stay."""
    with space.changed:
        before = space.inputs.get(view.id, {})
        now = {
            field.key: before.get(field.key) or _first(field.element)
            for field in fields_of(view.blocks)
        }
        space.inputs[view.id] = now
        return now


def _first(element: Json) -> Json:
    name, initial = VALUE_NAMES[element["type"]]
    empty: Any = [] if name.endswith("s") else None
    return {"type": element["type"], name: element.get(initial, empty)}


def state_value(field: Field, wanted: Any, options: list[Json], people: Mapping[str, str]) -> Json:
    """Return the state of a field after it was filled in.

    `options` are those that a menu shows, `people` maps names to ids. LookupError when a menu does
    not offer it; a `Forged` value is taken as it is.
    """
    name, _ = VALUE_NAMES[field.kind]
    if name in ("selected_option", "selected_options"):
        several = name == "selected_options"
        picked = wanted if isinstance(wanted, list) else [] if wanted is None else [wanted]
        chosen = [_option(one, options, field.label) for one in picked]
        return {"type": field.kind, name: chosen if several else next(iter(chosen), None)}
    if isinstance(wanted, Forged):
        return {"type": field.kind, name: wanted.value}
    if isinstance(wanted, datetime):
        wanted = int(wanted.timestamp())
    elif isinstance(wanted, date):
        wanted = wanted.isoformat()
    elif name.startswith("selected_user"):
        wanted = people.get(wanted, wanted)
    return {"type": field.kind, name: None if wanted == "" else wanted}


def _option(wanted: Any, options: list[Json], label: str) -> Json:
    if isinstance(wanted, Forged):
        text = {"type": "plain_text", "text": str(wanted.value), "emoji": True}
        return {"text": text, "value": wanted.value}
    for option in options:
        if wanted in (option["text"]["text"], option["value"]):
            return {key: option[key] for key in ("text", "value", "description") if key in option}
    offered = [option["text"]["text"] for option in options]
    raise LookupError(f"{label!r} does not offer {wanted!r}, only {offered}")


def buttons_of(block: Json) -> Iterator[tuple[str, Json]]:
    """Yield (visible text, action as Slack sends it) of each button and overflow entry."""
    elements = block.get("elements", ()) if block["type"] == "actions" else ()
    for element in [block.get("accessory"), *elements]:
        if not element:
            continue
        ids = {"action_id": element.get("action_id"), "block_id": block["block_id"]}
        if element["type"] == "button":
            kept = ("type", "text", "value", "style", "url")
            yield element["text"]["text"], ids | {k: element[k] for k in kept if k in element}
        elif element["type"] == "overflow":
            for option in element["options"]:
                chosen = {"type": "overflow", "selected_option": option}
                yield option["text"]["text"], ids | chosen


def client_errors(
    view: View, state: Mapping[tuple[str, str], Json], forged: set[tuple[str, str]]
) -> dict[str, str]:
    """Return what Slack's client says (label to words) before it sends anything to the app."""
    errors: dict[str, str] = {}
    for field in fields_of(view.blocks):
        if field.key in forged:
            continue
        value = state[field.key][VALUE_NAMES[field.kind][0]]
        if value in (None, [], ""):
            if field.is_required:
                errors[field.label] = REQUIRED
        elif field.kind == "plain_text_input":
            least = field.element.get("min_length", 0)
            most = field.element.get("max_length", 3_000)
            if not least <= len(value) <= most:
                errors[field.label] = f"Please enter between {least} and {most} characters."
    return errors
