"""`/wandb …`: which conversation a command belongs to; help for everything else."""

from typing import assert_never

from slack_bolt import Args

from bot import payloads
from bot.listeners.my_access import MyAccess
from bot.listeners.request_access import RequestAccess
from bot.listeners.review_request import ReviewRequest
from bot.listeners.ways import Heard, Way
from bot.views import help_text
from bot.views.blocks import Message

COMMAND = "/wandb"


class SlashCommand:
    """One command with words; Slack knows only the first."""

    def __init__(
        self, request_access: RequestAccess, my_access: MyAccess, review_request: ReviewRequest
    ) -> None:
        self._request_access = request_access
        self._my_access = my_access
        self._review_request = review_request

    def heard(self) -> Heard:
        """The one command."""
        return {(Way.COMMAND, COMMAND): self.run}

    def run(self, args: Args) -> None:
        """Hand it to its conversation."""
        command = payloads.command_of(args.body.get("text"))
        match command:
            case payloads.RequestAccess():
                self._request_access.from_command(args, command)
            case payloads.RequestRole():
                self._request_access.from_command(args, command)
            case payloads.MyAccess():
                self._my_access.show(args)
            case payloads.Approvals():
                self._review_request.show(args)
            case payloads.Help(unknown):
                answer(args, help_text.draw(unknown=unknown))
            case payloads.Malformed(sentence):
                answer(args, help_text.draw(problem=sentence))
            case _:
                assert_never(command)


def answer(args: Args, message: Message) -> None:
    """Answer a command so that only whoever typed it sees it."""
    args.ack(response_type="ephemeral", text=message.text, blocks=message.blocks)
