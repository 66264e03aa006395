"""Ask for access: the form, its search, what comes back, and the one-line command."""

from slack_bolt import Args

from bot import payloads
from bot.listeners.asks import ask_of
from bot.listeners.parts import Parts
from bot.listeners.ways import Heard, Way
from bot.payloads import Fields
from bot.people import Member
from bot.slack_api import call
from bot.views import home, request_message, request_modal, sent_message
from bot.views.request_modal import ORGANIZATION_KIND, TEAM_KIND, Form, Kind
from workflows.domain.durations import short_of
from workflows.domain.entitlements import Team
from workflows.domain.requests import AccessRequest
from workflows.services.choices import Choices, organization_choices, team_choices
from workflows.services.overview import approvers_of, request_and_grant
from workflows.services.requests import submit_request

SHORTCUT = "request_access"


class RequestAccess:
    """From the wish to the stored request."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def heard(self) -> Heard:
        """The form's submission, its search, and what opens it: the shortcut and the buttons."""
        return {
            (Way.VIEW, request_modal.CALLBACK_ID): self.submit,
            (Way.OPTIONS, request_modal.TEAM_SEARCH): self.suggest_teams,
            (Way.SHORTCUT, SHORTCUT): self.open_form,
            (Way.ACTION, home.REQUEST_ACCESS): self.open_form,
            (Way.ACTION, request_message.ASK_AGAIN): self.open_again,
        }

    def from_command(
        self, args: Args, command: payloads.RequestAccess | payloads.RequestRole
    ) -> None:
        """Submit at once when every word is there; else open the form with those that are."""
        kind = TEAM_KIND if isinstance(command, payloads.RequestAccess) else ORGANIZATION_KIND
        team = command.team if isinstance(command, payloads.RequestAccess) else ""
        fields = Fields(team, command.role, command.duration, command.reason)
        member = self._parts.who(args.body)
        missing = not (fields.role and fields.duration and fields.reason)
        if missing or (kind == TEAM_KIND and not fields.team):
            self._open(args, member, kind, fields)
            args.ack()
            return
        request = self._submit(member, kind, fields, payloads.origin_of(args.body))
        approval = approvers_of(self._parts.deps, request)
        message = sent_message.draw(
            request,
            sorted(approval.approvers),
            channel=approval.terms.channel,
            now=self._parts.deps.clock(),
            mention=self._parts.mention(*approval.approvers),
        )
        args.ack(response_type="ephemeral", text=message.text, blocks=message.blocks)

    def open_form(self, args: Args) -> None:
        """The empty form."""
        self._open(args, self._parts.who(args.body), TEAM_KIND, Fields("", "", "", ""))
        args.ack()

    def open_again(self, args: Args) -> None:
        """The form, filled with what was asked for before."""
        id = payloads.request_id_of(args.payload)
        request, _ = request_and_grant(self._parts.deps, id)
        member = self._parts.who(args.body)
        is_team = isinstance(request.place, Team)
        team = request.place.name if isinstance(request.place, Team) else ""
        fields = Fields(team, request.role.name, "", request.reason)
        if request.requester != member.email:  # a message that was shown to somebody else
            fields = Fields("", "", "", "")
        self._open(args, member, TEAM_KIND if is_team else ORGANIZATION_KIND, fields)
        args.ack()

    def _open(self, args: Args, member: Member, kind: Kind, fields: Fields) -> None:
        choices = self._choices(kind, member)
        form = Form(
            kind=kind,
            teams=choices.teams,
            roles=choices.roles,
            team=fields.team,
            role=fields.role,
            duration=fields.duration,
            reason=fields.reason,
            default_duration=short_of(choices.terms.default_duration),
            permanent=choices.permanent,
            reason_required=choices.terms.reason_required,
            notes=_notes(choices),
        )
        # First of all the form: its trigger lives for three seconds.
        call(
            self._parts.client.views_open,
            trigger_id=args.body.get("trigger_id"),
            view=request_modal.draw(form),
        )

    def _choices(self, kind: Kind, member: Member) -> Choices:
        if kind == ORGANIZATION_KIND:
            return organization_choices(self._parts.deps, member.email)
        return team_choices(self._parts.deps, member.email)

    def suggest_teams(self, args: Args) -> None:
        """The teams that fit what was typed into the searchable list."""
        choices = self._choices(TEAM_KIND, self._parts.who(args.body))
        typed = payloads.typed_of(args.body)
        args.ack(options=request_modal.options(choices.teams, typed))

    def submit(self, args: Args) -> None:
        """The form comes back: stored before Slack hears that we took it."""
        view = args.body.get("view")
        fields, kind = payloads.form_of(view), payloads.kind_of(view)
        member = self._parts.who(args.body)
        self._submit(member, kind, fields, payloads.origin_of(args.body))
        args.ack()

    def _submit(self, member: Member, kind: Kind, fields: Fields, origin: str) -> AccessRequest:
        ask = ask_of(self._parts.deps, member, kind, fields, origin)
        return submit_request(self._parts.deps, ask)


def _notes(choices: Choices) -> list[str]:
    if choices.has_account:
        return []
    if choices.terms.invite_new_people:
        return [
            "You have no W&B account with your Slack address yet. When your request is approved "
            "you are invited to the organization first, and then added."
        ]
    return ["You have no W&B account with your Slack address. Ask a W&B admin for one first."]
