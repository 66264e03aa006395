"""What a person sees when it could not be done: one sentence, where they are looking.

Every listener is wrapped once. In Bolt 1.30 an exception undoes an `ack` that was called before it
and Slack gets a bare 500, so nothing may leave a listener.
"""

import logging
from collections.abc import Callable
from typing import Any

from slack_bolt import Args
from slack_sdk import WebClient

from bot import payloads
from bot.payloads import FormErrors
from bot.slack_api import SlackSaidNo, call, call_webhook
from bot.views import notice_modal, request_modal
from bot.views.blocks import escape
from workflows.errors import (
    AskedTooMuch,
    DirectoryUnavailable,
    NotAnApprover,
    NotFound,
    NotifierUnavailable,
    PolicyRefused,
    Refused,
    Unavailable,
)

GONE = "That is no longer there. Open my Home tab to see what there is."
SLACK_DOWN = "Slack does not answer me as it should just now. Nothing was changed; try again soon."
WANDB_DOWN = "W&B has not answered yet, so I cannot look that up. Try again in a minute."

TWICE = "exchanged_trigger_id"  # Slack's word for: this click has opened its form already

log = logging.getLogger(__name__)


def guarded(
    listener: Callable[[Args], None], client: WebClient, new_reference: Callable[[], str]
) -> Callable[[Args], None]:
    """A listener that always answers."""

    def answering(args: Args) -> None:
        try:
            listener(args)
        except FormErrors as errors:
            args.ack(response_action="errors", errors=errors.errors)
        except AskedTooMuch as refused:
            _note_flood(args, refused)
            _refuse_form(args, client, refused)
        except PolicyRefused as refused:
            _refuse_form(args, client, refused)
        except NotAnApprover as refused:
            log.warning("a decision was refused", extra={"by": payloads.clicker_of(args.body)})
            _tell(args, client, str(refused))
        except Refused as refused:
            _tell(args, client, str(refused))
        except NotFound:
            _tell(args, client, GONE)
        except DirectoryUnavailable as error:
            log.warning("W&B was needed to answer", extra={"error": str(error)})
            _tell(args, client, WANDB_DOWN)
        except SlackSaidNo as error:
            if error.code == TWICE:
                log.info("a form was opened already for the same click")
                args.ack()
                return
            _slack_down(args, client, error)
        except Unavailable as error:
            _slack_down(args, client, error)
        except Exception:  # a bug: the log gets it whole, the person one honest sentence
            reference = new_reference()
            log.exception("a listener failed", extra={"reference": reference})
            _tell(
                args,
                client,
                "Something went wrong on my side; look at my Home tab before you try again. "
                f"If it stays so, tell whoever runs me this reference: {reference}",
            )

    return answering


def _slack_down(args: Args, client: WebClient, error: Exception) -> None:
    log.warning("Slack was needed to answer", extra={"error": str(error)})
    _tell(args, client, SLACK_DOWN)


def _note_flood(args: Args, refused: AskedTooMuch) -> None:
    """Nothing is stored of what is over a limit; this is all that is left of it."""
    by = payloads.clicker_of(args.body)
    log.warning("asked for too much", extra={"by": by, "limit": refused.limit})


def _refuse_form(args: Args, client: WebClient, refused: PolicyRefused) -> None:
    """Under the fields of the form if there is one; else all of it in one answer."""
    view = args.body.get("view")
    if args.body.get("type") == "view_submission":
        kind = payloads.kind_of(view)
        args.ack(response_action="errors", errors=payloads.errors_for(kind, refused.complaints))
        return
    _tell(args, client, "\n".join(refused.complaints.values()))


def _tell(args: Args, client: WebClient, sentence: str) -> None:
    """Say it where the person is looking, and acknowledge. Slack being down is only logged."""
    try:
        _say(args, client, sentence)
    except (NotifierUnavailable, SlackSaidNo) as error:
        log.warning("a person could not be told", extra={"error": str(error)})


def _say(args: Args, client: WebClient, sentence: str) -> None:
    body: dict[str, Any] = args.body
    kind = body.get("type")
    if kind == "view_submission":
        args.ack(response_action="errors", errors={_first_block(body): sentence.replace("`", "")})
    elif kind == "block_suggestion":
        args.ack(options=[])
    elif kind == "block_actions" and body.get("response_url"):
        args.ack()
        say_to_clicker(body["response_url"], sentence)
    elif kind in ("block_actions", "shortcut", "message_action"):
        args.ack()
        view = notice_modal.draw(sentence)
        call(client.views_open, trigger_id=body.get("trigger_id"), view=view)
    elif "command" in body:
        args.ack(response_type="ephemeral", text=escape(sentence))
    else:
        args.ack()


def tell_quietly(args: Args, sentence: str) -> None:
    """Add a line to something that is done; where Slack does not take it, it stays done."""
    url = args.body.get("response_url")
    if not url:
        return
    try:
        say_to_clicker(url, sentence)
    except NotifierUnavailable as error:
        log.warning("a person could not be told", extra={"error": str(error)})


def say_to_clicker(response_url: str, sentence: str) -> None:
    """A line under the message that only whoever clicked sees; the message stays as it is."""
    call_webhook(
        response_url, text=escape(sentence), response_type="ephemeral", replace_original=False
    )


def _first_block(body: dict[str, Any]) -> str:
    values = ((body.get("view") or {}).get("state") or {}).get("values")
    return next(iter(values), request_modal.REASON) if isinstance(values, dict) else "reason"
