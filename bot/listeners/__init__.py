"""Every way in. One class a conversation; `register` is the whole list on one screen."""

import re

from slack_bolt import App, Args

from bot.listeners.home import Home
from bot.listeners.my_access import MyAccess
from bot.listeners.parts import Parts
from bot.listeners.request_access import RequestAccess
from bot.listeners.review_drift import ReviewDrift
from bot.listeners.review_request import ReviewRequest
from bot.listeners.slash_command import SlashCommand
from workflows.errors import NotFound


def register(app: App, parts: Parts) -> None:
    """Tell Bolt who listens to what."""
    home = Home(parts)
    request_access = RequestAccess(parts)
    my_access = MyAccess(parts, home)
    review_request = ReviewRequest(parts, home)
    # Bolt tries them one after the other: what people wait for most comes first.
    request_access.register(app)
    review_request.register(app)
    SlashCommand(parts, request_access, my_access, review_request).register(app)
    ReviewDrift(parts).register(app)
    my_access.register(app)
    home.register(app)
    app.action(re.compile(""))(parts.guard(_unknown))  # last: Bolt asks in this order


def _unknown(args: Args) -> None:
    """A button of a message that another version drew."""
    raise NotFound(f"no listener for {args.payload.get('action_id')}")
