"""The methods of Slack's Web API that an access bot uses, with the errors that Slack documents.

Each takes the workspace and the arguments as they came (JSON types, or strings of a form) and
returns the fields of the answer beside `ok`. A refusal is a `SlackError`. Which scope a method
needs stands in `METHODS`. Source: docs.slack.dev/reference/methods.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from sandbox.slack_blocks import check_view
from sandbox.slack_chat import (
    delete_message,
    history,
    need,
    open_conversation,
    parsed,
    post_ephemeral,
    post_message,
    refuse_problems,
    update_message,
)
from sandbox.slack_limits import VIEW_STACK
from sandbox.slack_state import Json, SlackError, User, View, Workspace


@dataclass(frozen=True, slots=True)
class Method:
    """A method and the scopes it asks for; `token` is the kind of token it takes."""

    handle: Callable[[Workspace, Json], Json]
    scopes: tuple[str, ...] = ()
    token: str = "bot"


def user_payload(space: Workspace, user: User) -> Json:
    """Return a user as users.info does; the address needs users:read.email, strangers have none."""
    offset = space.clock().astimezone(ZoneInfo(user.tz)).utcoffset() or timedelta()
    profile: Json = {"real_name": user.real_name, "display_name": user.name, "team": user.team_id}
    if user.email and "users:read.email" in space.app.scopes and not user.is_stranger:
        profile["email"] = user.email
    payload: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "profile": profile,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": 1_700_000_000,
    }
    if user.is_stranger:
        payload["is_stranger"] = True
    if not user.deleted:  # Slack leaves these out for a deactivated member
        payload |= {
            "tz": user.tz,
            "tz_label": user.tz,
            "tz_offset": int(offset.total_seconds()),
            "is_admin": False,
            "is_owner": False,
            "is_restricted": user.is_restricted,
            "is_ultra_restricted": user.is_ultra_restricted,
        }
    return payload


def view_payload(space: Workspace, view: View, state: Json | None = None) -> Json:
    """Return a view as Slack sends it; `state` is what stands in its fields."""
    content = view.content
    return {
        "id": view.id,
        "team_id": space.team_id,
        "type": view.kind,
        "blocks": view.blocks,
        "private_metadata": content.get("private_metadata", ""),
        "callback_id": view.callback_id,
        "state": {"values": state or {}},
        "hash": view.hash,
        "title": content.get("title", {"type": "plain_text", "text": "View Title"}),
        "clear_on_close": content.get("clear_on_close", False),
        "notify_on_close": content.get("notify_on_close", False),
        "close": content.get("close"),
        "submit": content.get("submit"),
        "previous_view_id": view.previous_id,
        "root_view_id": view.root_id,
        "app_id": space.app_id,
        "external_id": content.get("external_id", ""),
        "app_installed_team_id": space.team_id,
        "bot_id": space.bot_id,
    }


def _auth_test(space: Workspace, arguments: Json) -> Json:
    return {
        "url": "https://sandbox.slack.com/",
        "team": "Sandbox",
        "user": space.users[space.bot_user].name,
        "team_id": space.team_id,
        "user_id": space.bot_user,
        "bot_id": space.bot_id,
        "is_enterprise_install": False,
    }


def _user_info(space: Workspace, arguments: Json) -> Json:
    user = space.users.get(str(need(arguments, "user")))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user_payload(space, user)}


def _lookup_by_email(space: Workspace, arguments: Json) -> Json:
    """Find a member; deactivated people and those of other workspaces are not found."""
    email = str(need(arguments, "email")).casefold()
    for user in space.users.values():
        if (user.email or "").casefold() == email and not user.deleted and not user.is_stranger:
            return {"user": user_payload(space, user)}
    raise SlackError("users_not_found")


def _usergroup_users(space: Workspace, arguments: Json) -> Json:
    users = space.usergroups.get(str(need(arguments, "usergroup")))
    if users is None:
        raise SlackError("no_such_subteam")
    return {"users": [one for one in users if not space.users[one].deleted]}


def checked_view(arguments: Json, *, kind: str) -> Json:
    """Return the view of the arguments if Slack would show it."""
    view = parsed(need(arguments, "view"), "invalid_arguments")
    refuse_problems("invalid_arguments", check_view(view, kind=kind))
    content: Json = view
    return content


def _new_view(space: Workspace, content: Json, user: str, below: View | None) -> View:
    external = content.get("external_id")
    if external and any(one.content.get("external_id") == external for one in _open(space)):
        raise SlackError("duplicate_external_id")
    id_ = space.new_id("V")
    return View(
        id=id_,
        user=user,
        content=content,
        hash="",
        root_id=below.root_id if below else id_,
        previous_id=below.id if below else None,
    )


def _open(space: Workspace) -> list[View]:
    return [view for view in space.views.values() if view.is_open]


def push(space: Workspace, content: Json, user: str, trigger: str | None = None) -> View:
    """Put a modal on top of the person's stack, at most three high."""
    stack = space.stack_of(user)
    if len(stack) >= VIEW_STACK:
        raise SlackError("push_limit_reached")
    return space.show(_new_view(space, content, user, stack[-1] if stack else None), trigger)


