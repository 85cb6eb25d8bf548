"""What this client knows of each server's ledger: its newest checkpoint, which every later one has to extend (LG-31).

Kept in `checkpoints.json` below `MODELWARDEN_STATE`, or below the user's state folder. The first checkpoint of a server
and the key that signed it are taken as they come; from then on a server can't show this client another past.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import EvidenceError, KeyInvalid, NoteInvalid
from modelwarden.ledger.checkpoint import (
    note_signers,
    open_note,
    parse_consistency_file,
    unverified_checkpoint,
)
from modelwarden.ledger.keys import parse_vkey
from modelwarden.ledger.merkle import verify_consistency
from modelwarden.values.answers import ProblemAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelwarden.ledger.checkpoint import Checkpoint

STATE: Final = "MODELWARDEN_STATE"
FILE: Final = "checkpoints.json"


class Remembered(NamedTuple):
    """A checkpoint as it was signed, and the keys that speak for its ledger."""

    note: str
    keys: tuple[str, ...]


class Memory:
    """The file of remembered checkpoints. Raises OSError and ValueError where it can't be read or written."""

    def __init__(
        self, folder: Path | None = None, *, environment: Mapping[str, str] = os.environ
    ) -> None:
        self.path: Final = (folder or _folder(environment)) / FILE

    def of(self, url: str) -> Remembered | None:
        """Return what is known of a server's ledger."""
        found = self._all().get(url)
        match found:
            case None:
                return None
            case {"note": str(note), "keys": [*keys]}:
                return Remembered(note, tuple(map(str, keys)))
            case _:
                raise ValueError("an entry lacks note or keys")

    def keep(self, url: str, known: Remembered) -> None:
        """Remember this from now on."""
        everything = self._all() | {url: {"note": known.note, "keys": list(known.keys)}}
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{FILE}.")
        with os.fdopen(made, "w", encoding="utf-8") as file:
            json.dump(everything, file, indent=1)
        Path(name).replace(self.path)

    def _all(self) -> dict[str, object]:
        try:
            found = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        if not isinstance(found, dict):
            raise ValueError("it is no object")  # noqa: TRY004  # one kind of error for what it holds
        return found


def demand_consistency(
    known: Remembered,
    shown: str,
    *,
    keys: Sequence[str],
    proof_from: Callable[[int, int], str],
) -> Remembered | ProblemAnswer:
    """Return what to remember now that a server showed this checkpoint, or what is wrong with it.

    `keys` are those that the server names: one that signed beside a known key is known from then on (LG-64).
    `proof_from` fetches the consistency proof between two sizes.
    """
    try:
        before = unverified_checkpoint(known.note.encode())
        newest = open_note(shown.encode(), [parse_vkey(key) for key in known.keys])
    except (NoteInvalid, KeyInvalid) as error:
        detail = f"no key that this client knows of the server signed its checkpoint: {error}"
        return ProblemAnswer(code="checkpoint_invalid", seq=None, detail=detail)
    differs = _difference(before, newest, proof_from)
    if differs is not None:
        return ProblemAnswer(code="rolled_back", seq=max(0, before.size - 1), detail=differs)
    return Remembered(shown, tuple(dict.fromkeys((*known.keys, *_signers(shown, keys)))))


def first_use(shown: str, keys: Sequence[str]) -> Remembered | ProblemAnswer:
    """Return what to remember of a server that is seen for the first time."""
    signers = _signers(shown, keys)
    if signers:
        return Remembered(shown, signers)
    detail = "no key that the server names signed its checkpoint"
    return ProblemAnswer(code="checkpoint_invalid", seq=None, detail=detail)


def _difference(
    before: Checkpoint, newest: Checkpoint, proof_from: Callable[[int, int], str]
) -> str | None:
    """Return how the new checkpoint fails to extend the one before, or None."""
    if newest.origin != before.origin:
        return f"the server spoke for the ledger {before.origin} before, now for {newest.origin}"
    if newest.size < before.size:
        return f"the server showed {before.size} entries before, now {newest.size}"
    try:
        proof: Sequence[bytes] = ()
        if before.size < newest.size:
            text = proof_from(before.size, newest.size).encode()
            proof = parse_consistency_file(text)[1]
        verify_consistency(before.size, before.root, newest.size, newest.root, proof)
    except EvidenceError as error:
        return f"the first {before.size} entries are not those that were shown before: {error}"
    return None


def _signers(note: str, keys: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple(
            key.vkey for key in note_signers(note.encode(), [parse_vkey(each) for each in keys])
        )
    except (NoteInvalid, KeyInvalid):
        return ()


def _folder(environment: Mapping[str, str]) -> Path:
    if STATE in environment:
        return Path(environment[STATE])
    state = environment.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "modelwarden"
