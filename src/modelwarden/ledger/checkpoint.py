"""Checkpoints as signed notes, and the proof files that carry them (LG-23 to LG-25).

Formats: C2SP tlog-checkpoint, signed-note, tlog-proof, and the body of tlog-witness's
add-checkpoint. Deciding which size to sign, and refusing to go back, is the store's (LG-24).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.errors import NotCanonical, NoteInvalid, ProofInvalid, SignatureInvalid
from modelwarden.ledger.merkle import HASH_SIZE, verify_inclusion
from modelwarden.values.canonical import from_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.keys import LogKey, VerifierKey

MAX_NOTE_BYTES: Final = 1_000_000
"""A longer note is refused unread; sixteen post-quantum cosignatures need a tenth of it."""

MAX_SIGNATURES: Final = 100
"""A note with more signature lines is refused: each one by a known key costs a verification."""

MAX_PROOF_LINES: Final = 63
"""No tree of ours is higher."""

_PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_SIGNATURE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: its name, how many entries it has, the root over them."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or not self.origin.isprintable():
            raise NoteInvalid("a checkpoint's origin is one line of printable text")
        if self.size < 0 or len(self.root) != HASH_SIZE:
            raise NoteInvalid("a checkpoint has a size from 0 and a root of 32 bytes")

    def text(self) -> bytes:
        """Return the text that is signed: origin, size, root; no extension lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A parsed tlog-proof. `extra` is not authenticated by anything."""

    index: int
    proof: tuple[bytes, ...]
    note: bytes
    extra: bytes | None = None


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Read the text of a checkpoint; extension lines are refused. Raises NoteInvalid."""
    lines = _decode(text).split("\n")
    if len(lines) != 4 or lines[3]:  # noqa: PLR2004
        raise NoteInvalid("a checkpoint has three lines: origin, size, root")
    return Checkpoint(lines[0], _number(lines[1]), _hash(lines[2]))


def sign_note(checkpoint: Checkpoint, *keys: LogKey) -> bytes:
    """Return the checkpoint signed by each key, in their order. Raises NoteInvalid for none."""
    if not keys:
        raise NoteInvalid("a note needs at least one key to sign it")
    text = checkpoint.text()
    lines = [note_line(key.name, key.key_hash + key.sign(text)) for key in keys]
    return text + b"\n" + "".join(lines).encode()


def note_line(name: str, data: bytes) -> str:
    """Return a signature line, LF-ended; `data` is four bytes of the key's hash, then the signature."""
    return f"— {name} {base64.b64encode(data).decode()}\n"


