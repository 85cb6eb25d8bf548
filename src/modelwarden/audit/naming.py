"""The entries of an export that name keys, and what follows from them: which log keys and which server key count.

Those that lie outside of the export come as files of their own, those inside are found in it: leaving the file of one
out hides nothing that is there.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final

from modelwarden.audit import layout
from modelwarden.audit.sources import CHUNK, read_whole
from modelwarden.errors import LineInvalid, ManifestInvalid, NotCanonical, ProofInvalid, Unreadable
from modelwarden.ledger.checkpoint import MAX_NOTE_BYTES, parse_tlog_proof
from modelwarden.ledger.entry import parse_line
from modelwarden.ledger.merkle import leaf_hash
from modelwarden.ledger.rotation import Handover, KeyEntry
from modelwarden.values.canonical import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from modelwarden.audit.sources import Source
    from modelwarden.ledger.entry import Stored

MARKS: Final = (b'"type":"ledger.key_r', b'"type":"server.key_r')
OVERLAP: Final = max(map(len, MARKS))
_OUTSIDE: Final = re.compile(r"proofs/(0|[1-9][0-9]{0,18})\.json")


def naming_entries(
    source: Source, lines: Callable[[], Iterator[bytes]]
) -> dict[int, tuple[Stored, bool]]:
    """Return the entries that name keys, by number, each with whether it lies outside of the export.

    A line that does not parse is left to the walk over all lines, or its file to the manifest.
    """
    found: dict[int, tuple[Stored, bool]] = {}
    for name in sorted(filter(_OUTSIDE.fullmatch, source.sizes)):
        _take(read_whole(source, name, most=layout.LINE_BYTES), found, is_outside=True)
    for line in _inside(source, lines):
        _take(line, found, is_outside=False)
    return dict(sorted(found.items()))


def key_entry(source: Source, stored: Stored) -> KeyEntry:
    """Return an entry as `ledger.rotation` follows it, with the handover that the export carries."""
    name = layout.handover(stored.seq)
    try:
        data = read_whole(source, name, most=2 * MAX_NOTE_BYTES)
        proof = parse_tlog_proof(data)
    except (Unreadable, ProofInvalid):
        return KeyEntry(stored.seq, stored.body)
    handover = Handover(proof.note, proof.proof) if proof.index == stored.seq else None
    return KeyEntry(stored.seq, stored.body, handover)


def server_key(entries: Iterable[Stored]) -> str:
    """Return the server key that is named last. Raises ManifestInvalid where entry 0 is missing or names none."""
    key: str | None = None
    for stored in entries:
        if stored.seq == 0:
            key = _named(stored, "ledger.started", "server_key")
        elif key is not None:
            key = _named(stored, "server.key_rotated", "new") or key
    if key is None:
        raise ManifestInvalid("entry 0, which names the key that signs it, is not there")
    return key


def _named(stored: Stored, kind: str, field: str) -> str | None:
    if leaf_hash(stored.body) != stored.leaf:
        return None
    try:
        body = parse(stored.body)
    except NotCanonical:
        return None
    match body:
        case {"type": str(found), "fact": {**fields}} if found == kind:
            key = fields.get(field)
            return key if isinstance(key, str) else None
        case _:
            return None


def _take(line: bytes, found: dict[int, tuple[Stored, bool]], *, is_outside: bool) -> None:
    try:
        stored = parse_line(line).stored
    except LineInvalid:
        return
    found.setdefault(stored.seq, (stored, is_outside))


def _inside(source: Source, lines: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """Yield the first line, and all that name keys; the lines are read only if something of the kind is there."""
    yield from islice(lines(), 1)
    if _is_marked(source):
        yield from (line for line in lines() if any(mark in line for mark in MARKS))


def _is_marked(source: Source) -> bool:
    """Tell whether the entries hold a mark anywhere: far quicker than line by line."""
    if layout.ENTRIES not in source.sizes:
        return False
    with source.open(layout.ENTRIES) as file:
        before = b""
        while part := file.read(CHUNK):
            held = before + part
            if any(mark in held for mark in MARKS):
                return True
            before = held[-OVERLAP:]
    return False
