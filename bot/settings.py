"""The environment, read once and checked whole. No other module reads it.

A `.env` file in the working folder is read as well; the environment wins. No message shows a value:
the wrong value of one setting may well be the right value of a secret one.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from dotenv.parser import Original, parse_stream
from pydantic import SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot import setting_values
from workflows.domain.chain import PLAIN, Keys, key_of

SECRETS = (
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_APP_TOKEN",
    "WANDB_API_KEY",
    "DATABASE_URL",
    "AUDIT_KEY",
    "AUDIT_KEYS_OLD",
)
"""Each can also come from a mounted file that `<NAME>_FILE` names."""

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MAX_SECRET_FILE = 64 * 1024
ALIKE = 0.885  # of 1: a letter that is missing, or two that changed places; not DATABASE_USER

_MISSING = {
    "SLACK_BOT_TOKEN": "copy the Bot User OAuth Token from the Slack app's OAuth & Permissions",
    "SLACK_SIGNING_SECRET": "copy it from the Slack app's page Basic Information",
    "WANDB_API_KEY": "make a key of an organization admin or of a service account in W&B",
}


S = TypeVar("S", bound="StorageSettings")


class SettingsError(Exception):
    """The bot cannot start. The message names every mistake, one a line, and shows no value."""


class StorageSettings(BaseSettings):
    """Where everything is stored, and what seals the audit log: enough for most commands."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False
    )

    database_url: SecretStr = SecretStr("sqlite:///wandb-access.db")
    audit_key: SecretStr | None = None
    audit_keys_old: SecretStr | None = None
    audit_publish: str = "log"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` hands over: the environment it was given, not the process's."""
        return (init_settings,)

    @field_validator("database_url", mode="after")
    @classmethod
    def _database(cls, value: SecretStr) -> SecretStr:
        return SecretStr(setting_values.database_url(value.get_secret_value()))

    @field_validator("audit_key", mode="after")
    @classmethod
    def _audit_key(cls, value: SecretStr) -> SecretStr:
        return setting_values.audit_secret(value)

    @field_validator("audit_keys_old", mode="after")
    @classmethod
    def _audit_keys(cls, value: SecretStr) -> SecretStr:
        return setting_values.audit_secrets(value)

    @field_validator("audit_publish", mode="after")
    @classmethod
    def _publish(cls, value: str) -> str:
        return setting_values.publishing(value)

    @property
    def audit_keys(self) -> Keys:
        """What seals the audit log, and what else has sealed it."""
        current = key_of(self.audit_key.get_secret_value()) if self.audit_key else PLAIN
        old = self.audit_keys_old.get_secret_value().split(",") if self.audit_keys_old else []
        return Keys(current, tuple(key_of(one.strip()) for one in old))


class Settings(StorageSettings):
    """What the environment says, normalized.

    `HOST` is `0.0.0.0` unless set: in a container only an address that is not loopback can be
    reached from outside, and the port tells a stranger nothing, since what Slack did not sign is
    refused and the health pages have no names on them. Behind a proxy on the same machine
    `127.0.0.1` is better.
    """

    slack_bot_token: SecretStr
    slack_signing_secret: SecretStr
    slack_app_token: SecretStr | None = None
    slack_api_url: str = "https://slack.com/api/"
    wandb_base_url: str = "https://api.wandb.ai"
    wandb_api_key: SecretStr
    wandb_username: str | None = None
    policy_file: Path | None = None
    host: str = "0.0.0.0"
    port: int = 3000
    metrics_port: int | None = None
    log_level: str = "INFO"

    @field_validator("slack_bot_token", mode="after")
    @classmethod
    def _bot_token(cls, value: SecretStr) -> SecretStr:
        return setting_values.token(
            value, "xoxb-", "the Bot User OAuth Token, not the app's or a person's"
        )

    @field_validator("slack_app_token", mode="after")
    @classmethod
    def _app_token(cls, value: SecretStr) -> SecretStr:
        return setting_values.token(value, "xapp-", "an App-Level Token with connections:write")

    @field_validator("slack_signing_secret", "wandb_api_key", mode="after")
    @classmethod
    def _plain_secret(cls, value: SecretStr) -> SecretStr:
        return setting_values.token(value, "", "")

    @field_validator("slack_api_url", mode="after")
    @classmethod
    def _slack_url(cls, value: str) -> str:
        url = setting_values.url(value)
        return f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}/"

    @field_validator("wandb_base_url", mode="after")
    @classmethod
    def _wandb_url(cls, value: str) -> str:
        url = setting_values.url(value)
        if url.path.strip("/"):
            raise ValueError("has a path; give only scheme and host, such as https://api.wandb.ai")
        return f"{url.scheme}://{url.netloc}"

    @field_validator("wandb_username", mode="after")
    @classmethod
    def _username(cls, value: str) -> str:
        if ":" in value or not value.isprintable():  # RFC 7617: a colon would end the user name
            raise ValueError("has a colon or a character that cannot be printed in it")
        return value

    @field_validator("policy_file", mode="after")
    @classmethod
    def _policy(cls, value: Path) -> Path:
        if not value.is_file():
            where = "" if value.is_absolute() else f" in {Path.cwd()}"
            raise ValueError(f"names no file{where}; leave it out to use the built-in policy")
        return value

    @field_validator("host", mode="after")
    @classmethod
    def _host(cls, value: str) -> str:
        if not re.fullmatch(r"[0-9A-Za-z.:_-]+", value):
            raise ValueError("is not an address to listen on, such as 0.0.0.0 or 127.0.0.1")
        return value

    @field_validator("port", "metrics_port", mode="before")
    @classmethod
    def _port(cls, value: object) -> int:
        if re.fullmatch("[0-9]{1,5}", str(value)) and 1 <= int(str(value)) <= 65535:
            return int(str(value))
        raise ValueError("is not a port; give a number from 1 to 65535")

    @field_validator("metrics_port", mode="after")
    @classmethod
    def _metrics_port(cls, value: int, info: ValidationInfo) -> int:
        if value == info.data.get("port"):
            raise ValueError(
                "is the same as PORT: give it a port of its own, such as 9100,"
                " or leave it out to serve no metrics"
            )
        return value

    @field_validator("log_level", mode="after")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in LOG_LEVELS:
            raise ValueError(f"is not a level; give one of {', '.join(LOG_LEVELS)}")
        return value.upper()

    @property
    def log_level_number(self) -> int:
        """The level as `logging` counts it."""
        return logging.getLevelNamesMapping()[self.log_level]


NAMES = [name.upper() for name in Settings.model_fields] + [f"{one}_FILE" for one in SECRETS]


def load_settings(environ: Mapping[str, str], *, env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings, or raise `SettingsError` with everything that is wrong.

    An empty value counts as not set, and space around a value does not count. Names that are not
    ours are left alone.
    """
    return _load(Settings, environ, env_file)


def load_storage_settings(
    environ: Mapping[str, str], *, env_file: Path | None = Path(".env")
) -> StorageSettings:
    """Only what has to do with the database and the audit log. Raises `SettingsError`."""
    return _load(StorageSettings, environ, env_file)


def _load(kind: type[S], environ: Mapping[str, str], env_file: Path | None) -> S:
    mistakes: list[str] = []
    values: dict[str, Any] = {}
    given = _dotenv(env_file, mistakes) | _set_ones(environ)
    unread: set[str] = set()
    for name in (field.upper() for field in kind.model_fields):
        value = given.get(name)
        if name in SECRETS and f"{name}_FILE" in given:
            before = len(mistakes)
            value = _from_file(name, given, mistakes)
            if len(mistakes) > before:
                unread.add(name)
        if value is not None:
            values[name.lower()] = value
    try:
        settings = kind(**values)
    except ValidationError as error:
        # Nothing more about a secret whose file is the mistake already.
        lines = {str(one["loc"][0]).upper(): one for one in error.errors(include_input=False)}
        mistakes += [
            _line(name, kind=one["type"], message=one["msg"])
            for name, one in lines.items()
            if name not in unread
        ]
        is_missing = any(one["type"] == "missing" for one in lines.values())
        if is_missing and env_file is not None and not env_file.exists():
            mistakes.append(f"There is no file .env in {Path.cwd()}, where this was started")
    else:
        if not mistakes:
            return settings
    raise SettingsError("\n".join(mistakes))


def load_database_url(
    environ: Mapping[str, str], *, env_file: Path | None = Path(".env")
) -> SecretStr:
    """DATABASE_URL alone, for commands that need nothing else. Raises `SettingsError`."""
    mistakes: list[str] = []
    given = _dotenv(env_file, mistakes) | _set_ones(environ)
    name = "DATABASE_URL"
    value = _from_file(name, given, mistakes) if f"{name}_FILE" in given else given.get(name)
    url = SecretStr("") if value is None else SecretStr(value)
    if value is None and not mistakes:
        default = Settings.model_fields["database_url"].default
        assert isinstance(default, SecretStr), "the setting has a default"
        return default
    try:
        return SecretStr(setting_values.database_url(url.get_secret_value()))
    except ValueError as error:
        raise SettingsError("\n".join(mistakes) or f"{name} {error}") from None


def _line(name: str, *, kind: str, message: str) -> str:
    if kind == "missing":
        return f"{name} is not set: {_MISSING[name]}"
    return f"{name} {message.removeprefix('Value error, ')}"


def _set_ones(environ: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value.strip() for name, value in environ.items() if value and value.strip()}


def _dotenv(path: Path | None, mistakes: list[str]) -> dict[str, str]:
    if path is None or not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8") as file:
            lines = list(parse_stream(file))  # a `$` in a password stays one
    except (OSError, UnicodeDecodeError):
        mistakes.append(".env cannot be read: make it a readable file in UTF-8, or remove it")
        return {}
    mistakes.extend(
        f"line {_number(line.original)} of .env is not NAME=value: close its quotes, or remove it"
        for line in lines
        if line.error or (line.key in NAMES and line.value is None)
    )
    given = _set_ones({line.key: line.value for line in lines if line.key})
    mistakes.extend(_misspelt(given))
    return given


def _number(original: Original) -> int:
    """The line that it begins on; the parser counts the empty ones before it as its own."""
    text = original.string
    return original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _misspelt(given: Iterable[str]) -> Iterator[str]:
    """Left alone, `POLICY_FLIE` would run by the policy that is built in, and say nothing."""
    for name in given:
        meant = get_close_matches(name, NAMES, n=1, cutoff=ALIKE)
        if meant and name not in NAMES:
            yield f"{name} in .env is no setting: say {meant[0]} if you mean that, or remove it"


def _from_file(name: str, given: Mapping[str, str], mistakes: list[str]) -> str | None:
    """The secret in the file that `<name>_FILE` names, without the newline that editors add."""
    if name in given:
        mistakes.append(f"{name} and {name}_FILE are both set: keep one of them")
        return None
    try:
        with Path(given[f"{name}_FILE"]).open("rb") as opened:
            content = opened.read(MAX_SECRET_FILE + 1)
        if len(content) > MAX_SECRET_FILE:
            mistakes.append(f"{name}_FILE names a file that is too large to be a secret")
            return None
        value = content.decode("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:  # its text would show the path, which may be the secret
        reason = (isinstance(error, OSError) and error.strerror) or "not UTF-8 text"
        mistakes.append(f"{name}_FILE names a file that cannot be read: {reason}")
        return None
    if not value:
        mistakes.append(f"{name}_FILE names an empty file")
        return None
    return value
