"""The form, and the search behind its teams."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views import request_modal
from bot.views.request_modal import ORGANIZATION_KIND, TEAM_KIND, Form
from sandbox.slack_limits import PLAIN_OPTION
from tests.bot.views.cases import assert_slack_takes_view, said
from workflows.domain.checks import MAX_REASON

FORM = Form(
    kind=TEAM_KIND,
    teams=("nlp", "vision"),
    roles=("viewer", "member", "admin"),
    default_duration="8h",
)
MANY = tuple(f"team-{number:03}" for number in range(101))


def drawn(form: Form) -> dict[str, Any]:
    view = request_modal.draw(form)
    assert_slack_takes_view(view)
    return view


def inputs(form: Form) -> dict[str, dict[str, Any]]:
    return {each["block_id"]: each for each in drawn(form)["blocks"] if each["type"] == "input"}


def test_the_form_has_four_labelled_fields_in_order() -> None:
    labels = [each["label"]["text"] for each in inputs(FORM).values()]

    assert labels == ["Team", "Role", "Duration", "Reason"]


def test_an_organization_role_has_no_team_field() -> None:
    form = replace(FORM, kind=ORGANIZATION_KIND, teams=())

    assert list(inputs(form)) == ["role", "duration", "reason"]
    assert drawn(form)["private_metadata"] == "organization"


def test_the_default_duration_is_filled_in_with_examples_beside_it() -> None:
    field = inputs(FORM)["duration"]

    assert field["element"]["initial_value"] == "8h"
    for example in ("45m", "8h", "3d", "2w", "until friday", "until 2026-12-24"):
        assert example in field["hint"]["text"]
    assert "permanent" not in field["hint"]["text"]


def test_permanent_is_an_example_only_where_it_is_allowed() -> None:
    assert "permanent" in inputs(replace(FORM, permanent=True))["duration"]["hint"]["text"]


def test_the_reason_may_have_as_many_characters_as_the_policy_takes() -> None:
    field = inputs(FORM)["reason"]

    assert field["element"]["multiline"] is True
    assert field["element"]["max_length"] == MAX_REASON
    assert "initial_value" not in field["element"]
    assert "optional" not in field


def test_a_reason_that_is_not_required_is_optional() -> None:
    assert inputs(replace(FORM, reason_required=False))["reason"]["optional"] is True


def test_what_was_typed_already_is_filled_in() -> None:
    form = replace(FORM, team="Vision", role="admin", duration="3d", reason="Release")

    found = inputs(form)

    assert found["team"]["element"]["initial_option"]["value"] == "vision"
    assert found["role"]["element"]["initial_option"]["value"] == "admin"
    assert found["duration"]["element"]["initial_value"] == "3d"
    assert found["reason"]["element"]["initial_value"] == "Release"


def test_what_is_not_offered_is_not_filled_in() -> None:
    found = inputs(replace(FORM, team="secret", role="owner"))

    assert "initial_option" not in found["team"]["element"]
    assert "initial_option" not in found["role"]["element"]


def test_names_that_differ_in_case_alone_are_not_guessed() -> None:
    form = replace(FORM, teams=("Vision", "vision"), team="VISION")

    assert "initial_option" not in inputs(form)["team"]["element"]
    assert inputs(replace(form, team="Vision"))["team"]["element"]["initial_option"]["value"] == (
        "Vision"
    )


def test_a_reason_that_is_too_long_is_cut_and_that_is_said() -> None:
    form = replace(FORM, reason="x" * 1001)

    assert len(inputs(form)["reason"]["element"]["initial_value"]) == 1000
    assert "Your reason was cut" in said(drawn(form)["blocks"])


def test_a_hundred_teams_are_a_menu_and_more_are_searched() -> None:
    menu = inputs(replace(FORM, teams=MANY[:100]))["team"]["element"]
    search = inputs(replace(FORM, teams=MANY, team="team-007"))["team"]["element"]

    assert (menu["type"], len(menu["options"])) == ("static_select", 100)
    assert (search["type"], search["action_id"]) == ("external_select", request_modal.TEAM_SEARCH)
    assert search["initial_option"]["value"] == "team-007"


@pytest.mark.parametrize(
    "form", [replace(FORM, teams=()), replace(FORM, roles=()), replace(FORM, teams=(), roles=())]
)
def test_with_nothing_to_ask_for_the_form_says_what_to_do(form: Form) -> None:
    view = drawn(form)

    assert "submit" not in view
    assert "that you can ask for here" in said(view["blocks"])
    assert "organization admin" in said(view["blocks"])


def test_a_name_is_offered_once_and_a_blank_one_never() -> None:
    menu = inputs(replace(FORM, teams=("vision", "", " ", "vision")))["team"]["element"]

    assert [each["value"] for each in menu["options"]] == ["vision"]


def test_notes_come_first_and_escaped() -> None:
    view = drawn(replace(FORM, notes=("There is no team “<!here>”.", " ")))

    assert view["blocks"][0]["text"]["text"] == "There is no team “&lt;!here&gt;”."
    assert view["blocks"][1]["type"] == "input"


def test_suggestions_are_the_best_first_and_at_most_a_hundred() -> None:
    teams = ("provision", "Vision", "vision-lab", "nlp")

    assert [each["value"] for each in request_modal.options(teams, " vision")] == [
        "Vision",
        "vision-lab",
        "provision",
    ]
    assert len(request_modal.options(MANY, "")) == 100
    assert request_modal.options(teams, "zzz") == []


def test_a_name_that_is_too_long_to_be_a_value_travels_as_a_digest() -> None:
    names = ["v" * 76, "v" * 77, "#1", "a&b"]

    for name in names:
        value = request_modal.value_of(name)
        assert len(value) <= 75
        assert request_modal.name_of(value, names) == name
    assert len({request_modal.value_of(name) for name in names}) == 4


def test_an_ampersand_that_comes_back_escaped_is_understood() -> None:
    assert request_modal.name_of("R&amp;D", ["R&D"]) == "R&D"


def test_a_value_that_stands_for_nothing_is_itself() -> None:
    assert request_modal.name_of("#forged", ["vision"]) == "#forged"


_NAMES = st.text(min_size=1, max_size=120).filter(str.strip)


@given(
    teams=st.lists(_NAMES, min_size=1, max_size=4),
    roles=st.lists(_NAMES, min_size=1, max_size=3),
    typed=st.text(max_size=1200),
)
def test_any_text_in_any_field_makes_a_form_that_slack_takes(
    teams: list[str], roles: list[str], typed: str
) -> None:
    form = Form(
        kind=TEAM_KIND,
        teams=teams,
        roles=roles,
        team=typed or teams[0],
        role=typed or roles[0],
        duration=typed,
        reason=typed,
        default_duration="8h",
        notes=(typed,),
    )

    for one in (form, replace(form, teams=[*MANY, *teams], team=teams[0])):
        assert_slack_takes_view(request_modal.draw(one))


@given(names=st.lists(_NAMES, max_size=5, unique=True), typed=st.text(max_size=5))
def test_every_suggestion_is_an_option_that_leads_back_to_its_name(
    names: list[str], typed: str
) -> None:
    found = request_modal.options(names, typed)

    for option in found:
        problems: list[str] = []
        PLAIN_OPTION(option, "", problems)
        assert problems == []
        assert request_modal.name_of(option["value"], names) in names
