"""People who use Slack: they type commands, click buttons, fill in forms and read.

A `Person` does what Slack's client lets somebody do, and no more: no button that is not drawn, no
option that is not offered (`Forged` is the exception, for testing what a form does not check).
Each doing returns a `Reply`: what came of it within three seconds, or the
workspace's `patience`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sandbox import slack_payloads as payloads
from sandbox.slack_chat import take_answer
from sandbox.slack_delivery import Delivery
from sandbox.slack_forms import (
    Forged,
    buttons_of,
    client_errors,
    find_field,
    refresh_state,
    state_value,
)
from sandbox.slack_limits import PLAIN_OPTION, SUGGESTIONS, items, options_of
from sandbox.slack_replies import Reply, settle_submission
from sandbox.slack_state import Json, Message, ResponseUrl, SlackError, View
from sandbox.slack_text import text_of
from sandbox.slack_world import LOOK_SECONDS, SlackWorld

__all__ = ["Forged", "Person", "Reply"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Person:
    """One member of the workspace in front of the screen."""

    world: SlackWorld
    id: str

    # -- reading -----------------------------------------------------------------------------

    @property
    def dm(self) -> str:
        """The id of the direct message with the app."""
        return self.world.dm_of(self.id).id

    def text_of(self, shown: Message | View) -> str:
        """Return what this person reads of it, in their own time zone."""
        names = {user.id: user.name for user in self.world.users.values()}
        names |= {channel.id: channel.name for channel in self.world.channels.values()}
        tz = self.world.users[self.id].tz
        return text_of(shown, tz=tz, now=self.world.clock(), names=names)

    def messages(self, channel: str | None = None) -> list[Message]:
        """Return the messages of the DM with the app (or of a channel), the newest last."""
        return [one for one in self._seen(channel) if not one.shown_only_to]

    @property
    def ephemerals(self) -> list[Message]:
        """What only this person was shown, anywhere, the newest last."""
        with self.world.changed:
            every = list(self.world.messages.values())
        return [one for one in every if one.shown_only_to == self.id]

    def message(self, contains: str, channel: str | None = None) -> Message:
        """Return the newest message that says this; LookupError shows what there is."""
        seen = self.messages(channel)
        for one in reversed(seen):
            if contains in self.text_of(one):
                return one
        raise LookupError(f"no message says {contains!r}: {[self.text_of(one) for one in seen]}")

    def wait_for(self, condition: Callable[[], T], timeout: float = LOOK_SECONDS) -> T:
        """Wait until something is so; asked again whenever the workspace changes."""
        return self.world.wait_for(condition, timeout)

    def wait_for_message(
        self, contains: str, channel: str | None = None, timeout: float = LOOK_SECONDS
    ) -> Message:
        """Wait for a message that says this."""

        def found() -> Message | None:
            seen = reversed(self.messages(channel))
            return next((one for one in seen if contains in self.text_of(one)), None)

        try:
            message = self.world.wait_for(found, timeout)
        except TimeoutError as late:
            seen = [self.text_of(one) for one in self.messages(channel)]
            raise TimeoutError(f"no message says {contains!r} but {seen}; {late}") from late
        assert message is not None
        return message

    @property
    def view(self) -> View | None:
        """The form on top, if one is open."""
        stack = self.world.stack_of(self.id)
        return stack[-1] if stack else None

    def home(self) -> View | None:
        """The Home tab as it was last published."""
        return self.world.views.get(self.world.homes.get(self.id, ""))

    def _seen(self, channel: str | None) -> list[Message]:
        with self.world.changed:
            wanted = (channel or self.dm).removeprefix("#")
            ids = {
                one.id
                for one in self.world.channels.values()
                if wanted in (one.id, one.name) and self.id in one.members
            }
            return [one for one in self.world.messages.values() if one.channel in ids]

    # -- doing -------------------------------------------------------------------------------

    def command(
        self, name: str, text: str = "", timeout: float | None = None, channel: str | None = None
    ) -> Reply:
        """Type a slash command, in the DM with the app unless a channel id is given."""
        known = self.world.app.commands
        if known is not None and name not in known:
            raise LookupError(f"{name} is not a valid command")
        if known is None or known[name]:
            text = payloads.escaped(self.world, text)
        where = channel or self.dm
        url = self._response_url(where)
        trigger = self.world.new_trigger(self.id)
        delivery = payloads.command(self.world, self.id, name, text, where, url, trigger)
        response = ResponseUrl(self.id, where, self.world.clock())
        return self._do(delivery, trigger, response, seconds=timeout)

    def shortcut(self, callback_id: str) -> Reply:
        """Choose a global shortcut."""
        known = self.world.app.shortcuts
        if known is not None and callback_id not in known:
            raise LookupError(f"there is no shortcut {callback_id}")
        trigger = self.world.new_trigger(self.id)
        return self._do(payloads.shortcut(self.world, self.id, callback_id, trigger), trigger)

    def open_home(self, timeout: float = LOOK_SECONDS) -> View:
        """Go to the Home tab; wait for the app to publish something if nothing is there yet."""
        events = self.world.app.events
        if events is None or "app_home_opened" in events:
            self._do(payloads.home_opened(self.world, self.id), None)
        home = self.world.wait_for(self.home, timeout)
        assert home is not None
        return home

    def click(
        self,
        target: Message | View,
        label: str,
        *,
        near: str | None = None,
        value: str | None = None,
    ) -> Reply:
        """Press a button (or an entry of an overflow menu) by its text or action_id.

        `near` picks among several by words in its own block or the one above it, `value` by what
        the button carries. LookupError when no such button is drawn, or more than one.
        """
        self._refuse_unseen(target)
        action = self._find_button(target, label, near, value)
        trigger = self.world.new_trigger(self.id)
        return self._do(self._action(target, action, trigger), trigger)

    def options(self, view: View, label: str, typed: str) -> list[Json]:
        """Type into an external select and return the options that the app suggests."""
        found = find_field(view.blocks, label)
        where = {"block_id": found.key[0], "action_id": found.key[1]}
        refresh_state(self.world, view)
        answer = self.world.bring(payloads.suggestion(self.world, self.id, view, where, typed))
        if answer.error or answer.data is None:
            raise LookupError(f"no options: {answer.error or answer.body!r}")
        options = options_of(answer.data)
        problems: list[str] = []
        items(PLAIN_OPTION, 0, SUGGESTIONS)(options, "/options", problems)
        if problems:
            raise LookupError(f"Slack refuses the options: {problems}")
        return options

    def fill(self, view: View, answers: Mapping[str, Any], *, submit: bool = True) -> Reply:
        """Fill in fields by their label and send the form; the other fields stay as they are.

        A field that dispatches sends its block_actions at once, and the form may change under it.
        """
        self._refuse_unseen(view)
        forged = {
            find_field(view.blocks, a).key for a, b in answers.items() if isinstance(b, Forged)
        }
        reply = Reply(view=view)
        for label, wanted in answers.items():
            reply = self._put(self._now(view), label, wanted)
        return self.submit(view, forged=forged) if submit else reply

    def submit(self, view: View, *, forged: set[tuple[str, str]] | None = None) -> Reply:
        """Send the form as it is filled in."""
        view = self._now(view)
        if view.kind != "modal" or not view.content.get("submit"):
            raise LookupError("this view has no submit button")
        state = refresh_state(self.world, view)
        errors = client_errors(view, state, forged or set())
        if errors:
            return Reply(errors=errors, view=view)
        trigger = self.world.new_trigger(self.id)
        reply = self._do(payloads.submission(self.world, self.id, view, trigger), trigger)
        return settle_submission(self.world, self.id, view, reply)

    def close(self, view: View) -> Reply:
        """Close a form without sending it; the app hears of it if it asked to."""
        view = self._now(view)
        self.world.close_view(view)
        if not view.content.get("notify_on_close"):
            return Reply(closed=True)
        reply = self._do(payloads.closed(self.world, self.id, view), None)
        return replace(reply, closed=True)

    def retry(self, reply: Reply, *, as_slack: bool = False) -> Reply:
        """Bring the very same thing again.

        Byte for byte with its old signature, as somebody who recorded it would; or `as_slack`,
        signed anew with X-Slack-Retry-Num. A form that is open or closed is left as it is.
        """
        if reply.answer is None:
            raise LookupError("nothing was sent")
        again = reply.answer.delivery
        if as_slack:
            return self._do(again, None, retry=(1, "http_timeout"))
        return self._do(again, None, headers=reply.answer.headers)

    # -- how it is done ----------------------------------------------------------------------

    def _response_url(self, channel: str, message: Message | None = None) -> str:
        token = self.world.new_response_url(self.id, channel, message)
        return f"{self.world.hooks_url}/{token}"

    def _now(self, view: View) -> View:
        current = self.world.views[view.id]
        if not current.is_open:
            raise LookupError("this form is closed")
        return current

    def _refuse_unseen(self, target: Message | View) -> None:
        if isinstance(target, View):
            if target.user != self.id:
                raise LookupError("this view is somebody else's")
            self._now(target)
            return
        members = self.world.channels[target.channel].members
        if target.shown_only_to not in (None, self.id) or self.id not in members:
            raise LookupError("this person does not see that message")

    def _find_button(
        self, target: Message | View, label: str, near: str | None, value: str | None
    ) -> Json:
        found, drawn, above = [], [], ""
        for block in target.blocks:
            about = self.text_of(Message("", "", "", "", [block]))
            for text, action in buttons_of(block):
                drawn.append(text)
                named = label in (text, action["action_id"])
                beside = near is None or near in above + about
                if named and beside and value in (None, action.get("value")):
                    found.append(action)
            above = about if block["type"] in ("section", "header") else above
        if len(found) != 1:
            raise LookupError(f"{len(found)} buttons {label!r} among {drawn}")
        return found[0]

    def _action(self, target: Message | View, action: Json, trigger: str) -> Delivery:
        if isinstance(target, View):
            shown = self._now(target)
            refresh_state(self.world, shown)
            return payloads.view_action(self.world, self.id, shown, action, trigger)
        # The server sends the message as it stands, even if this screen shows an older one.
        now = self.world.messages.get((target.channel, target.ts), target)
        url = self._response_url(target.channel, now)
        return payloads.message_action(self.world, self.id, now, action, url, trigger)

    def _put(self, view: View, label: str, wanted: Any) -> Reply:
        found = find_field(view.blocks, label)
        options = options_of(found.element)
        if found.kind.endswith("external_select") and isinstance(wanted, str):
            options = self.options(view, label, wanted)
        people = {user.name: user.id for user in self.world.users.values()}
        value = state_value(found, wanted, options, people)
        refresh_state(self.world, view)[found.key] = value
        if not found.dispatches:
            return Reply(view=view)
        action = value | {"block_id": found.key[0], "action_id": found.key[1]}
        trigger = self.world.new_trigger(self.id)
        return self._do(self._action(view, action, trigger), trigger)

    def _do(
        self,
        delivery: Delivery,
        trigger: str | None,
        response: ResponseUrl | None = None,
        *,
        seconds: float | None = None,
        retry: tuple[int, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        before = {one.ts: one for one in self.ephemerals}
        answer = self.world.bring(delivery, seconds=seconds, retry=retry, headers=headers)
        error = answer.error
        if error is None and response is not None and answer.body.strip():
            body = answer.data if answer.data is not None else {"text": answer.body.decode()}
            try:
                take_answer(self.world, response, body)
            except SlackError as refused:
                error = f"{refused.code} {list(refused.messages)}"
        new = tuple(one for one in self.ephemerals if before.get(one.ts) is not one)
        return Reply(
            status=answer.status,
            seconds=answer.seconds,
            error=error,
            view=self.world.opened_with(trigger) if trigger else None,
            ephemerals=new,
            text="\n".join(self.text_of(one) for one in new),
            answer=answer,
        )
