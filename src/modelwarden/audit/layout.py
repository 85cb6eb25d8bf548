"""How an export is laid out (LG-44): the names of its files, and its manifest. Pure.

entries.jsonl            the entries, one line each (LG-43)
checkpoint               the newest signed checkpoint
checkpoints/<size>       older ones, of sizes in the range
log.vkey                 the log's verifier key, to be compared with one from elsewhere
proofs/<seq>.tlog-proof  first and last entry, each entry of a selection, and those that name keys: entry 0, rotations
proofs/<seq>.json        the line of an entry that names keys, where it lies outside
handovers/<seq>.tlog-proof  the rotation of a log key under a checkpoint that both keys signed
verify.py                the verifier of one file
README.txt               what this is and how to check it, in plain words
manifest.dsse.json       what all these are, signed by the server key that was named last
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.errors import EvidenceError, ManifestInvalid, NotCanonical
from modelwarden.ledger.dsse import Envelope, parse_envelope
from modelwarden.values.canonical import encode_any, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRIES: Final = "entries.jsonl"
CHECKPOINT: Final = "checkpoint"
VKEY: Final = "log.vkey"
VERIFIER: Final = "verify.py"
README: Final = "README.txt"
MANIFEST: Final = "manifest.dsse.json"
PAYLOAD_TYPE: Final = "application/vnd.modelwarden.manifest+json"
ALL: Final = "all"
"""The selection of an unbroken range; any other is a mapping that says what was asked for."""

LINE_BYTES: Final = 64 * 1024
"""No line is longer: a body has at most 32 KiB."""
MANIFEST_BYTES: Final = 64 * 1024 * 1024

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def older_checkpoint(size: int) -> str:
    """Return the name of the checkpoint that was signed at this size."""
    return f"checkpoints/{size}"


def proof(seq: int) -> str:
    """Return the name of an entry's proof."""
    return f"proofs/{seq}.tlog-proof"


def naming_line(seq: int) -> str:
    """Return the name of the line of an entry that names keys and lies outside of what is exported."""
    return f"proofs/{seq}.json"


def handover(seq: int) -> str:
    """Return the name of the proof that a checkpoint by both keys covers a rotation."""
    return f"handovers/{seq}.tlog-proof"


def readme(origin: str, first: int, last: int) -> str:
    """Return what a person reads who was sent this and knows nothing of us."""
    what = f"entry {first}" if first == last else f"entries {first} to {last}"
    return f"""\
This is {what} of the ledger {origin}, with the proof that it stands there unchanged.
The record itself is in entries.jsonl, one JSON object a line; the rest is proof.

To check it you need the ledger's public key from somebody you trust, not from this bundle:
ask the auditor or the operator for it and compare it with log.vkey. Then, with Python 3.11 or newer:

    python verify.py --key 'KEY'
or  modelwarden audit verify --export . --checkpoint-key 'KEY'

It ends with "ok", or names what is wrong. No server and no network are needed; verify.py checks
signatures where the package cryptography is installed, and says so where it is not.
Not proved: that what was recorded was true when it was written, nor what lies outside this range.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """One file, as the manifest names it."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an export holds: which entries of a ledger of which size, and every other file."""

    origin: str
    first: int
    last: int
    size: int
    selection: str | Mapping[str, object]
    files: tuple[ListedFile, ...]

    @property
    def is_whole(self) -> bool:
        """Tell whether the range is unbroken."""
        return self.selection == ALL

    def payload(self) -> bytes:
        """Return the bytes that are signed."""
        files = [{"path": f.path, "size": f.size, "sha256": f.sha256} for f in self.files]
        value = {
            "origin": self.origin,
            "first": self.first,
            "last": self.last,
            "size": self.size,
            "selection": self.selection,
            "files": sorted(files, key=lambda item: str(item["path"])),
        }
        return encode_any(value)


def read_manifest(data: bytes) -> tuple[Envelope, Manifest]:
    """Return the envelope, its signature unchecked, and the manifest in it. Raises ManifestInvalid."""
    try:
        envelope = parse_envelope(data)
        value = parse(envelope.payload)
    except (EvidenceError, NotCanonical) as error:
        raise ManifestInvalid(str(error)) from error
    if envelope.payload_type != PAYLOAD_TYPE:
        raise ManifestInvalid(f"its payload is a {envelope.payload_type}")
    return envelope, _manifest(value)


def _manifest(value: object) -> Manifest:
    match value:
        case {
            "origin": str(origin),
            "first": int(first),
            "last": int(last),
            "size": int(size),
            "selection": str() | dict() as selection,
            "files": list(files),
        } if 0 <= first <= last < size:
            return Manifest(
                origin=origin,
                first=first,
                last=last,
                size=size,
                selection=selection,
                files=tuple(_listed(item) for item in files),
            )
        case _:
            raise ManifestInvalid("it lacks origin, first, last, size, selection or files")


def _listed(item: object) -> ListedFile:
    match item:
        case {"path": str(path), "size": int(size), "sha256": str(sha256)} if _SHA256.fullmatch(
            sha256
        ):
            return ListedFile(path=path, size=size, sha256=sha256)
        case _:
            raise ManifestInvalid("a file in it lacks path, size or sha256")
