"""The environment: what is read, what is refused, and that no message shows a secret."""

import contextlib
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.settings import SECRETS, Settings, SettingsError, load_settings
from tests.bot.environs import CANARIES, NEEDED, load, mistakes


def test_three_names_are_enough() -> None:
    settings = load()

    assert settings.slack_bot_token.get_secret_value() == "xoxb-canary-bot"
    assert settings.slack_app_token is None
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.wandb_base_url == "https://api.wandb.ai"
    assert settings.wandb_username is None
    assert settings.database_url.get_secret_value() == "sqlite:///wandb-access.db"
    assert settings.policy_file is None
    assert (settings.host, settings.port) == ("0.0.0.0", 3000)
    assert (settings.log_level, settings.log_level_number) == ("INFO", logging.INFO)


def test_every_mistake_is_named_at_once_with_what_to_do() -> None:
    found = mistakes(
        {
            "SLACK_BOT_TOKEN": "xoxp-canary",
            "SLACK_APP_TOKEN": "canary",
            "WANDB_BASE_URL": "https://api.wandb.ai/scim",
            "DATABASE_URL": "mysql://canary",
            "POLICY_FILE": "/canary/policy.yaml",
            "PORT": "canary",
            "LOG_LEVEL": "canary",
        }
    )

    assert [line.split(" ")[0] for line in found] == [
        "DATABASE_URL",
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
        "SLACK_APP_TOKEN",
        "WANDB_BASE_URL",
        "WANDB_API_KEY",
        "POLICY_FILE",
        "PORT",
        "LOG_LEVEL",
    ]
    assert "canary" not in "\n".join(found)
    assert found[1].endswith("give the Bot User OAuth Token, not the app's or a person's")
    assert "is not set: copy it from the Slack app's page Basic Information" in found[2]


def test_empty_counts_as_not_set_and_space_around_does_not_count() -> None:
    settings = load(SLACK_APP_TOKEN="", POLICY_FILE="  ", PORT=" 8080 ", WANDB_USERNAME="")

    assert settings.slack_app_token is None
    assert settings.policy_file is None
    assert settings.port == 8080
    assert mistakes(NEEDED | {"WANDB_API_KEY": " "})[0].startswith("WANDB_API_KEY is not set")


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("https://slack.com/api", "https://slack.com/api/"),
        ("https://slack.com/api///", "https://slack.com/api/"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001/"),
        ("http://localhost:8001/api/", "http://localhost:8001/api/"),
    ],
)
def test_the_slack_url_ends_with_one_slash(given_url: str, kept: str) -> None:
    assert load(SLACK_API_URL=given_url).slack_api_url == kept


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("https://wandb.example.com/", "https://wandb.example.com"),
        ("HTTPS://wandb.example.com:8443", "https://wandb.example.com:8443"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://127.0.0.2", "http://127.0.0.2"),
    ],
)
def test_the_wandb_url_ends_with_its_host(given_url: str, kept: str) -> None:
    assert load(WANDB_BASE_URL=given_url).wandb_base_url == kept


@pytest.mark.parametrize("name", ["WANDB_BASE_URL", "SLACK_API_URL"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("http://api.wandb.ai", "would send the key in clear"),
        ("http://10.0.0.1", "would send the key in clear"),
        ("http://127.0.0.1.example.com", "would send the key in clear"),
        ("http://localhost.example.com", "would send the key in clear"),
        ("https://169.254.169.254", "is an address that no such service has"),
        ("https://0.0.0.0", "is an address that no such service has"),
        ("file:///etc/passwd", "is not an https:// URL"),
        ("api.wandb.ai", "is not an https:// URL"),
        ("https://", "has no host"),
        ("https://me:canary@api.wandb.ai", "has a user name or password"),
        ("https://@api.wandb.ai", "has a user name or password"),
        ("https://api.wandb.ai?canary", "has a query"),
        ("https://api.wandb.ai?", "has a query"),
        ("https://api.wandb.ai#canary", "has a query or a fragment"),
        ("https://api.wandb.ai:canary", "is not a URL"),
        ("https://api.wandb.ai:99999", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://api.wandb.ai\\@canary", "is not an https:// URL"),
        ("https://api.wan\ndb.ai", "is not an https:// URL"),
    ],
)
def test_no_key_is_sent_to_a_doubtful_url(name: str, value: str, says: str) -> None:
    (line,) = mistakes(NEEDED | {name: value})

    assert line.startswith(f"{name} ")
    assert says in line
    assert "canary" not in line


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("sqlite:///access.db", "sqlite:///access.db"),
        ("sqlite:////var/lib/access.db", "sqlite:////var/lib/access.db"),
        ("postgres://bot:p@db/access", "postgresql+psycopg://bot:p@db/access"),
        ("postgresql://bot:p@db/access", "postgresql+psycopg://bot:p@db/access"),
        ("postgresql+psycopg://db/access?sslmode=require",) * 2,
        ("postgresql:///access?host=/run/pg", "postgresql+psycopg:///access?host=/run/pg"),
    ],
)
def test_databases_are_spelled_for_the_driver_we_ship(given_url: str, kept: str) -> None:
    assert load(DATABASE_URL=given_url).database_url.get_secret_value() == kept