def open_note(note: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Return the checkpoint if a trusted key of its origin signed it. Raises NoteInvalid.

    Lines by unknown keys are ignored; a wrong signature by a known one condemns the note.
    """
    text, _ = split_note(note)
    note_signers(note, keys)
    return parse_checkpoint(text)


def unverified_checkpoint(note: bytes) -> Checkpoint:
    """Return what the note says, whoever signed it: good for comparing, not for trusting.

    Raises NoteInvalid if text or signature lines do not parse.
    """
    text, lines = split_note(note)
    for line in lines:
        signature_line(line)
    return parse_checkpoint(text)


def note_signers(note: bytes, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Return the trusted keys of the note's origin that signed it: at least one.

    LG-64 asks for both while one key hands over to the next. Raises NoteInvalid.
    """
    text, lines = split_note(note)
    origin = parse_checkpoint(text).origin
    known = {(key.name, key.key_hash): key for key in keys if key.name == origin}
    signers: list[VerifierKey] = []
    for name, signature in map(signature_line, lines):
        key = known.get((name, signature[:4]))
        if key is None:
            continue
        try:
            key.verify(text, signature[4:])
        except SignatureInvalid:
            raise NoteInvalid(f"the signature by {name} does not verify") from None
        signers.append(key)
    if not signers:
        raise NoteInvalid("no trusted key of this origin signed the checkpoint")
    return tuple(dict.fromkeys(signers))


def tlog_proof(
    index: int, proof: Sequence[bytes], note: bytes, *, extra: bytes | None = None
) -> bytes:
    """Return an inclusion proof with its checkpoint as one file (C2SP tlog-proof)."""
    head = [_PROOF_HEADER, f"index {index}", *_hash_lines(proof)]
    if extra is not None:
        head.insert(1, f"extra {base64.b64encode(extra).decode()}")
    return "\n".join([*head, "", ""]).encode() + note


def parse_tlog_proof(data: bytes) -> TlogProof:
    """Read a tlog-proof; its checkpoint stays unopened. Raises ProofInvalid."""
    head, note = _split_proof(data)
    lines = head.split("\n")
    try:
        if lines.pop(0) != _PROOF_HEADER:
            raise ProofInvalid(f"a proof begins with {_PROOF_HEADER}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = from_base64(lines.pop(0).removeprefix("extra "))
        index = _labelled(lines, "index")
        return TlogProof(index, tuple(map(_hash, lines)), note, extra)
    except (NoteInvalid, NotCanonical) as error:
        raise ProofInvalid(str(error)) from None


def open_tlog_proof(data: bytes, leaf: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Return the signed checkpoint under which the leaf hash is proven to stand.

    Raises ProofInvalid, NoteInvalid. That the index is the one meant is the caller's to compare.
    """
    parsed = parse_tlog_proof(data)
    checkpoint = open_note(parsed.note, keys)
    verify_inclusion(leaf, parsed.index, checkpoint.size, parsed.proof, checkpoint.root)
    return checkpoint


def consistency_file(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return a consistency proof as the body of tlog-witness's add-checkpoint (LG-25)."""
    return "\n".join([f"old {old}", *_hash_lines(proof), "", ""]).encode() + note


def parse_consistency_file(data: bytes) -> tuple[int, tuple[bytes, ...], bytes]:
    """Read old size, proof and the unopened new checkpoint. Raises ProofInvalid."""
    head, note = _split_proof(data)
    lines = head.split("\n")
    try:
        old = _labelled(lines, "old")
        return old, tuple(map(_hash, lines)), note
    except NoteInvalid as error:
        raise ProofInvalid(str(error)) from None


def split_note(note: bytes) -> tuple[bytes, list[str]]:
    """Return text and signature lines; the last empty line stands between them. Raises NoteInvalid."""
    if len(note) > MAX_NOTE_BYTES:
        raise NoteInvalid("the note is longer than a million bytes")
    text, found, signatures = note.rpartition(b"\n\n")
    if not found or not signatures.endswith(b"\n"):
        raise NoteInvalid("a signed note is text, an empty line, and LF-ended signature lines")
    if signatures.count(b"\n") > MAX_SIGNATURES:
        raise NoteInvalid(f"the note has more than {MAX_SIGNATURES} signature lines")
    return text + b"\n", _decode(signatures).removesuffix("\n").split("\n")


def signature_line(line: str) -> tuple[str, bytes]:
    """Return the key's name and the bytes: four of its hash, then the signature. Raises NoteInvalid."""
    found = _SIGNATURE.fullmatch(line)
    if found is None:
        raise NoteInvalid("a signature line is: em dash, space, name, space, base64")
    try:
        data = from_base64(found[2])
    except NotCanonical as error:
        raise NoteInvalid(str(error)) from None
    if len(data) <= 4:  # noqa: PLR2004
        raise NoteInvalid("a signature line is too short")
    return found[1], data


def _split_proof(data: bytes) -> tuple[str, bytes]:
    head, found, note = data.partition(b"\n\n")
    if not found or len(data) > 2 * MAX_NOTE_BYTES:
        raise ProofInvalid("a proof is its lines, an empty line and a checkpoint")
    try:
        text = _decode(head)
    except NoteInvalid as error:
        raise ProofInvalid(str(error)) from None
    if text.count("\n") > MAX_PROOF_LINES + 2:
        raise ProofInvalid("the proof has more lines than a tree has levels")
    return text, note


def _labelled(lines: list[str], label: str) -> int:
    """Take the number off the first line, which begins with the label."""
    found, _, number = (lines.pop(0) if lines else "").partition(" ")
    if found != label:
        raise NoteInvalid(f"a line '{label} N' is missing")
    return _number(number)


def _decode(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise NoteInvalid("not UTF-8") from None
    if _CONTROL.search(text):
        raise NoteInvalid("a control character other than LF")
    return text


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise NoteInvalid("a number is not plain decimal digits without leading zeros")
    return int(text)


def _hash(text: str) -> bytes:
    try:
        data = from_base64(text)
    except NotCanonical as error:
        raise NoteInvalid(str(error)) from None
    if len(data) != HASH_SIZE:
        raise NoteInvalid("a hash is not 32 bytes long")
    return data


def _hash_lines(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(item).decode() for item in hashes]
