"""Webhooks of MLflow, as a hint that its registry changed: signature, age, and that each comes once (RL-56).

MLflow signs as Standard Webhooks does, by headers and a secret of its own form. What a message says is never read: a
hint makes us look, and what is seen then counts. So a forged one could tell nothing, and a lost one costs a minute.
"""

from __future__ import annotations

import base64
import hmac
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from modelwarden.errors import ExternalUnreadable, WebhookInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

SIGNATURE: Final = "x-mlflow-signature"
DELIVERY: Final = "x-mlflow-delivery-id"
TIMESTAMP: Final = "x-mlflow-timestamp"
SKEW_S: Final = 300
LONGEST_ID: Final = 128
MOST_SECRETS: Final = 2
MOST_REMEMBERED: Final = 10_000


def sign(secret: str, delivery: str, timestamp: str, body: bytes) -> str:
    """Return `v1,` and base64 of HMAC-SHA-256 over `id.timestamp.body`, as MLflow signs."""
    signed = f"{delivery}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode("ascii")


def verified(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: datetime
) -> str:
    """Return the delivery id of a message that one of the secrets signed not long ago. Raises WebhookInvalid."""
    try:
        given, delivery, stamp = (headers[name] for name in (SIGNATURE, DELIVERY, TIMESTAMP))
    except KeyError as error:
        raise WebhookInvalid(f"the header {error.args[0]} is missing") from None
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):  # noqa: PLR2004  # seconds
        raise WebhookInvalid(f"{TIMESTAMP} is no number of seconds")
    if not 0 < len(delivery) <= LONGEST_ID:
        raise WebhookInvalid(f"{DELIVERY} has 1 to {LONGEST_ID} characters")
    if abs(now.timestamp() - int(stamp)) > SKEW_S:
        raise WebhookInvalid("the message was signed more than five minutes ago, or ahead")
    found = given.encode("utf-8", "replace")
    matches = [
        hmac.compare_digest(sign(each, delivery, stamp, body).encode(), found) for each in secrets
    ]
    if not any(matches):
        raise WebhookInvalid("none of the secrets signed this message")
    return delivery


class Hints:
    """Counts hints, one for each delivery; whoever looks remembers how many there were. Threads may share it."""

    def __init__(self, secret_file: Path | None) -> None:
        self._file = secret_file
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._count = 0

    @property
    def count(self) -> int:
        """Return how many hints there were in this process."""
        return self._count

    def take(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
        """Take a webhook; False where its delivery was taken before. Raises WebhookInvalid, ExternalUnreadable."""
        delivery = verified(headers, body, self._secrets(), now=now)
        at = now.timestamp()
        with self._lock:
            oldest = at - 2 * SKEW_S  # signed ahead, it is good for twice the skew
            while self._seen and (
                len(self._seen) >= MOST_REMEMBERED or next(iter(self._seen.values())) < oldest
            ):
                self._seen.popitem(last=False)
            if delivery in self._seen:
                return False
            self._seen[delivery] = at
            self._count += 1
        return True

    def _secrets(self) -> tuple[str, ...]:
        """Return the secrets, read anew: two while one is replaced, none by default."""
        if self._file is None:
            raise WebhookInvalid(
                "webhooks of MLflow are not set up here: mlflow.webhook_secret_file"
            )
        try:
            return tuple(self._file.read_text("utf-8").split()[:MOST_SECRETS])
        except (OSError, UnicodeError) as error:
            raise ExternalUnreadable("the file of MLflow's webhook secret can't be read") from error
