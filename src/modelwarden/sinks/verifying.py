"""Verification of a copy by itself: no database, no server (section 6 of the ledger's design).

What a copy holds is read once, from its first entry on; the rules are `ledger`'s. Trusted keys come from elsewhere.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from modelwarden.errors import LineInvalid, NotCanonical, NoteInvalid, Unreadable
from modelwarden.ledger.checkpoint import Checkpoint, unverified_checkpoint
from modelwarden.ledger.entry import parse_line
from modelwarden.ledger.keys import parse_vkey
from modelwarden.ledger.lines import verify_lines
from modelwarden.ledger.merkle import tree_root
from modelwarden.ledger.notes import read_checkpoints
from modelwarden.ledger.result import Problem, Result
from modelwarden.ledger.witness_policy import parse_policy, policy_problems
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.comparing import first_difference
from modelwarden.sinks.following import KeyWatch
from modelwarden.sinks.sink import kind_of
from modelwarden.values.canonical import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.notes import Checkpoints
    from modelwarden.ledger.rotation import Trust
    from modelwarden.sinks.sink import Copy

EMPTY_ROOT: Final = tree_root(())
EVERY: Final = 1_000
"""Entries between two words of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is verified of a copy, and by what; `policy` is the text of a witness policy."""

    trusted: tuple[str, ...] = ()
    remembered: tuple[bytes, ...] = ()
    policy: bytes | None = None
    first: int = 0
    last: int | None = None


def verify_copy(
    text: str, asked: Asked, *, progress: Callable[[int], None] | None = None
) -> Result:
    """Verify what lies at an address, by verifier keys and checkpoints known from elsewhere.

    Raises:
        SettingInvalid: of the address.
        KeyInvalid: of a key.
        WitnessPolicyInvalid.
        Unreadable: nothing that could be verified lies there.
    """
    address = parse_address(text)
    keys = [parse_vkey(key) for key in asked.trusted]
    started = time.perf_counter()
    with closing(kind_of(address).open_copy(address, origin=_named(keys, asked))) as copy:
        result = _verified(copy, keys, asked, progress or _quiet)
        result = result.adding(copy.problems(), not_checked=copy.not_checked())
    return replace(result, seconds=time.perf_counter() - started)


def cross_check(texts: Sequence[str], *, first: int = 0) -> Result:
    """Compare copies with the first of them, line by line, as far as the shorter goes.

    Raises SettingInvalid, Unreadable.
    """
    found = Result(first=first, size=first)
    one, *others = (parse_address(text) for text in texts)
    for other in others:
        with (
            closing(kind_of(one).open_copy(one, origin=None)) as ours,
            closing(kind_of(other).open_copy(other, origin=None)) as theirs,
        ):
            pairs = zip(ours.lines(first), theirs.lines(first), strict=False)
            found = found.adding(_differing(pairs, f"{one.name} and {other.name}", first))
    return found


def _differing(pairs: Iterable[tuple[bytes, bytes]], name: str, first: int) -> tuple[Problem, ...]:
    for seq, (left, right) in enumerate(pairs, first):
        if left.rstrip(b"\n") != right.rstrip(b"\n"):
            return first_difference([left], [right], name=name, first=seq)
    return ()


def _verified(
    copy: Copy, keys: Sequence[VerifierKey], asked: Asked, progress: Callable[[int], None]
) -> Result:
    notes = sorted((*copy.notes(), *asked.remembered), key=_size)
    stream = _told(_within(copy.lines(asked.first), asked.last), progress)
    head = next(stream, None)
    if head is None:
        raise Unreadable("there is no entry at this address")
    origin = _origin(keys, notes, head)
    known = read_checkpoints(notes, origin=origin, keys=())
    watch = KeyWatch()
    result = verify_lines(
        watch.watch(_again(head, stream)),
        origin=origin,
        first=asked.first,
        checkpoints=_of_range(known, asked),
    )
    policy = None if asked.policy is None else parse_policy(asked.policy)
    trust = watch.trust(keys, notes, whole=asked.first == 0, policy=policy)
    known = read_checkpoints(notes, origin=origin, keys=_in_force(trust, known, keys))
    result = result.adding(
        (*known.problems, *(trust.problems if keys else ())),
        not_checked=known.not_checked,
        signer=known.signer,
    )
    if policy is None:
        return result
    found = policy_problems(notes, policy, keys=tuple(trust.most) or keys)
    return result.adding(found.problems, not_checked=found.not_checked)


def _in_force(trust: Trust, known: Checkpoints, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Return the keys that may have signed the newest checkpoint: those given, or what they led to (LG-64)."""
    size = 0 if known.newest is None else known.newest.size
    return list(trust.at(size) or keys)


def _of_range(known: Checkpoints, asked: Asked) -> dict[int, bytes]:
    """Return the roots that the range can be held against."""
    most = None if asked.last is None else asked.last + 1
    return {
        size: root
        for size, root in known.roots.items()
        if size >= asked.first and (most is None or size <= most)
    }


def _named(keys: Sequence[VerifierKey], asked: Asked) -> str | None:
    """Return the ledger that is meant, if keys or checkpoints from elsewhere say so."""
    if keys:
        return keys[0].name
    return unverified_checkpoint(asked.remembered[0]).origin if asked.remembered else None


def _origin(keys: Sequence[VerifierKey], notes: Sequence[bytes], head: bytes) -> str:
    if keys:
        return keys[0].name
    for note in notes:
        try:
            return unverified_checkpoint(note).origin
        except NoteInvalid:
            continue
    try:
        origin = parse(parse_line(head).stored.body)["fact"]["origin"]  # type: ignore[index]
        return Checkpoint(
            origin, 0, EMPTY_ROOT
        ).origin  # one line of printable text, as every origin is
    except (
        LineInvalid,
        NotCanonical,
        NoteInvalid,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise Unreadable(
            "the copy does not say which ledger it is of: give --checkpoint-key or --checkpoint"
        ) from error


def _size(note: bytes) -> int:
    try:
        return unverified_checkpoint(note).size
    except NoteInvalid:
        return -1  # read_checkpoints names it


def _within(lines: Iterator[bytes], last: int | None) -> Iterator[bytes]:
    return lines if last is None else takewhile(lambda data: _seq(data) <= last, lines)


def _seq(data: bytes) -> int:
    try:
        return parse_line(data).stored.seq
    except LineInvalid:
        return -1  # it is passed on, and named


def _told(lines: Iterator[bytes], progress: Callable[[int], None]) -> Iterator[bytes]:
    for number, data in enumerate(lines, 1):
        if number % EVERY == 0:
            progress(number)
        yield data


def _again(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _quiet(_done: int) -> None:
    """Tell nobody."""
