"""Which keys speak for a log, and for which sizes: how whoever pinned one key follows to the next (LG-64, LG-65).

A rotation is an entry that names the old key and the new one. It is followed when a checkpoint that both keys signed
covers it. From then on a checkpoint that covers the rotation counts only if the new key signed it: whoever steals the
old one later can sign nothing that goes on from there. Clocks play no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import EvidenceError, NotCanonical, NoteInvalid
from modelwarden.ledger.checkpoint import note_signers, split_note, unverified_checkpoint
from modelwarden.ledger.keys import VerifierKey, parse_vkey
from modelwarden.ledger.merkle import leaf_hash, verify_inclusion
from modelwarden.ledger.result import Problem
from modelwarden.values.canonical import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ROTATED: Final = "ledger.key_rotated"
REVOKED: Final = "ledger.key_revoked"
EVERY_SIZE: Final = 2**62


class Handover(NamedTuple):
    """A checkpoint that both keys of a rotation signed, and the proof that it covers the rotation's entry.

    There is no proof where whoever verifies computed the checkpoint's root from the entries.
    """

    note: bytes
    proof: tuple[bytes, ...] | None


class KeyEntry(NamedTuple):
    """An entry that says something of log keys, as its source gives it."""

    seq: int
    body: bytes
    handover: Handover | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys that are trusted, each up to a size, and what was wrong with how they hand over."""

    most: Mapping[VerifierKey, int]
    problems: tuple[Problem, ...] = ()

    def at(self, size: int) -> tuple[VerifierKey, ...]:
        """Return the keys whose checkpoints of this size count."""
        return tuple(key for key, most in self.most.items() if size <= most)


def follow(
    trusted: Iterable[VerifierKey],
    entries: Iterable[KeyEntry],
    *,
    witnessed: Callable[[bytes], bool] = lambda _note: False,
) -> Trust:
    """Return which keys to trust, beginning with those known from elsewhere.

    `entries` are the rotations and revocations of the ledger that is verified; that they stand in it is the caller's to
    prove. `witnessed` tells whether witnesses vouch for a note: such a one counts though its key was revoked.
    """
    walk = _Walk(dict.fromkeys(trusted, EVERY_SIZE), witnessed)
    said = sorted(filter(None, map(_read, entries)), key=lambda each: each.seq)
    walk.revoke(said)
    for each in said:
        walk.forward(each)
    for each in reversed(said):
        walk.backward(each)
    return Trust(MappingProxyType(walk.most), tuple(walk.problems))


class _Said(NamedTuple):
    """What an entry says: `new` took over from `old`, or `old` is not to be believed past `size`."""

    seq: int
    leaf: bytes
    handover: Handover | None
    old: VerifierKey
    new: VerifierKey | None
    size: int


class _Walk:
    """One pass over the rotations."""

    def __init__(self, most: dict[VerifierKey, int], witnessed: Callable[[bytes], bool]) -> None:
        self.most, self.witnessed = most, witnessed
        self.revoked: dict[VerifierKey, int] = {}
        self.problems: list[Problem] = []

    def revoke(self, said: Sequence[_Said]) -> None:
        for each in said:
            if each.new is None:
                self.revoked[each.old] = min(each.size, self.revoked.get(each.old, EVERY_SIZE))
        for key in self.most:
            self.most[key] = self.revoked.get(key, EVERY_SIZE)

    def forward(self, said: _Said) -> None:
        """Let a trusted key hand over to the next."""
        old, new = said.old, said.new
        if new is None or (self.most.get(old, -1) <= said.seq and not self._is_cut_off(old, new)):
            return
        if new not in self.most:
            wrong = self._wrong(said, new)
            if wrong is not None:
                detail = f"the log's new key is not followed: {wrong}; pin it by hand"
                self.problems.append(Problem("key_not_followed", said.seq, detail))
                return
            self.most[new] = self.revoked.get(new, EVERY_SIZE)
        self.most[old] = min(self.most[old], said.seq)

    def _is_cut_off(self, old: VerifierKey, new: VerifierKey) -> bool:
        """Tell whether a trusted key was revoked from before it handed over: witnesses may vouch for it still."""
        return old in self.most and old in self.revoked and new not in self.most

    def backward(self, said: _Said) -> None:
        """Let a trusted key vouch for the one before it, as far as that one signed."""
        if said.new in self.most and said.old not in self.most:
            self.most[said.old] = min(said.seq, self.revoked.get(said.old, EVERY_SIZE))

    def _vouched(self, said: _Said) -> bool:
        """Tell whether witnesses vouch for a handover by a key that was revoked since."""
        is_known = said.old in self.most and said.old in self.revoked
        return is_known and said.handover is not None and self.witnessed(said.handover.note)

    def _wrong(self, said: _Said, new: VerifierKey) -> str | None:
        """Return why the new key can't be trusted through the old one, or None."""
        if said.handover is None:
            return "no checkpoint by both keys covers the rotation"
        try:
            checkpoint = unverified_checkpoint(said.handover.note)
            signers = note_signers(said.handover.note, (said.old, new))
            proof, root = said.handover.proof, checkpoint.root
            if proof is not None:
                verify_inclusion(said.leaf, said.seq, checkpoint.size, proof, root)
        except (EvidenceError, ValueError, IndexError) as error:
            return str(error)
        if set(signers) != {said.old, new} or checkpoint.size <= said.seq:
            return "no checkpoint by both keys covers the rotation"
        if checkpoint.size > self.revoked.get(said.old, EVERY_SIZE) and not self._vouched(said):
            return "the old key was revoked from before it handed over"
        return None


