"""Every way in. One class a conversation; `register` is the whole list on one screen."""

from slack_bolt import App

from bot.listeners.home import Home
from bot.listeners.my_access import MyAccess
from bot.listeners.parts import Parts
from bot.listeners.request_access import RequestAccess
from bot.listeners.review_request import ReviewRequest
from bot.listeners.slash_command import SlashCommand


def register(app: App, parts: Parts) -> None:
    """Tell Bolt who listens to what."""
    home = Home(parts)
    request_access = RequestAccess(parts)
    my_access = MyAccess(parts, home)
    review_request = ReviewRequest(parts, home)
    SlashCommand(parts, request_access, my_access, review_request).register(app)
    request_access.register(app)
    review_request.register(app)
    my_access.register(app)
    home.register(app)
