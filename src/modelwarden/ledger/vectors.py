"""The published vectors of LG-22, for `audit verify --vectors`: does this machine compute the same?

Whoever writes a second implementation starts here.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from modelwarden.ledger.checkpoint import Checkpoint, sign_note
from modelwarden.ledger.entry import chain, chain_start, commit_text
from modelwarden.ledger.keys import LogKey
from modelwarden.ledger.merkle import leaf_hash, tree_root
from modelwarden.values.canonical import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

ORIGIN: Final = "ledger.example/golden"

BODIES: Final = (
    '{"at":"2026-11-20T11:19:40.000000Z","type":"ledger.started","v":1}',
    '{"at":"2026-11-20T11:19:41.000000Z","fact":{"name":"café €"},"type":"model.registered","v":1}',
    (
        '{"at":"2026-11-20T11:19:42.000000Z","fact":{"n":9007199254740991},'
        '"type":"version.registered","v":1}'
    ),
)

EXPECTED: Final[Mapping[str, str]] = {
    "chain_start": "7f25ebcd08ed5151cfe95550cfa14375d947fa6cf6847b9f16b72b38da3831bb",
    "chain_2": "9f00b6e030583a9812d9bc59badcdf8443b48496f6779525dca9f6281ffc4a78",
    "root_3": "bf62d0a45d8e1bbd98e6a9fc8a543fe1ab2c91a5d92a5af18fcdddcb583e6230",
    "vkey": "ledger.example/golden+3108bca7+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
    "note_3": "701c891aff4dfe79f92ed64cbd139eb3d91c08ba6aa24d66df5276c33fd81c34",
    "text": "5a407fa793535eee145c50ad41b2701445194356735d32319c73a878502736ee",
}


def check_vectors() -> list[str]:
    """Recompute LG-22 and return each mismatch as a sentence; all is well if there is none."""
    computed = _computed()
    return [
        f"{name}: expected {expected}, computed {computed[name]}"
        for name, expected in EXPECTED.items()
        if computed[name] != expected
    ]


def _computed() -> dict[str, str]:
    secret = bytes(range(32))
    leaves = [leaf_hash(encode(json.loads(body))) for body in BODIES]
    entry_hash = chain_start(ORIGIN)
    for leaf in leaves:
        entry_hash = chain(entry_hash, leaf)
    key = LogKey(ORIGIN, secret)
    note = sign_note(Checkpoint(ORIGIN, len(leaves), tree_root(leaves)), key)
    return {
        "chain_start": chain_start(ORIGIN).hex(),
        "chain_2": entry_hash.hex(),
        "root_3": tree_root(leaves).hex(),
        "vkey": key.vkey,
        "note_3": sha256(note).hexdigest(),
        "text": commit_text(secret, "Café").hex(),
    }
