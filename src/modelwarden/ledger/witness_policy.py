"""Witness policies: which logs and witnesses are known, and which cosignatures are enough (C2SP tlog-policy).

A file that the operator, auditors and other tools share. Octets past ASCII are opaque, as the format says. Keys of type
06 are read, since others may use them; what they sign is not verified here, so they never make up a quorum.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelwarden.errors import KeyInvalid, NoteInvalid, WitnessPolicyInvalid
from modelwarden.ledger.checkpoint import open_note
from modelwarden.ledger.cosignature import ML_DSA_44, WitnessKey, cosignatures, parse_witness_key
from modelwarden.ledger.keys import VerifierKey, parse_vkey, split_vkey
from modelwarden.ledger.result import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

MOST_BYTES: Final = 1_000_000
MOST_LINES: Final = 10_000
NONE: Final = "none"

_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_COUNT: Final = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness: its name in the file, its key, and where it takes checkpoints, if that is known."""

    name: str
    key: WitnessKey
    url: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses and groups of which so many have to agree."""

    name: str
    least: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessPolicy:
    """What a file says. `quorum` names a witness or group, or nobody: `none`."""

    logs: tuple[VerifierKey, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    @property
    def keys(self) -> tuple[WitnessKey, ...]:
        """The keys of all witnesses."""
        return tuple(witness.key for witness in self.witnesses)

    def is_met_by(self, cosigners: Collection[WitnessKey]) -> bool:
        """Tell whether these are a quorum; cosignatures by them have been verified."""
        if self.quorum == NONE:
            return True
        met = {witness.name for witness in self.witnesses if witness.key in cosigners}
        for group in self.groups:  # in their order: a group names only what stands before it
            if sum(member in met for member in group.members) >= group.least:
                met.add(group.name)
        return self.quorum in met


def parse_policy(data: bytes) -> WitnessPolicy:
    """Read a policy file. Raises WitnessPolicyInvalid, which names the line."""
    if len(data) > MOST_BYTES or data.count(b"\n") > MOST_LINES:
        raise WitnessPolicyInvalid(0, "the file is longer than any policy")
    reader = _Reader()
    for number, line in enumerate(data.split(b"\n"), 1):
        if _CONTROL.search(line):
            raise WitnessPolicyInvalid(number, "a control character other than tab and LF")
        words = re.split(r"[ \t]+", line.decode("utf-8", "surrogateescape").strip(" \t"))
        if words[0] and not words[0].startswith("#"):
            reader.take(number, words)
    return reader.policy()


@dataclass(slots=True)
class _Reader:
    """One pass over the lines of a file."""

    logs: dict[bytes, VerifierKey | None] = field(default_factory=dict)
    witnesses: dict[bytes, Witness] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    names: set[str] = field(default_factory=lambda: {NONE})
    members: set[str] = field(default_factory=set)
    quorum: str | None = None

    def take(self, number: int, words: Sequence[str]) -> None:
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self._log(number, vkey)
            case ["witness", name, vkey]:
                self._witness(number, Witness(name, _key(number, vkey), None))
            case ["witness", name, vkey, url]:
                self._witness(number, Witness(name, _key(number, vkey), url))
            case ["group", name, least, first, *more]:
                self._group(number, name, least, (first, *more))
            case ["quorum", name]:
                self._quorum(number, name)
            case _:
                raise WitnessPolicyInvalid(
                    number,
                    "expected `log VKEY [URL]`, `witness NAME VKEY [URL]`, `group NAME all|any|N NAME…`"
                    " or `quorum NAME|none`",
                )

    def policy(self) -> WitnessPolicy:
        if self.quorum is None:
            raise WitnessPolicyInvalid(0, "one line `quorum NAME` or `quorum none` is needed")
        return WitnessPolicy(
            logs=tuple(key for key in self.logs.values() if key is not None),
            witnesses=tuple(self.witnesses.values()),
            groups=tuple(self.groups),
            quorum=self.quorum,
        )

    def _log(self, number: int, vkey: str) -> None:
        try:
            _, data = split_vkey(vkey)
            key = (
                None if data[:1] == ML_DSA_44 else parse_vkey(vkey)
            )  # no ledger of ours has such a key
        except KeyInvalid as error:
            raise WitnessPolicyInvalid(number, str(error)) from error
        if data[1:] in self.logs:
            raise WitnessPolicyInvalid(number, "this log's key stands there already")
        self.logs[data[1:]] = key

    def _witness(self, number: int, witness: Witness) -> None:
        self._name(number, witness.name)
        if witness.key.public in self.witnesses:
            raise WitnessPolicyInvalid(number, "this witness's key stands there already")
        self.witnesses[witness.key.public] = witness

    def _group(self, number: int, name: str, least: str, members: tuple[str, ...]) -> None:
        counts = {"any": 1, "all": len(members)}
        if least not in counts and _COUNT.fullmatch(least) is None:
            raise WitnessPolicyInvalid(
                number, "all, any or a number says how many of a group are enough"
            )
        count = counts[least] if least in counts else int(least)
        if count > len(members):
            raise WitnessPolicyInvalid(number, f"{count} of {len(members)} members can never agree")
        for member in members:
            if member not in self.names or member == NONE:
                raise WitnessPolicyInvalid(
                    number, "a member is a witness or group of a line before"
                )
            if member in self.members:
                raise WitnessPolicyInvalid(number, "a member stands in one group, once")
            self.members.add(member)
        self._name(number, name)
        self.groups.append(Group(name, count, members))

    def _quorum(self, number: int, name: str) -> None:
        if self.quorum is not None:
            raise WitnessPolicyInvalid(number, "one quorum line is enough")
        if name not in self.names:
            raise WitnessPolicyInvalid(
                number, "the quorum is a witness or group of a line before, or none"
            )
        self.quorum = name

    def _name(self, number: int, name: str) -> None:
        if name in self.names:
            raise WitnessPolicyInvalid(number, "this name stands for something already")
        self.names.add(name)


def _key(number: int, vkey: str) -> WitnessKey:
    try:
        return parse_witness_key(vkey)
    except KeyInvalid as error:
        raise WitnessPolicyInvalid(number, str(error)) from error


def is_witnessed(note: bytes, policy: WitnessPolicy) -> bool:
    """Tell whether a note carries the cosignatures of a quorum. Raises NoteInvalid when one of them is wrong."""
    found = cosignatures(note, policy.keys)
    return policy.is_met_by({each.key for each in found if each.at is not None})


def vouching(policy: WitnessPolicy | None) -> Callable[[bytes], bool]:
    """Return what tells whether witnesses vouch for a note (LG-65): no policy, or one that asks nobody, never does."""

    def vouch(note: bytes) -> bool:
        try:
            return policy is not None and policy.quorum != NONE and is_witnessed(note, policy)
        except NoteInvalid:
            return False

    return vouch


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """What a source's notes show of a quorum (step 10): the largest size that has one, and what is wrong."""

    size: int | None
    problems: tuple[Problem, ...]
    not_checked: tuple[str, ...]


