"""One entry of the ledger: its place in the chain, its line in an export, the digest of its words.

What the body says is the business of `facts`; here it is bytes that were hashed once and are never
encoded again (LG-1).
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import Final, NamedTuple

from modelwarden.errors import LineInvalid, NotCanonical

_LINE: Final = re.compile(
    rb'\{"seq":(0|[1-9][0-9]{0,18}),"previous_hash":"([0-9a-f]{64})","leaf_hash":"([0-9a-f]{64})",'
    rb'"entry_hash":"([0-9a-f]{64})","entry":(\{[^\n]*\})\}\n?'
)


class Stored(NamedTuple):
    """An entry as it is stored: the tuple that verification reads."""

    seq: int
    body: bytes
    leaf: bytes
    entry_hash: bytes


class Line(NamedTuple):
    """An entry as a line of an export tells it, with the hash of the entry before."""

    stored: Stored
    previous_hash: bytes


def chain_start(origin: str) -> bytes:
    """Return chain₋₁, the hash before the first entry: H(03 ‖ name ‖ 00 ‖ origin) (LG-20)."""
    return sha256(b"\x03modelwarden-chain-v1\x00" + origin.encode()).digest()


def chain(previous: bytes, leaf: bytes) -> bytes:
    """Return an entry's hash: H(02 ‖ hash of the entry before ‖ leaf) (LG-20)."""
    return sha256(b"\x02" + previous + leaf).digest()


def line(stored: Stored, previous: bytes) -> bytes:
    """Return the entry as a line of an export, with the stored bytes cut in unchanged (LG-43)."""
    return b'{"seq":%d,"previous_hash":"%b","leaf_hash":"%b","entry_hash":"%b","entry":%b}\n' % (
        stored.seq,
        previous.hex().encode(),
        stored.leaf.hex().encode(),
        stored.entry_hash.hex().encode(),
        stored.body,
    )


def parse_line(data: bytes) -> Line:
    """Read one line of an export; its last LF may be missing. Raises LineInvalid.

    The body is cut out as it stands and is not read: its hash decides.
    """
    found = _LINE.fullmatch(data)
    if found is None:
        raise LineInvalid('a line has another form than {"seq":…,"previous_hash":…,"entry":{…}}')
    seq, previous, leaf, entry_hash = (item.decode() for item in found.groups()[:4])
    stored = Stored(int(seq), found[5], bytes.fromhex(leaf), bytes.fromhex(entry_hash))
    return Line(stored, bytes.fromhex(previous))


def commit_text(salt: bytes, words: str) -> bytes:
    """Return the commitment to erasable words under a salt of 32 random bytes (LG-60).

    Raises NotCanonical for words with a lone surrogate.
    """
    try:
        return hmac.digest(salt, b"modelwarden-text-v1\x00" + words.encode(), "sha256")
    except UnicodeEncodeError:
        raise NotCanonical("the text holds a lone surrogate") from None
