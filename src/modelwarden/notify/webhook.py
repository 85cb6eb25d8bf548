"""Signed messages, after Standard Webhooks 1.0: how they are signed, and how a receiver checks them (NO-4). Pure.

    webhook-id          the sequence number of the entry: one that was seen already is dropped
    webhook-timestamp   seconds since 1970, when this try was made
    webhook-signature   `v1,` and base64 of HMAC-SHA-256 over `id.timestamp.body`; two of them while a secret changes

A receiver needs this file and nothing else of the program.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets as random_bytes
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import WebhookInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
SKEW_S: Final = 300
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
MOST_SIGNATURES: Final = 8


def new_secret() -> str:
    """Draw a secret."""
    return PREFIX + base64.b64encode(random_bytes.token_bytes(SECRET_BYTES)).decode("ascii")


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message. Raises WebhookInvalid for a secret of another form."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode("ascii")


def signed_headers(
    secrets: Sequence[str], message_id: str, body: bytes, *, now: datetime
) -> dict[str, str]:
    """Return the headers of a message; each secret signs."""
    timestamp = int(now.timestamp())
    return {
        ID: message_id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: " ".join(sign(secret, message_id, timestamp, body) for secret in secrets),
    }


def verify_webhook(
    headers: Mapping[str, str],
    body: bytes,
    secrets: str | Iterable[str],
    *,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Return a received message that one of the secrets signed not long ago.

    Whoever calls this owes one step: drop a message whose `webhook-id` was seen before.

    Args:
        headers: as they came; their names in capitals or not.
        body: the bytes as they came, before anything parses them.
        secrets: `whsec_…`, or several while one is being replaced.
        now: for tests; else the clock of the machine. It may differ by five minutes.

    Raises WebhookInvalid.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, stamp, signatures = given[ID], given[TIMESTAMP], given[SIGNATURE]
    except KeyError as error:
        raise WebhookInvalid(f"the header {error.args[0]} is missing") from None
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):  # noqa: PLR2004  # seconds
        raise WebhookInvalid("webhook-timestamp is no number of seconds")
    if abs((now or datetime.now(UTC)).timestamp() - int(stamp)) > SKEW_S:
        raise WebhookInvalid("the message was signed more than five minutes ago, or ahead")
    wanted = [secrets] if isinstance(secrets, str) else list(secrets)
    expected = [sign(secret, message_id, int(stamp), body) for secret in wanted]
    found = signatures.split(" ", MOST_SIGNATURES)
    matches = [
        hmac.compare_digest(one.encode(), other.encode("utf-8", "replace"))
        for one in expected
        for other in found
    ]
    if not any(matches):
        raise WebhookInvalid("none of the secrets signed this message")
    return _parsed(body)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise WebhookInvalid("a secret is whsec_ and base64") from error
    if not key:
        raise WebhookInvalid("a secret is whsec_ and base64")
    return key


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WebhookInvalid("the body is no JSON") from error
    if not isinstance(value, dict):
        raise WebhookInvalid("the body is no JSON object")
    return value
