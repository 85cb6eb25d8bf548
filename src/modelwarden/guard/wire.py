"""The outer form of a snapshot as it is sent: a head in its envelope, and the body in base64 (SG-16). Pure.

What our server writes is cut where it has to be cut, so that no byte of the body is looked at twice as text; any other
JSON of the same meaning is read as JSON. Nothing is trusted here: `snapshot` checks what comes out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from modelwarden.errors import EnvelopeMalformed, NotCanonical, SnapshotRejected
from modelwarden.guard.body import read_json
from modelwarden.ledger.dsse import envelope_of
from modelwarden.values.canonical import from_base64

if TYPE_CHECKING:
    from collections.abc import Generator

    from modelwarden.ledger.dsse import Envelope

HEAD_TYPE: Final = "application/vnd.modelwarden.snapshot-head+json"
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
MAX_HEAD_BYTES: Final = 16 * 1024
MAX_WIRE_BYTES: Final = MAX_BODY_BYTES * 4 // 3 + 2 * MAX_HEAD_BYTES
"""Of the whole, with the body in base64."""

BASE64_SLICE: Final = 2**18
"""Characters that are decoded at once; a multiple of four."""

_HEAD, _BODY, _END = b'{"head":', b',"body":"', b'"}'


class Reason(StrEnum):
    """Why a snapshot is not taken: stable words, counted by the guard and shown by the server."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    HEAD_MALFORMED = "head_malformed"
    SIGNATURE_INVALID = "signature_invalid"
    SCHEMA_UNKNOWN = "schema_unknown"
    OTHER_ENVIRONMENT = "other_environment"
    OTHER_MODEL = "other_model"
    OLDER = "older"
    BODY_MISSING = "body_missing"
    BODY_DIGEST = "body_digest"
    BODY_MALFORMED = "body_malformed"
    BODY_DIFFERS = "body_differs"
    DOES_NOT_COMPILE = "does_not_compile"


def opened(wire: bytes) -> tuple[Envelope, str | None]:
    """Return the head's envelope and the body, in base64, or None for a head alone. Raises SnapshotRejected."""
    if len(wire) > MAX_WIRE_BYTES:
        raise SnapshotRejected(Reason.TOO_LARGE, f"more than {MAX_BODY_BYTES >> 20} MiB")
    raw, encoded = _apart(wire) or _read_apart(wire)
    if not isinstance(raw, dict):
        raise SnapshotRejected(Reason.MALFORMED, "expected an object with head and body")
    if not isinstance(encoded, str | None):
        raise SnapshotRejected(Reason.MALFORMED, "the body is base64 text")
    if _length(raw) > MAX_HEAD_BYTES:
        raise SnapshotRejected(Reason.TOO_LARGE, "the head is over 16 KiB")
    try:
        envelope = envelope_of(raw)
    except EnvelopeMalformed as error:
        raise SnapshotRejected(Reason.HEAD_MALFORMED, str(error)) from error
    if envelope.payload_type != HEAD_TYPE:
        raise SnapshotRejected(Reason.HEAD_MALFORMED, f"its payload type is not {HEAD_TYPE}")
    return envelope, encoded


def _apart(wire: bytes) -> tuple[object, str] | None:
    """Return head and body of a snapshot as our server writes it, without reading the body as JSON.

    None stands for any other form of the same: white space, members in another order, or further ones.
    """
    middle = wire.find(_BODY, 0, 2 * MAX_HEAD_BYTES)
    begin, end = middle + len(_BODY), len(wire) - len(_END)
    if middle < 0 or not wire.startswith(_HEAD) or wire.find(b'"', begin) != end:
        return None
    if not wire.endswith(_END) or wire.find(b"\\", begin) >= 0:
        return None
    try:
        return read_json(wire[len(_HEAD) : middle]), wire[begin:end].decode("ascii")
    except ValueError:
        return None


def _read_apart(wire: bytes) -> tuple[object, object]:
    try:
        outer = read_json(wire)
    except ValueError as error:
        raise SnapshotRejected(Reason.MALFORMED, str(error)) from error
    return (outer.get("head"), outer.get("body")) if isinstance(outer, dict) else (None, None)


def _length(head: dict[object, object]) -> int:
    """Return how long a head is at least, in characters."""
    return sum(len(value) for value in head.values() if isinstance(value, str))


def decoding(encoded: str) -> Generator[None, None, bytes]:
    """Return the body's bytes, yielding now and then. Raises SnapshotRejected."""
    if len(encoded) > MAX_BODY_BYTES * 4 // 3 + 4:
        raise SnapshotRejected(Reason.TOO_LARGE, f"more than {MAX_BODY_BYTES >> 20} MiB")
    parts = []
    for start in range(0, len(encoded), BASE64_SLICE):
        piece = encoded[start : start + BASE64_SLICE]
        is_last = start + BASE64_SLICE >= len(encoded)
        try:
            parts.append(from_base64(piece))
        except NotCanonical as error:
            raise SnapshotRejected(Reason.BODY_MALFORMED, str(error)) from error
        if not is_last and piece.endswith("="):
            raise SnapshotRejected(Reason.BODY_MALFORMED, "base64 that ends in its middle")
        yield
    data = b"".join(parts)
    if len(data) > MAX_BODY_BYTES:
        raise SnapshotRejected(Reason.TOO_LARGE, f"more than {MAX_BODY_BYTES >> 20} MiB")
    return data