@pytest.mark.parametrize(
    "value",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///?mode=memory",
        "sqlite://file.db",
        "sqlite+aiosqlite:///a.db",
        "postgresql+psycopg2://canary",
        "postgresql://",
        "mysql://canary",
        "access.db",
    ],
)
def test_other_databases_are_refused(value: str) -> None:
    (line,) = mistakes(NEEDED | {"DATABASE_URL": value})

    assert line.startswith("DATABASE_URL ")
    assert "canary" not in line


@pytest.mark.parametrize("value", ["0", "65536", "-1", "3_000", "3000.0", "٣٠٠٠", "0x10", "1e3"])
def test_a_port_is_a_plain_number_in_range(value: str) -> None:
    assert mistakes(NEEDED | {"PORT": value}) == [
        "PORT is not a port; give a number from 1 to 65535"
    ]


def test_the_port_for_metrics_is_one_or_none() -> None:
    assert load_settings(NEEDED, env_file=None).metrics_port is None
    assert load_settings(NEEDED | {"METRICS_PORT": "9100"}, env_file=None).metrics_port == 9100
    assert mistakes(NEEDED | {"METRICS_PORT": "all"}) == [
        "METRICS_PORT is not a port; give a number from 1 to 65535"
    ]


@pytest.mark.parametrize(
    "ports", [{"PORT": "9100", "METRICS_PORT": "9100"}, {"METRICS_PORT": "3000"}]
)
def test_one_port_for_two_things_names_both_settings_and_what_to_do(ports: dict[str, str]) -> None:
    assert mistakes(NEEDED | ports) == [
        "METRICS_PORT is the same as PORT: give it a port of its own, such as 9100,"
        " or leave it out to serve no metrics"
    ]


