"""What a witness of our own keeps: its key, and of each ledger the largest checkpoint that it cosigned.

Losing the state is worse than losing the key: a witness that forgot could cosign a second history. So a key without its
state is refused, the state names its key, and one process holds both.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from modelwarden.errors import KeyInvalid, NoteInvalid, WitnessUnusable
from modelwarden.ledger.checkpoint import Checkpoint, unverified_checkpoint
from modelwarden.ledger.cosignature import WitnessSigner
from modelwarden.ledger.keys import new_seed

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

MOST_EVIDENCE: Final = 100
"""Pairs of notes that are kept."""
MOST_KEY_BYTES: Final = 4_096
EVERYONE: Final = 0o077


def create(keys: Path, state: Path, name: str) -> WitnessSigner:
    """Make a key and an empty state, where neither is yet. Raises WitnessUnusable, KeyInvalid."""
    if keys.exists() or state.exists():
        raise WitnessUnusable(
            f"{keys if keys.exists() else state} is there already; a witness has one key and one state"
        )
    signer = WitnessSigner(name, new_seed())
    for path in (keys, state):
        path.parent.mkdir(parents=True, exist_ok=True)
    _write_once(keys, signer.to_text())
    _replace(state, _document(signer.verifier.vkey, {}))
    return signer


def load(keys: Path) -> WitnessSigner:
    """Read a witness's key. Raises WitnessUnusable, which repeats no secret."""
    try:
        with keys.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & EVERYONE:
                raise WitnessUnusable(f"{keys} may be read by others: chmod 600 it")
            return WitnessSigner.from_text(file.read(MOST_KEY_BYTES).decode())
    except (OSError, UnicodeDecodeError, KeyInvalid) as error:
        raise WitnessUnusable(f"{keys} holds no key of a witness that can be read") from error


@dataclass(frozen=True, slots=True)
class Kept:
    """The largest checkpoint of a ledger that was cosigned, and its note as the ledger signed it."""

    checkpoint: Checkpoint
    note: bytes


class WitnessState:
    """The state of one witness, held by this process until `close`. Not safe to share between threads."""

    def __init__(self, path: Path, signer: WitnessSigner) -> None:
        """Open the state that belongs to a key. Raises WitnessUnusable."""
        self._path, self._vkey = path, signer.verifier.vkey
        self._lock = _held(path)
        try:
            self._notes = _read(path, self._vkey)
        except BaseException:
            self._lock.close()
            raise

    def newest(self, origin: str) -> Kept | None:
        """Return what was cosigned last, or None."""
        note = self._notes.get(origin)
        return None if note is None else Kept(unverified_checkpoint(note), note)

    def move(self, origin: str, note: bytes) -> None:
        """Keep a larger checkpoint, durably: whoever cosigns calls this first."""
        notes = self._notes | {origin: note}
        _replace(self._path, _document(self._vkey, notes))
        self._notes = notes

    def keep_evidence(self, kind: str, shown: bytes, known: bytes) -> Path | None:
        """Keep two notes that do not go together, and return where; None when there are very many of the kind."""
        folder = self._path.with_suffix(".evidence") / kind
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = folder / sha256(known + shown).hexdigest()[:16]
        if place.exists() or len(list(folder.iterdir())) >= MOST_EVIDENCE:
            return place if place.exists() else None
        fresh = place.with_suffix(".new")
        fresh.mkdir(exist_ok=True)
        (fresh / "known").write_bytes(known)
        (fresh / "shown").write_bytes(shown)
        fresh.rename(place)
        return place

    def close(self) -> None:
        """Let another process have it."""
        self._lock.close()


def _held(path: Path) -> IO[bytes]:
    try:
        file = path.with_suffix(".lock").open("ab")
    except OSError as error:
        raise WitnessUnusable(f"the folder of {path} can't be written to") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise WitnessUnusable(f"another witness runs on {path}: stop it first") from None
    return file


def _read(path: Path, vkey: str) -> dict[str, bytes]:
    try:
        document = json.loads(path.read_bytes())
        notes = {str(origin): str(note).encode() for origin, note in document["logs"].items()}
        named = [unverified_checkpoint(note).origin for note in notes.values()]
    except FileNotFoundError:
        raise WitnessUnusable(
            f"{path} is gone: without it this key could cosign a second history. Restore it, or begin again with a new"
            " key and tell whoever trusts the old one"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, NoteInvalid) as error:
        raise WitnessUnusable(f"{path} is no state of a witness that can be read") from error
    if document.get("witness") != vkey or named != list(notes):
        raise WitnessUnusable(f"{path} is the state of another key, or was changed by hand")
    return notes


def _document(vkey: str, notes: dict[str, bytes]) -> bytes:
    logs = {origin: note.decode() for origin, note in notes.items()}
    return json.dumps({"witness": vkey, "logs": logs}, indent=1).encode() + b"\n"


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync(path.parent)


def _write_once(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