def _open_view(space: Workspace, arguments: Json) -> Json:
    content = checked_view(arguments, kind="modal")
    trigger = str(need(arguments, "trigger_id"))
    user = space.take_trigger(trigger)
    for view in space.stack_of(user):
        space.close_view(view)  # a person sees one stack of an app's modals; a new one replaces it
    shown = space.show(_new_view(space, content, user, None), trigger)
    return {"view": view_payload(space, shown)}


def _push_view(space: Workspace, arguments: Json) -> Json:
    content = checked_view(arguments, kind="modal")
    trigger = str(need(arguments, "trigger_id"))
    user = space.take_trigger(trigger)
    if not space.stack_of(user):
        raise SlackError("not_found")
    return {"view": view_payload(space, push(space, content, user, trigger))}


def _update_view(space: Workspace, arguments: Json) -> Json:
    """views.update: refuses a `hash` that is not the view's current one; a closed view is gone."""
    external = arguments.get("external_id")
    wanted = external or need(arguments, "view_id")
    for view in _open(space):
        if wanted == (view.content.get("external_id") if external else view.id):
            content = checked_view(arguments, kind=view.kind)
            if arguments.get("hash") and arguments["hash"] != view.hash:
                raise SlackError("hash_conflict")
            return {"view": view_payload(space, space.show(replace(view, content=content)))}
    raise SlackError("not_found")


def _publish_view(space: Workspace, arguments: Json) -> Json:
    user = str(need(arguments, "user_id"))
    content = checked_view(arguments, kind="home")
    if user not in space.users:
        raise SlackError("user_not_found")
    known = space.views.get(space.homes.get(user, ""))
    if known and arguments.get("hash") and arguments["hash"] != known.hash:
        raise SlackError("hash_conflict")
    home = replace(known, content=content) if known else _new_view(space, content, user, None)
    space.homes[user] = home.id
    return {"view": view_payload(space, space.show(home))}


METHODS: Mapping[str, Method] = {
    "auth.test": Method(_auth_test),
    "users.info": Method(_user_info, ("users:read",)),
    "users.lookupByEmail": Method(_lookup_by_email, ("users:read.email",)),
    "usergroups.users.list": Method(_usergroup_users, ("usergroups:read",)),
    "conversations.open": Method(open_conversation, ("im:write",)),
    "conversations.history": Method(history),  # the scope depends on the channel: see there
    "chat.postMessage": Method(post_message, ("chat:write",)),
    "chat.update": Method(update_message, ("chat:write",)),
    "chat.postEphemeral": Method(post_ephemeral, ("chat:write",)),
    "chat.delete": Method(delete_message, ("chat:write",)),
    "views.open": Method(_open_view),
    "views.update": Method(_update_view),
    "views.push": Method(_push_view),
    "views.publish": Method(_publish_view),
}
