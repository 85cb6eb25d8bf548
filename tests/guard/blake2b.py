"""BLAKE2b as RFC 7693 §3 writes it: a second source for the golden buckets."""

from __future__ import annotations

import struct
from typing import Final

IV: Final = (
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
)  # fmt: skip
SIGMA: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
MIXED: Final = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip
WORD: Final = 2**64 - 1
BLOCK: Final = 128


def blake2b(message: bytes, *, key: bytes, size: int) -> bytes:
    state = [IV[0] ^ 0x01010000 ^ (len(key) << 8) ^ size, *IV[1:]]
    data = (key.ljust(BLOCK, b"\0") if key else b"") + message
    blocks = [data[start : start + BLOCK] for start in range(0, len(data) or 1, BLOCK)]
    for number, block in enumerate(blocks):
        counted = min((number + 1) * BLOCK, len(data))
        words = struct.unpack("<16Q", block.ljust(BLOCK, b"\0"))
        state = _compressed(state, words, counted, is_last=number == len(blocks) - 1)
    return struct.pack("<8Q", *state)[:size]


def _compressed(
    state: list[int], words: tuple[int, ...], counted: int, *, is_last: bool
) -> list[int]:
    v = [*state, *IV]
    v[12] ^= counted & WORD
    v[13] ^= counted >> 64
    if is_last:
        v[14] ^= WORD
    for turn in range(12):
        order = SIGMA[turn % 10]
        for place, (a, b, c, d) in enumerate(MIXED):
            _mix(v, (a, b, c, d), words[order[2 * place]], words[order[2 * place + 1]])
    return [h ^ v[i] ^ v[i + 8] for i, h in enumerate(state)]


def _mix(v: list[int], places: tuple[int, int, int, int], x: int, y: int) -> None:
    a, b, c, d = places
    for word, (first, second) in ((x, (32, 24)), (y, (16, 63))):
        v[a] = (v[a] + v[b] + word) & WORD
        v[d] = _turned(v[d] ^ v[a], first)
        v[c] = (v[c] + v[d]) & WORD
        v[b] = _turned(v[b] ^ v[c], second)


def _turned(word: int, by: int) -> int:
    return (word >> by | word << (64 - by)) & WORD
