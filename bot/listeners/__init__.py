"""Every way in. One class a conversation; `every_way_in` is the whole list on one screen."""

from slack_bolt import App

from bot.listeners.home import Home
from bot.listeners.my_access import MyAccess
from bot.listeners.parts import Parts
from bot.listeners.request_access import RequestAccess
from bot.listeners.review_drift import ReviewDrift
from bot.listeners.review_request import ReviewRequest
from bot.listeners.slash_command import SlashCommand
from bot.listeners.ways import Heard, listen


def register(app: App, parts: Parts) -> None:
    """Tell Bolt who listens to what."""
    listen(app, every_way_in(parts), parts.guard)


def every_way_in(parts: Parts) -> Heard:
    """Who listens to what."""
    home = Home(parts)
    request_access = RequestAccess(parts)
    my_access = MyAccess(parts, home)
    review_request = ReviewRequest(parts, home)
    return {
        **request_access.heard(),
        **review_request.heard(),
        **SlashCommand(request_access, my_access, review_request).heard(),
        **ReviewDrift(parts).heard(),
        **my_access.heard(),
        **home.heard(),
    }
