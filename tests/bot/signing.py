"""Signs as Slack does: https://docs.slack.dev/authentication/verifying-requests-from-slack"""

import hmac

SECRET = "canary-signing-secret-8f2a"  # of the tests; a scan for it must find it in no output


def signature(body: bytes, timestamp: str, secret: str = SECRET) -> str:
    """The value of `X-Slack-Signature`."""
    digest = hmac.digest(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, "sha256")
    return f"v0={digest.hex()}"


def signed_headers(
    body: bytes,
    now: float,
    content_type: str = "application/x-www-form-urlencoded",
    secret: str = SECRET,
) -> dict[str, str]:
    """Everything that Slack says about a body, as of `now` (seconds since the epoch)."""
    timestamp = f"{int(now):010d}"
    return {
        "content-type": content_type,
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": signature(body, timestamp, secret),
    }
