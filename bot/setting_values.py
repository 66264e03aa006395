"""What one setting may look like: each function returns the value, or raises `ValueError` with the
end of a sentence that begins with the setting's name and does not show the value.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

MIN_AUDIT_KEY = 32  # characters

_PRINTABLE = re.compile(r"[!-~]+")
_DATABASE = re.compile(r"(sqlite|postgres|postgresql|postgresql\+psycopg)://(.+)", re.DOTALL)


def token(value: SecretStr, prefix: str, what: str) -> SecretStr:
    """A secret that begins with `prefix` and can be sent as a header."""
    secret = value.get_secret_value()
    if "…" in secret:
        raise ValueError("still has the dots of the README in it: put your own in their place")
    # httpx names a header that it cannot send, secret and all, so what it cannot send stops here.
    if not _PRINTABLE.fullmatch(secret):
        raise ValueError("has a space, a line break or a letter that is not ASCII in it")
    if prefix and secret == prefix:
        raise ValueError(f"is only the beginning of a token: give {what}")
    if not secret.startswith(prefix):
        raise ValueError(f"does not start with {prefix}: give {what}")
    return value


def audit_secret(value: SecretStr) -> SecretStr:
    """A key of the audit chain: long, and without what stands between two of them."""
    secret = token(value, "", "").get_secret_value()
    if "," in secret:
        raise ValueError("has a comma in it, which stands between the keys of AUDIT_KEYS_OLD")
    if len(secret) < MIN_AUDIT_KEY:
        raise ValueError(
            f"is shorter than {MIN_AUDIT_KEY} characters: make one with `openssl rand -hex 32`"
        )
    return value


def audit_secrets(value: SecretStr) -> SecretStr:
    """Earlier keys of the audit chain, with commas between them."""
    keys = [key.strip() for key in value.get_secret_value().split(",")]
    for number, key in enumerate(keys, 1):
        if not key:
            raise ValueError("has a comma without a key on both sides: take it out")
        try:
            audit_secret(SecretStr(key))
        except ValueError as error:
            which = f" (number {number} of {len(keys)})" if len(keys) > 1 else ""
            raise ValueError(f"has a key{which} that {error}") from None
    return value


def url(value: str) -> SplitResult:
    """A base URL that a key may be sent to."""
    try:
        url = urlsplit(value)
        host, _ = url.hostname, url.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if not _PRINTABLE.fullmatch(value) or "\\" in value or url.scheme not in {"http", "https"}:
        raise ValueError("is not an https:// URL")
    if not host:
        raise ValueError("has no host in it")
    if "@" in url.netloc:
        raise ValueError("has a user name or password in it; the key has a setting of its own")
    if "?" in value or "#" in value:
        raise ValueError("has a query or a fragment; end it after the path")
    _check_host(url.scheme, host)
    return url


def _check_host(scheme: str, host: str) -> None:
    try:
        address = ip_address(host)
    except ValueError:
        is_loopback = host == "localhost"
    else:
        is_loopback = address.is_loopback
        if address.is_link_local or address.is_unspecified or address.is_multicast:
            raise ValueError("is an address that no such service has")
    if scheme == "http" and not is_loopback:
        raise ValueError(
            "begins with http://, which would send the key in clear: use https://"
            " (http:// is for this machine only: localhost, 127.0.0.1)"
        )


def database_url(value: str) -> str:
    """The address of a database that outlives the process, as SQLAlchemy takes it."""
    matched = _DATABASE.fullmatch(value)
    if matched is None:
        raise ValueError("is not a database we know: give sqlite:///file.db or postgresql://…")
    scheme, rest = matched.groups()
    if scheme == "sqlite":
        path = rest.partition("?")[0]
        if not path.startswith("/") or path in {"/", "/:memory:"}:
            raise ValueError(
                "names no file; what only memory holds is forgotten, and access would not end:"
                " give sqlite:///file.db (three slashes, four before an absolute path)"
            )
        return value
    return f"postgresql+psycopg://{rest}"


def publishing(value: str) -> str:
    """Where the head of the audit chain is published: `log`, `file:/path` or `channel:C0123`."""
    kind, _, where = value.partition(":")
    is_file = kind == "file" and where.startswith("/")
    if is_file and not Path(where).parent.is_dir():
        raise ValueError("names a file in a folder that is not there")
    if is_file or value == "log" or re.fullmatch("channel:[CG][0-9A-Z]{2,30}", value):
        return value
    raise ValueError("is not one of log, file:/an/absolute/path and channel:C0123")
