"""Builds what a server sends, and what somebody who cheats would send instead."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import Any, Final

from modelwarden.guard.snapshot import Floor, PinnedKeys, Snapshot, accept
from modelwarden.guard.wire import HEAD_TYPE
from modelwarden.ledger.dsse import seal
from modelwarden.ledger.keys import SigningKey
from modelwarden.values.canonical import encode_any

KEY: Final = SigningKey.generate()
PINNED: Final = PinnedKeys((SigningKey.generate().public, KEY.public))
NEVER: Final = Floor()
BLOCK_EU: Final = {
    "id": "swi_eu",
    "scope": {"model": ["churn"], "region": ["eu"]},
    "except": {},
    "action": "block",
    "fallback": None,
    "unknown": "match",
    "severity": "SEV2",
    "lkg_before": "2026-01-01T00:00:00.000000Z",
    "held": 10_000,
}


def body(**fields: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "environment": "production",
        "model": "churn",
        "model_type": "classifier",
        "epoch": 1,
        "generation": 1840,
        "fail": "static",
        "switches": [BLOCK_EU],
        "faults": [],
        "route": None,
        "versions": [{"label": "1.4.0", "sha256": "ab" * 32, "baseline": False, "outputs": None}],
        "limits": [],
        "freshness": [],
        "drift": None,
    } | fields


def head(data: bytes, **fields: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "environment": "production",
        "model": "churn",
        "epoch": 1,
        "generation": 1840,
        "checked_at": "2026-11-20T11:19:40.000000Z",
        "body_sha256": sha256(data).hexdigest(),
    } | fields


def sealed(
    value: object, *, key: SigningKey = KEY, payload_type: str = HEAD_TYPE
) -> dict[str, Any]:
    payload = value if isinstance(value, bytes) else encode_any(value)
    envelope: dict[str, Any] = json.loads(seal(payload_type, payload, key).to_line())
    return envelope


def put_together(envelope: object, data: bytes | None) -> bytes:
    encoded = None if data is None else base64.b64encode(data).decode()
    return json.dumps({"head": envelope, "body": encoded}).encode()


def wire(*, key: SigningKey = KEY, **fields: Any) -> bytes:
    """Return a snapshot as it is sent; what names a place or a moment goes into head and body."""
    data = encode_any(body(**fields))
    shared = {
        n: v for n, v in fields.items() if n in {"environment", "model", "epoch", "generation"}
    }
    return put_together(sealed(head(data, **shared), key=key), data)


def taken(
    data: bytes,
    *,
    keys: PinnedKeys = PINNED,
    floor: Floor = NEVER,
    held: Snapshot | None = None,
) -> Snapshot:
    return accept(
        data, verify=keys.verify, environment="production", model="churn", floor=floor, held=held
    )