def _read(entry: KeyEntry) -> _Said | None:
    """Return what an entry says of keys; None for one that says nothing, or nothing that can be read."""
    try:
        body = parse(entry.body)
        leaf = leaf_hash(entry.body)
        match body:
            case {"type": "ledger.key_rotated", "fact": {"old": str(old), "new": str(new)}}:
                keys = parse_vkey(old), parse_vkey(new)
                if keys[0].name != keys[1].name:
                    return None
                return _Said(entry.seq, leaf, entry.handover, *keys, 0)
            case {"type": "ledger.key_revoked", "fact": {"key": str(key), "size": int(size)}}:
                return _Said(entry.seq, leaf, None, parse_vkey(key), None, size)
            case _:
                return None
    except (EvidenceError, NotCanonical, NoteInvalid):
        return None


def revoked_sizes(entries: Iterable[KeyEntry]) -> dict[VerifierKey, int]:
    """Return the keys that were revoked, each with the size past which it is not to be believed."""
    found: dict[VerifierKey, int] = {}
    for said in filter(None, map(_read, entries)):
        if said.new is None:
            found[said.old] = min(said.size, found.get(said.old, EVERY_SIZE))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """What keeps a checkpoint by both keys from counting: the old key's end, and what does away with that (LG-65)."""

    revoked: Mapping[VerifierKey, int]
    witnessed: Callable[[bytes], bool]


NO_DOUBTS: Final = Doubts(revoked=MappingProxyType({}), witnessed=lambda _note: False)


def find_handover(
    notes: Iterable[bytes],
    body: bytes,
    *,
    seq: int,
    prove: Callable[[int, int], Sequence[bytes]],
    doubts: Doubts = NO_DOUBTS,
) -> Handover | None:
    """Return the note that both keys of a rotation signed, with its proof; None if there is none.

    It is the first; but if the old key was revoked from before that, the first that witnesses vouch for, or the one
    with the most signatures where whoever asks knows no witnesses. `prove` gives the inclusion proof of an entry in the
    tree of a size.
    """
    said = _read(KeyEntry(seq, body))
    if said is None or said.new is None:
        return None
    keys, most = (said.old, said.new), doubts.revoked.get(said.old, EVERY_SIZE)
    fitting = [note for note in notes if _is_by_both(note, keys, seq)]

    def rank(note: bytes) -> tuple[bool, bool, int]:
        is_late = unverified_checkpoint(note).size > most
        return not is_late, is_late and doubts.witnessed(note), _lines(note) if is_late else 0

    for note in sorted(fitting, key=rank, reverse=True):
        try:
            return Handover(note, tuple(prove(seq, unverified_checkpoint(note).size)))
        except (EvidenceError, ValueError, IndexError):  # damaged: verification names it
            continue
    return None


def _is_by_both(note: bytes, keys: tuple[VerifierKey, VerifierKey], seq: int) -> bool:
    try:
        return unverified_checkpoint(note).size > seq and set(note_signers(note, keys)) == set(keys)
    except NoteInvalid:  # damaged: verification names it
        return False


def _lines(note: bytes) -> int:
    """Return how many signatures a note carries."""
    return len(split_note(note)[1])
