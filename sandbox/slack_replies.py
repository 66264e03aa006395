"""What comes of a doing: `Reply`, and what Slack makes of an app's answer to a form.

Source: docs.slack.dev/surfaces/modals ("Handling and responding to interactions"). An answer that
Slack does not understand shows the person an error and leaves the form as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sandbox.slack_delivery import Answer
from sandbox.slack_forms import refresh_state
from sandbox.slack_methods import checked_view, push
from sandbox.slack_state import Json, Message, SlackError, View
from sandbox.slack_world import SlackWorld


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one doing.

    `error` is what Slack says when the app did not answer properly (operation_timeout,
    dispatch_failed, or what is wrong with the answer); `errors` are the words at the fields of a
    form, by label; `view` is the form that was opened, put in place, or left open; `ephemerals`
    are new messages for this person's eyes only. `status` is None when there was no HTTP answer.
    """

    status: int | None = None
    seconds: float = 0.0
    error: str | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    closed: bool = False
    view: View | None = None
    ephemerals: tuple[Message, ...] = ()
    text: str = ""
    answer: Answer | None = None

    @property
    def ephemeral(self) -> Message | None:
        """The newest of the ephemeral messages."""
        return self.ephemerals[-1] if self.ephemerals else None


def settle_submission(world: SlackWorld, user: str, view: View, reply: Reply) -> Reply:
    """Do to the form what the answer to its submission says."""
    answer = reply.answer
    if answer is None or reply.error:
        return replace(reply, view=view)
    if not answer.body.strip():
        world.close_view(view)
        return replace(reply, closed=True, view=reply.view)
    if answer.data is None:
        return _not_understood(world, view, reply, "the answer to a form has to be empty or JSON")
    try:
        return _respond(world, user, view, reply, answer.data)
    except SlackError as refused:
        return _not_understood(world, view, reply, f"{refused.code} {list(refused.messages)}")


def _respond(world: SlackWorld, user: str, view: View, reply: Reply, body: Json) -> Reply:
    match body.get("response_action"):
        case "errors":
            return _show_errors(world, view, reply, body.get("errors"))
        case "clear":
            world.close_view(view, whole_stack=True)
            return replace(reply, closed=True)
        case "update":
            content = checked_view(body, kind="modal")
            shown = world.show(replace(world.views[view.id], content=content))
            refresh_state(world, shown)
            return replace(reply, view=shown)
        case "push":
            return replace(reply, view=push(world, checked_view(body, kind="modal"), user))
        case None:
            world.close_view(view)
            return replace(reply, closed=True)
        case other:
            raise SlackError("invalid_arguments", [f"unknown response_action {other}"])


def _show_errors(world: SlackWorld, view: View, reply: Reply, errors: object) -> Reply:
    """Errors belong to input blocks that are there; anything else is not understood."""
    labels = {
        block["block_id"]: block["label"]["text"]
        for block in view.blocks
        if block["type"] == "input"
    }
    if not isinstance(errors, dict) or not errors:
        raise SlackError("invalid_arguments", ["errors has to name a block"])
    unknown = [block for block in errors if block not in labels]
    if unknown:
        raise SlackError("invalid_arguments", [f"errors for blocks that are no input: {unknown}"])
    if not all(isinstance(words, str) and words for words in errors.values()):
        raise SlackError("invalid_arguments", ["an error has to be words"])
    world.announce()
    said = {labels[block]: words for block, words in errors.items()}
    return replace(reply, errors=said, view=world.views[view.id])


def _not_understood(world: SlackWorld, view: View, reply: Reply, why: str) -> Reply:
    answer = reply.answer
    assert answer is not None
    world.failures.append(replace(answer, error=why))
    return replace(reply, error=why, view=world.views[view.id])
