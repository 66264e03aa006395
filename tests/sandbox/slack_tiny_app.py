"""A small real Bolt app, as a partner for the stand-in: a command, a form, a card, a Home tab."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App, BoltRequest, Respond
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from sandbox.slack_world import SlackWorld


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def option(text: str) -> dict[str, Any]:
    return {"text": plain(text), "value": text.lower()}


def field(label: str, kind: str, **more: Any) -> dict[str, Any]:
    block_id = label.lower()
    optional = more.pop("optional", False)
    element = {"type": kind, "action_id": "value"} | more
    block = {"type": "input", "block_id": block_id, "label": plain(label), "element": element}
    return block | ({"optional": True} if optional else {})


FORM = {
    "type": "modal",
    "callback_id": "ask",
    "title": plain("Request access"),
    "submit": plain("Send"),
    "blocks": [
        field("Team", "external_select", min_query_length=0),
        field(
            "Role",
            "static_select",
            options=[option("Viewer"), option("Member")],
            initial_option=option("Viewer"),
        ),
        field("Until", "datepicker", optional=True),
        field("Notify", "checkboxes", options=[option("Me"), option("Team")], optional=True),
        field("Reason", "plain_text_input", min_length=3, max_length=100),
    ],
}


def card(text: str, *, decided: bool = False) -> list[dict[str, Any]]:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    approve = {"type": "button", "text": plain("Approve"), "action_id": "approve", "value": "r1"}
    return [section] if decided else [section, {"type": "actions", "elements": [approve]}]


class TinyApp:
    """`bolt` is the app, `seen` what its listeners got, `late` holds back the slow command."""

    def __init__(self, world: SlackWorld, api_url: str) -> None:
        self.world = world
        self.seen: list[dict[str, Any]] = []
        self.late = threading.Event()
        self.answers: dict[str, Any] = {}
        identity = AuthorizeResult(
            enterprise_id=None,
            team_id=world.team_id,
            bot_token=world.bot_token,
            bot_id=world.bot_id,
            bot_user_id=world.bot_user,
        )
        self.bolt = App(
            client=WebClient(token=world.bot_token, base_url=api_url),
            signing_secret=world.signing_secret,
            process_before_response=True,
            token_verification_enabled=False,
            authorize=lambda **_: identity,
        )
        self.bolt.command("/wandb")(self.command)
        self.bolt.shortcut("ask_access")(self.open_form)
        self.bolt.options("value")(self.teams)
        self.bolt.view("ask")(self.submit)
        self.bolt.action("approve")(self.approve)
        self.bolt.event("app_home_opened")(self.home)

    def dispatch(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any, bytes]:
        """Take a delivery as it comes over HTTP."""
        answer = self.bolt.dispatch(BoltRequest(body=body.decode(), headers=dict(headers)))
        return answer.status, answer.first_headers(), (answer.body or "").encode()

    def command(self, ack: Ack, body: dict[str, Any], client: WebClient, respond: Respond) -> None:
        self.seen.append(body)
        words = body["text"]
        if words == "ask":
            client.views_open(trigger_id=body["trigger_id"], view=FORM)
            ack()
        elif words == "respond":
            respond(text="later words", blocks=[{"type": "section", "text": plain("later")}])
            ack()
        elif words == "slow":
            self.late.wait(5)
            ack()
        elif words == "break":
            raise RuntimeError("broken on purpose")
        else:
            ack(text=f"You said {words}")

    def open_form(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=FORM)
        ack()

    def teams(self, ack: Ack, body: dict[str, Any]) -> None:
        names = ["Vision", "Audio", "Robots"]
        ack(options=[option(one) for one in names if body["value"].lower() in one.lower()])

    def submit(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        self.seen.append(body)
        if self.answers:
            ack(**self.answers)
            return
        user = body["user"]["id"]
        reason = body["view"]["state"]["values"]["reason"]["value"]["value"]
        at = int(time.mktime((2026, 12, 24, 12, 0, 0, 0, 0, 0)))
        text = f"Asked: {reason} until <!date^{at}^{{date_num}}|some day>"
        client.chat_postMessage(channel=user, text=text, blocks=card(text))
        ack()

    def approve(self, ack: Ack, body: dict[str, Any], client: WebClient, respond: Respond) -> None:
        self.seen.append(body)
        if "message" in body:
            message = body["message"]
            if len(message["blocks"]) == 1:
                respond(text="Too late", replace_original=False)
            else:
                where = {"channel": body["channel"]["id"], "ts": message["ts"]}
                done = card("Approved", decided=True)
                client.chat_update(**where, text="Approved", blocks=done)
        ack()

    def home(self, event: dict[str, Any], client: WebClient) -> None:
        self.seen.append(event)
        view = {"type": "home", "blocks": card("Waiting for you")}
        client.views_publish(user_id=event["user"], view=view)
