"""Asks one outside witness for its cosignature (C2SP tlog-witness, the client's side).

It decides nothing about the ledger: it sends a checkpoint with a consistency proof, and tells what came back. Whatever
that is, only lines that verify by a pinned key count.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from modelwarden.errors import NoteInvalid, Unreachable
from modelwarden.ledger.checkpoint import MAX_PROOF_LINES, consistency_file, split_note
from modelwarden.ledger.cosignature import known_lines, parse_lines
from modelwarden.sinks.fetching import Calls, checked_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.cosignature import Cosignature, WitnessKey

MOST_BYTES: Final = 64 * 1024
"""Sixteen post-quantum lines; no honest answer is longer."""
SIZE_TYPE: Final = "text/x.tlog.size"
_SIZE: Final = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_OK: Final = 200
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_UNPROCESSABLE: Final = 422


class Cosigned(NamedTuple):
    """The witness agrees: its lines, those of pinned keys alone, verified."""

    lines: tuple[Cosignature, ...]


class Elsewhere(NamedTuple):
    """The witness is at another size than we thought: a proof has to begin there."""

    size: int


class Inconsistent(NamedTuple):
    """The witness says that the checkpoint does not extend what it cosigned before."""


Answered: TypeAlias = Cosigned | Elsewhere | Inconsistent


class WitnessClient:
    """One witness, at its submission prefix. Not safe to share between threads."""

    def __init__(self, url: str, keys: Sequence[WitnessKey]) -> None:
        self.url: Final = checked_url(url, "the address of a witness")
        self.keys: Final = tuple(keys)
        self._calls = Calls()

    def add_checkpoint(self, old: int, proof: Sequence[bytes], note: bytes) -> Answered:
        """Ask for a cosignature on a note, with the proof that it extends the tree of `old`. Raises Unreachable."""
        if len(proof) > MAX_PROOF_LINES:
            raise Unreachable("a consistency proof has at most 63 lines")
        body = consistency_file(old, proof, note)
        headers = {"content-type": "text/plain; charset=utf-8"}
        url = f"{self.url}/add-checkpoint"
        answer = self._calls.fetch("POST", url, most=MOST_BYTES, content=body, headers=headers)
        if answer.status == _OK:
            return self._cosigned(answer.body, note)
        size = _SIZE.fullmatch(answer.body)
        is_size = answer.headers.get("content-type") == SIZE_TYPE
        if answer.status == _CONFLICT and is_size and size is not None:
            return Elsewhere(int(size[1]))
        if answer.status == _UNPROCESSABLE or (answer.status == _CONFLICT and not is_size):
            return Inconsistent()
        raise Unreachable(f"{url} answers {answer.status}; see its operator")

    def newest(self, origin: str) -> bytes | None:
        """Return the checkpoint that the witness says it cosigned last, unverified, or None."""
        try:
            return self.held(origin)
        except Unreachable:
            return None

    def held(self, origin: str) -> bytes | None:
        """Return the same; None only if it says that it knows no such ledger. Raises Unreachable."""
        url = f"{self.url}/{sha256(origin.encode()).hexdigest()}/checkpoint"
        answer = self._calls.fetch("GET", url, most=MOST_BYTES)
        if answer.status not in {_OK, _NOT_FOUND}:
            raise Unreachable(f"{url} answers {answer.status}; see its operator")
        return answer.body if answer.status == _OK else None

    def close(self) -> None:
        """Let go of the connection."""
        self._calls.close()

    def abort(self) -> None:
        """End the question under way, from another thread."""
        self._calls.abort()

    def _cosigned(self, body: bytes, note: bytes) -> Cosigned:
        """Return the lines that verify. Raises Unreachable when there is none by a pinned key."""
        text, _ = split_note(note)
        try:
            found = known_lines(text, parse_lines(body), self.keys)
        except NoteInvalid as error:
            raise Unreachable(f"{self.url} answers with a false cosignature: {error}") from error
        missing = [key.name for key in self.keys if key not in {each.key for each in found}]
        if missing:
            raise Unreachable(f"{self.url} answers without the cosignature of {missing[0]}")
        return Cosigned(found)
