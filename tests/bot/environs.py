"""Environments with a secret in each place, and what is wrong with them."""

from pathlib import Path

import pytest

from bot.settings import Settings, SettingsError, load_settings

CANARIES = {
    "SLACK_BOT_TOKEN": "xoxb-canary-bot",
    "SLACK_SIGNING_SECRET": "canary-signing",
    "SLACK_APP_TOKEN": "xapp-canary-app",
    "WANDB_API_KEY": "canary-key",
    "DATABASE_URL": "postgresql://bot:canary-pass$word@db/access",
    "AUDIT_KEY": "canary-audit-key-0123456789abcdef",
    "AUDIT_KEYS_OLD": "canary-old-key-0123456789abcdef0,canary-older-key-0123456789abcdef",
}
NEEDED = {
    name: CANARIES[name] for name in ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "WANDB_API_KEY")
}


def load(**more: str) -> Settings:
    """The settings of the names that are needed, and of these."""
    return load_settings(NEEDED | more, env_file=None)


def mistakes(environ: dict[str, str], env_file: Path | None = None) -> list[str]:
    """A line for each mistake; nothing that hides behind it shows a secret either."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, env_file=env_file)
    assert caught.value.__suppress_context__ or "canary" not in str(caught.value.__context__)
    return str(caught.value).splitlines()
