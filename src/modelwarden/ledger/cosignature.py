"""Cosignatures: what an outside witness says of a checkpoint (LG-53, C2SP tlog-cosignature).

A cosignature of type 04 says: at this time, this was the largest tree of this ledger that I know, and it extends all
that I knew before. Lines of type 06 (ML-DSA-44) are carried on unverified, and count for nothing here. Which witnesses
are enough is decided in `witness_policy`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import KeyInvalid, NotCanonical, NoteInvalid, SignatureInvalid
from modelwarden.ledger.checkpoint import note_line, signature_line, split_note
from modelwarden.ledger.keys import LogKey, key_hash, split_vkey, verify_ed25519
from modelwarden.values.canonical import from_base64

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ED25519_COSIGNATURE: Final = b"\x04"
ML_DSA_44: Final = b"\x06"
KEY_BYTES: Final = MappingProxyType({ED25519_COSIGNATURE: 32, ML_DSA_44: 1312})
SIGNATURE_BYTES: Final = MappingProxyType({ED25519_COSIGNATURE: 8 + 64, ML_DSA_44: 8 + 2420})
"""A time of eight bytes, then the signature."""

_PRIVATE: Final = "PRIVATE+KEY+"
_LATEST: Final = 2**63 - 1
_HASH: Final = 4


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The public key of a witness: its name, the type of its signatures, the key."""

    name: str
    kind: bytes
    public: bytes

    def __post_init__(self) -> None:
        if len(self.public) != KEY_BYTES.get(self.kind, -1):
            raise KeyInvalid("a witness's verifier key is of type 04 (Ed25519) or 06 (ML-DSA-44)")

    @property
    def key_hash(self) -> bytes:
        """The four bytes that name this key in a signature line."""
        return key_hash(self.name, self.kind + self.public)

    @property
    def vkey(self) -> str:
        """The key as text, which `parse_witness_key` reads."""
        return f"{self.name}+{self.key_hash.hex()}+{base64.b64encode(self.kind + self.public).decode()}"

    @property
    def is_verifiable(self) -> bool:
        """Whether its signatures are verified here: those of type 06 are carried on alone."""
        return self.kind == ED25519_COSIGNATURE

    def verify(self, text: bytes, signature: bytes) -> int:
        """Check a cosignature over the text of a checkpoint and return its time. Raises SignatureInvalid."""
        if not self.is_verifiable or len(signature) != SIGNATURE_BYTES[self.kind]:
            raise SignatureInvalid("not a cosignature of type 04: a time, then 64 bytes")
        at = int.from_bytes(signature[:8])
        if at > _LATEST:
            raise SignatureInvalid("the time of the cosignature is past every calendar")
        verify_ed25519(self.public, signature[8:], _signed(text, at))
        return at


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A line that a witness added: verified, with its time; or carried on, with none."""

    key: WitnessKey
    line: str
    at: int | None


class WitnessSigner:
    """The private key of a witness. It signs whatever it is handed: what is consistent is the caller's to know."""

    __slots__ = ("_key", "_seed", "verifier")

    def __init__(self, name: str, seed: bytes) -> None:
        self._key, self._seed = LogKey(name, seed), seed
        self.verifier = WitnessKey(name, ED25519_COSIGNATURE, self._key.verifier.public)

    @classmethod
    def from_text(cls, text: str) -> WitnessSigner:
        """Read the private key that `to_text` wrote. Raises KeyInvalid, which repeats no secret."""
        if not text.startswith(_PRIVATE):
            raise KeyInvalid("a witness's private key begins with PRIVATE+KEY+")
        name, _, rest = text.removeprefix(_PRIVATE).strip().partition("+")
        found, _, encoded = rest.partition("+")
        try:
            data = from_base64(encoded)
        except NotCanonical:
            data = b""
        if data[:1] != ED25519_COSIGNATURE:
            raise KeyInvalid("a witness's private key is of type 04 (Ed25519)")
        signer = cls(name, data[1:])
        if signer.verifier.key_hash.hex() != found:
            raise KeyInvalid("the private key's hash does not fit its name and key")
        return signer

    def to_text(self) -> str:
        """Return the private key as text, in the form of Go's `sumdb/note`, LF-ended. A secret."""
        encoded = base64.b64encode(ED25519_COSIGNATURE + self._seed).decode()
        return f"{_PRIVATE}{self.verifier.name}+{self.verifier.key_hash.hex()}+{encoded}\n"

    def cosign(self, text: bytes, at: int) -> str:
        """Return the line for the text of a checkpoint, LF-ended; `at` is in seconds since 1970."""
        signature = at.to_bytes(8) + self._key.sign(_signed(text, at))
        return note_line(self.verifier.name, self.verifier.key_hash + signature)


def parse_witness_key(text: str) -> WitnessKey:
    """Read a witness's verifier key, of type 04 or 06. Raises KeyInvalid."""
    name, data = split_vkey(text)
    return WitnessKey(name, data[:1], data[1:])


def parse_lines(body: bytes) -> tuple[str, ...]:
    """Read what a witness answers: one or more signature lines, each LF-ended. Raises NoteInvalid."""
    text, lines = split_note(b"\n\n" + body)
    if text != b"\n":
        raise NoteInvalid("an answer of a witness holds signature lines alone")
    for line in lines:
        signature_line(line)
    return tuple(f"{line}\n" for line in lines)


def known_lines(
    text: bytes, lines: Iterable[str], keys: Sequence[WitnessKey]
) -> tuple[Cosignature, ...]:
    """Return the lines by known witnesses over the text of a checkpoint, the first of each.

    Those of type 04 are verified, those of type 06 are of the right length, all others are ignored. Raises NoteInvalid
    when a known witness's line is wrong: nobody else can have meant it.
    """
    known = {(key.name, key.key_hash): key for key in keys}
    found: dict[WitnessKey, Cosignature] = {}
    for line in lines:
        name, data = signature_line(line.removesuffix("\n"))
        key = known.get((name, data[:_HASH]))
        if key is not None:
            found.setdefault(key, _checked(key, text, line, data[_HASH:]))
    return tuple(found.values())


def cosignatures(note: bytes, keys: Sequence[WitnessKey]) -> tuple[Cosignature, ...]:
    """Return what known witnesses say of a note's checkpoint. Raises NoteInvalid."""
    text, lines = split_note(note)
    return known_lines(text, (f"{line}\n" for line in lines), keys)


def with_lines(note: bytes, lines: Iterable[str]) -> bytes:
    """Return the note with more signature lines, none of them twice. Raises NoteInvalid."""
    _, there = split_note(note)
    new = dict.fromkeys(line for line in lines if line.removesuffix("\n") not in there)
    return note + "".join(new).encode()


def _checked(key: WitnessKey, text: bytes, line: str, signature: bytes) -> Cosignature:
    if len(signature) != SIGNATURE_BYTES[key.kind]:
        raise NoteInvalid(f"the cosignature by {key.name} has the wrong length")
    if not key.is_verifiable:
        return Cosignature(key, line, None)
    try:
        return Cosignature(key, line, key.verify(text, signature))
    except SignatureInvalid:
        raise NoteInvalid(f"the cosignature by {key.name} does not verify") from None


def _signed(text: bytes, at: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % at + text