def test_a_wrong_port_is_not_compared_with_the_other() -> None:
    assert mistakes(NEEDED | {"PORT": "x", "METRICS_PORT": "x"}) == [
        f"{name} is not a port; give a number from 1 to 65535" for name in ("PORT", "METRICS_PORT")
    ]
    (line,) = mistakes(NEEDED | {"PORT": "x", "METRICS_PORT": "3000"})
    assert line.startswith("PORT ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLACK_BOT_TOKEN", "xoxb-"),
        ("SLACK_BOT_TOKEN", "xoxb-a b"),
        ("SLACK_SIGNING_SECRET", "a\nb"),
        ("SLACK_APP_TOKEN", "xoxb-1"),
        ("WANDB_API_KEY", "käy"),
        ("WANDB_USERNAME", "a:b"),
        ("WANDB_USERNAME", "a\nb"),
        ("HOST", "http://0.0.0.0"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_what_cannot_be_right_is_refused(name: str, value: str) -> None:
    (line,) = mistakes(NEEDED | {name: value})

    assert line.startswith(f"{name} ")
    assert value not in line


def test_a_policy_file_must_be_there(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\n")

    assert load(POLICY_FILE=str(policy)).policy_file == policy
    assert mistakes(NEEDED | {"POLICY_FILE": str(tmp_path)}) == [
        "POLICY_FILE names no file; leave it out to use the built-in policy"
    ]


@pytest.mark.parametrize("name", SECRETS)
def test_each_secret_can_come_from_a_mounted_file(name: str, tmp_path: Path) -> None:
    mounted = tmp_path / "secret"
    mounted.write_text(CANARIES[name] + "\r\n")
    others = {key: value for key, value in CANARIES.items() if key != name}

    settings = load_settings(others | {f"{name}_FILE": str(mounted)}, env_file=None)

    assert settings == load_settings(CANARIES, env_file=None)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_two_places_is_a_mistake(name: str, tmp_path: Path) -> None:
    mounted = tmp_path / "secret"
    mounted.write_text(CANARIES[name])

    assert mistakes(CANARIES | {f"{name}_FILE": str(mounted)}) == [
        f"{name} and {name}_FILE are both set: keep one of them"
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        (b"\n", "names an empty file"),
        (b"\xff\xfe", "cannot be read: not UTF-8"),
        (b"canary" * 20_000, "too large"),
    ],
)
def test_a_mounted_file_that_is_no_secret_is_one_mistake(
    content: bytes | None, says: str, tmp_path: Path
) -> None:
    mounted = tmp_path / "canary-name"  # somebody may put the secret itself there
    if content is not None:
        mounted.write_bytes(content)
    environ = {name: value for name, value in NEEDED.items() if name != "WANDB_API_KEY"}

    (line,) = mistakes(environ | {"WANDB_API_KEY_FILE": str(mounted)})

    assert line.startswith("WANDB_API_KEY_FILE names")
    assert says in line
    assert "canary" not in line


def test_a_dotenv_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(
        "WANDB_API_KEY=from-file\nPORT=8080\nLOG_LEVEL=debug\nOTHER=1\n"
        "DATABASE_URL='postgresql://bot:a${HOME}$b@db/access'\n"
    )
    environ = {name: value for name, value in NEEDED.items() if name != "WANDB_API_KEY"}

    settings = load_settings(environ | {"PORT": "9090", "LOG_LEVEL": ""}, env_file=dotenv)

    assert settings.wandb_api_key.get_secret_value() == "from-file"
    assert (settings.port, settings.log_level) == (9090, "DEBUG")
    assert "a${HOME}$b" in settings.database_url.get_secret_value()


def test_a_dotenv_file_of_something_else_is_a_mistake(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"\xff\xfe\x00")

    assert mistakes(NEEDED, dotenv) == [
        ".env cannot be read: make it a readable file in UTF-8, or remove it"
    ]


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("PORT=80\nSLACK_APP_TOKEN xapp-canary\n", 2),
        ("# mine\n\nPOLICY_FILE='canary.yaml\n", 3),
        ("AUDIT_KEY\n", 1),
    ],
)
def test_a_line_of_the_file_that_sets_nothing_is_a_mistake(
    written: str, line: int, tmp_path: Path
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(written, encoding="utf-8")

    assert mistakes(NEEDED, dotenv) == [
        f"line {line} of .env is not NAME=value: close its quotes, or remove it"
    ]


def test_a_name_alone_that_is_no_setting_is_somebody_elses(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("export COMPOSE_PROJECT_NAME\nPORT=8080\n", encoding="utf-8")

    assert load_settings(NEEDED, env_file=dotenv).port == 8080


def test_a_folder_named_like_the_file_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()

    assert mistakes(NEEDED, tmp_path / ".env")[0].startswith(".env cannot be read")


def test_where_something_is_missing_and_there_is_no_file_the_folder_is_named(
    tmp_path: Path,
) -> None:
    found = mistakes({}, tmp_path / ".env")

    assert found[-1] == f"There is no file .env in {Path.cwd()}, where this was started"


def test_the_dots_of_the_readme_are_named() -> None:
    (line,) = mistakes(NEEDED | {"SLACK_BOT_TOKEN": "xoxb-…"})

    assert line == (
        "SLACK_BOT_TOKEN still has the dots of the README in it: put your own in their place"
    )


def test_the_process_s_own_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1234")

    assert load().port == 3000


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load().port = 1


def test_no_secret_is_in_what_settings_look_like() -> None:
    settings = load_settings(CANARIES, env_file=None)

    for text in (
        repr(settings),
        str(settings),
        f"{settings.model_dump()}",
        settings.model_dump_json(),
    ):
        assert "canary" not in text


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), st.text(max_size=30)))
@hypothesis_settings(max_examples=200)
def test_whatever_is_set_gives_settings_or_one_error(values: dict[str, str]) -> None:
    environ = NEEDED | {name.upper(): value for name, value in values.items()}

    with contextlib.suppress(SettingsError):
        assert 1 <= load_settings(environ, env_file=None).port <= 65535


def test_reading_settings_loads_nothing_heavy() -> None:
    script = (
        "import sys, bot.settings;"
        "print([m for m in ('slack_bolt', 'sqlmodel', 'httpx') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("POLICY_FLIE", "POLICY_FILE"),
        ("SLACK_SIGNING_SECRT", "SLACK_SIGNING_SECRET"),
        ("AUDIT_KYE", "AUDIT_KEY"),
        ("AUDIT_KEY_FIEL", "AUDIT_KEY_FILE"),
        ("policy_file", ""),
        ("DATABASE_USER", ""),
        ("HTTPS_PROXY", ""),
        ("PORTAL", ""),
    ],
)
def test_a_name_in_the_file_that_is_nearly_a_setting_is_a_mistake(
    written: str, meant: str, tmp_path: Path
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"{written}=canary\n", encoding="utf-8")
    told = ""
    try:
        load_settings(NEEDED, env_file=dotenv)
    except SettingsError as error:
        told = str(error)

    assert (f"{written} in .env is no setting: say {meant} if you mean that" in told) == bool(meant)
    assert "canary" not in told
