"""The story that the demo tells, chapter by chapter. Each step is done, shown, and checked.

A step whose outcome is not as it should be ends the story with `WrongState`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import bot
from sandbox.demo_bot import Stage
from sandbox.demo_screen import Screen, roles_of
from sandbox.slack_people import Reply
from sandbox.slack_state import Message

PATIENCE = 10.0  # seconds within which whatever is due has to have happened

Holders = Mapping[str, str]


class WrongState(Exception):
    """Something is not as the story says: what was expected, and what was found."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class Story:
    """The people, what they do, and what has to come of it."""

    stage: Stage
    screen: Screen

    def tell(self) -> None:
        """All of it. Raises `WrongState`."""
        self.eve_asks_with_the_form()
        self.ravi_is_denied()
        self.noor_is_raised_and_lowered()
        request_id = self.wandb_has_an_outage()
        self.everything_is_on_record(request_id)

    # -- the chapters --------------------------------------------------------------------------

    def eve_asks_with_the_form(self) -> None:
        """Request, approval, grant, end, removal."""
        self.screen.chapter("1. Eve needs the vision team for three seconds")
        self.check("vision", {"ada": "admin"})
        eve = self.stage.person("eve")
        self.screen.types("eve", "/wandb request-access")
        view = self.right(eve.command("/wandb", "request-access")).view
        if view is None:
            raise WrongState("a form opens", "there is none")
        answers = {
            "Team": "vision",
            "Role": "member",
            "Duration": "3s",
            "Reason": "Restart the sweep that died last night; the paper is due on Friday.",
        }
        self.screen.form(eve, "eve", view, answers)
        self.screen.clicks("eve", "Send request")
        reply = self.right(eve.fill(view, answers))
        if not reply.closed:
            raise WrongState("the form is taken", f"it says {dict(reply.errors)}")
        self.shows("eve", "waits for approval", about="vision")
        self.approve("ada", "the sweep that died")
        self.shows("eve", "active until", about="vision")
        self.check("vision", {"ada": "admin", "eve": "member"})
        self.screen.say("Nobody does anything now.")
        self.ends("eve", "vision", {"ada": "admin"}, seconds=3)
        self.shows("ada", "Ended at its time", about="the sweep that died")

    def ravi_is_denied(self) -> None:
        """One line, and a denial with a reason."""
        self.screen.chapter("2. Ravi asks for too much")
        self.ask("ravi", "vision admin 3d Upload the new labels")
        self.shows("ada", "Access request", about="Upload the new labels")
        self.screen.clicks("ada", "Deny")
        ada = self.stage.person("ada")
        card = self.wait("ada", "Upload the new labels")
        view = self.right(ada.click(card, "Deny")).view
        if view is None:
            raise WrongState("a form asks for the reason", "there is none")
        answers = {"Reason": "Member is enough for uploading labels. Ask for that and I approve."}
        self.screen.form(ada, "ada", view, answers)
        self.right(ada.fill(view, answers))
        self.shows("ravi", "denied", about="vision")
        self.check("vision", {"ada": "admin"})

    def noor_is_raised_and_lowered(self) -> None:
        """What somebody held before is put back."""
        self.screen.chapter("3. Noor is a viewer in speech, and needs to be admin for a moment")
        self.check("speech", {"grace": "admin", "noor": "viewer"})
        self.ask("noor", "speech admin 4s Move the release models to the new registry")
        self.approve("grace", "the release models")
        self.shows("noor", "active until", about="speech")
        self.check("speech", {"grace": "admin", "noor": "admin"})
        self.ends("noor", "speech", {"grace": "admin", "noor": "viewer"}, seconds=4)

    def wandb_has_an_outage(self) -> str:
        """An approval is kept while W&B is down, and carried out when it is back."""
        before = {"olga": "admin"}
        self.screen.chapter("4. W&B is down when Olga approves")
        self.ask("ravi", "forecasting member 10s Compare the two tokenizers before the review")
        card = self.shows("olga", "Access request", about="the two tokenizers")
        self.screen.say("W&B goes down: from now on it answers every call with 503.")
        self.stage.api.down()
        self.click_approve("olga", card)
        self.shows("ravi", "not confirmed it yet", about="forecasting")
        self.check("forecasting", before)
        self.screen.say("W&B is back.")
        self.stage.api.up()
        self.shows("ravi", "active until", about="forecasting")
        self.check("forecasting", {**before, "ravi": "member"})
        self.ends("ravi", "forecasting", before, seconds=10)
        return self.button_value("ravi", "forecasting")

    def everything_is_on_record(self, request_id: str) -> None:
        """The audit trail, from the command that an auditor uses."""
        command = "wandb-access audit export --json"
        self.screen.chapter("5. What the audit log says about that last request")
        shown = "its lines about the request, as a table, in UTC"
        self.screen.plain(f"\n  $ {command}   ({shown})\n\n")
        facts = [json.loads(line) for line in self.audit("--json").splitlines()]
        about = [fact for fact in facts if fact["subject"] == request_id]
        for fact in about:
            row = f"{fact['at'][11:23]}  {fact['actor']:<22}{fact['event']:<20}"
            change = f"{_word(fact['before'])} → {_word(fact['after'])}"
            self.screen.plain(f"  {row}{change if fact['before'] or fact['after'] else ''}")
        events = [fact["event"] for fact in about]
        expected = ["RequestSubmitted", "RequestApproved", "GrantActivated", "GrantEnded"]
        if [event for event in events if event in expected] != expected:
            raise WrongState(f"these facts, in order: {expected}", str(events))

    # -- what people do ------------------------------------------------------------------------

    def ask(self, name: str, words: str) -> None:
        """Somebody asks with one line; the answer is for their eyes only."""
        self.screen.types(name, f"/wandb request-access {words}")
        person = self.stage.person(name)
        reply = self.right(person.command("/wandb", f"request-access {words}"))
        if reply.ephemeral is None or "Sent" not in reply.text:
            raise WrongState("the request is sent", reply.text or "no answer")
        self.screen.message(person, name, reply.ephemeral)

    def approve(self, name: str, about: str) -> None:
        """An approver reads the card and clicks Approve."""
        self.click_approve(name, self.shows(name, "Access request", about=about))

    def click_approve(self, name: str, card: Message) -> None:
        """An approver clicks Approve."""
        self.screen.clicks(name, "Approve")
        self.right(self.stage.person(name).click(card, "Approve"))

    def right(self, reply: Reply) -> Reply:
        """The reply, if Slack took the bot's answer."""
        if reply.error or (reply.status not in (200, None)):
            raise WrongState("an answer within three seconds", reply.error or str(reply.status))
        return reply

    # -- what has to be so ---------------------------------------------------------------------

    def shows(self, name: str, says: str, *, about: str) -> Message:
        """Wait for the message that says so, and show it."""
        message = self.wait(name, says, about)
        self.screen.message(self.stage.person(name), name, message)
        return message

    def wait(self, name: str, *says: str, seconds: float = 0.0) -> Message:
        """The newest message of somebody that says all of this, with formatting left out."""
        person = self.stage.person(name)

        def found() -> Message | None:
            for message in reversed(person.messages()):
                text = person.text_of(message).replace("*", "")
                if all(each in text for each in says):
                    return message
            return None

        try:
            message = person.wait_for(found, seconds + PATIENCE)
        except TimeoutError:
            newest = person.messages()[-1:]
            shown = person.text_of(newest[0]).replace("\n", " / ") if newest else "nothing"
            raise WrongState(f"{name} reads “{'” and “'.join(says)}”", shown) from None
        assert message is not None, "wait_for returns what is true"
        return message

    def ends(self, name: str, team: str, then: Holders, *, seconds: float) -> None:
        """Wait for the end, which comes by itself; W&B is asked before the messages are read."""
        self.until(lambda: self.held(team) == dict(then), team, then, seconds)
        self.shows(name, "has ended", about=team)
        self.check(team, then)

    def until(self, so: Callable[[], bool], team: str, holders: Holders, seconds: float) -> None:
        """Wait until W&B holds this, or say what it holds instead."""
        end = time.monotonic() + seconds + PATIENCE
        while not so() and time.monotonic() < end:
            time.sleep(0.05)
        if not so():
            raise WrongState(_sentence(team, holders), _sentence(team, self.held(team)))

    def check(self, team: str, holders: Holders) -> None:
        """W&B holds exactly this, now."""
        held = self.held(team)
        if held != dict(holders):
            raise WrongState(_sentence(team, holders), _sentence(team, held))
        self.screen.holds(_sentence(team, held))

    def held(self, team: str) -> dict[str, str]:
        """Who has which role there."""
        members = self.stage.wandb.members(team)
        return {email.partition("@")[0]: role for email, role in members.items()}

    # -- the record ----------------------------------------------------------------------------

    def button_value(self, name: str, team: str) -> str:
        """The id of the request behind somebody's ended access: its button carries it."""
        message = self.wait(name, "has ended", team)
        buttons = (each for block in message.blocks for each in block.get("elements", ()))
        return str(next(button["value"] for button in buttons if button["type"] == "button"))

    def audit(self, form: str) -> str:
        """What the installed command prints, in a process of its own."""
        root = Path(bot.__file__).parent.parent
        done = subprocess.run(
            [sys.executable, "-m", "bot", "audit", "export", form],
            env={**os.environ, "PYTHONPATH": str(root), "DATABASE_URL": self.stage.database_url},
            cwd=self.stage.log.parent,
            capture_output=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )
        if done.returncode != 0:
            raise WrongState("audit export works", done.stderr.strip())
        return done.stdout


def _sentence(team: str, holders: Holders) -> str:
    return f"{team}: {', '.join(roles_of(holders)) or 'nobody'}"


def _word(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return str(value) or "nothing"
