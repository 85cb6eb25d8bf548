"""The ledger's mathematics a second time: slow, recursive, written from the specifications alone."""

from __future__ import annotations

import hashlib
import hmac
import json

Rows = list[tuple[int, bytes, bytes, bytes]]


def h(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1, over leaf hashes."""
    if not leaves:
        return h()
    if len(leaves) == 1:
        return leaves[0]
    k = largest_power_below(len(leaves))
    return h(b"\x01", root(leaves[:k]), root(leaves[k:]))


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 §2.1.1."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), root(leaves[k:])]
    return [*path(m - k, leaves[k:]), root(leaves[:k])]


def subproof(m: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962 §2.1.2."""
    if m == len(leaves):
        return [] if whole else [root(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole=whole), root(leaves[k:])]
    return [*subproof(m - k, leaves[k:], whole=False), root(leaves[:k])]


def canonical(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def rows(origin: str, bodies: list[bytes]) -> Rows:
    """Seq, body, leaf and entry hash of each body, by LG-20."""
    entry_hash = h(b"\x03", b"modelwarden-chain-v1", b"\x00", origin.encode())
    stored: Rows = []
    for seq, body in enumerate(bodies):
        leaf = h(b"\x00", body)
        entry_hash = h(b"\x02", entry_hash, leaf)
        stored.append((seq, body, leaf, entry_hash))
    return stored


def bodies(count: int) -> list[bytes]:
    """Bodies of a small imaginary ledger, each moving one of five switches on."""
    return [
        canonical(
            {
                "v": 1,
                "at": f"2026-11-20T11:{n // 60 % 60:02}:{n % 60:02}.000000Z",
                "type": "switch.released",
                "objects": [{"kind": "switch", "id": f"swt_{n % 5}", "rev": n // 5 + 1}],
            }
        )
        for n in range(count)
    ]


def commitment(salt: bytes, words: str) -> bytes:
    return hmac.new(salt, b"modelwarden-text-v1\x00" + words.encode(), hashlib.sha256).digest()