def policy_problems(
    notes: Iterable[bytes], policy: WitnessPolicy, *, keys: Sequence[VerifierKey]
) -> Witnessed:
    """Look for the largest checkpoint that a trusted key signed and a quorum cosigned (step 10 of section 6).

    None at all is `witness_missing`. What lies past it is not wrong, since witnesses come after the signature; it is
    counted as not witnessed yet. That the checkpoints lie on one tree is step 6.
    """
    witnessed, newest = -1, -1
    wrong: list[Problem] = []
    for note in notes:
        try:
            size = open_note(note, keys).size
        except NoteInvalid:  # step 2 names it
            continue
        newest = max(newest, size)
        try:
            witnessed = max(witnessed, size if is_witnessed(note, policy) else -1)
        except NoteInvalid as error:
            wrong.append(Problem("checkpoint_invalid", size - 1, str(error)))
    if policy.quorum == NONE:
        return Witnessed(size=None, problems=tuple(wrong), not_checked=())
    if witnessed < 0:
        detail = f"no checkpoint carries the cosignatures that {policy.quorum!r} asks for"
        wrong.append(Problem("witness_missing", newest - 1, detail))
    late = newest - witnessed if witnessed >= 0 else 0
    left = (
        (f"witnesses: the last {late} entries under a checkpoint are not witnessed yet",)
        if late
        else ()
    )
    return Witnessed(
        size=witnessed if witnessed >= 0 else None, problems=tuple(wrong), not_checked=left
    )
