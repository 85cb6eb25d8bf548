"""What others know of the ledger, held against it (step 10 of section 6): how far a copy is, and the hash there. Pure.

Whoever holds a copy says how many entries it has and what the hash of the last one is; the chain makes that one hash
speak for all before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelwarden.ledger.result import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Known(NamedTuple):
    """What a copy holds: entries before `next_seq`, the last of which has this hash."""

    name: str
    next_seq: int
    entry_hash: bytes


def copy_problems(
    copies: Iterable[Known], hash_of: Callable[[int], bytes | None]
) -> tuple[Problem, ...]:
    """Return where a copy and the ledger disagree; `hash_of` gives the ledger's hash of an entry, or None."""
    found: list[Problem] = []
    for name, next_seq, entry_hash in copies:
        last = next_seq - 1
        ours = hash_of(last) if next_seq else entry_hash
        if ours is None:
            detail = f"{name} holds {next_seq} entries, which the ledger no longer all has"
            found.append(Problem("sink_differs", last, detail))
        elif ours != entry_hash:
            detail = f"the ledger's entries up to {last} are not those that {name} holds"
            found.append(Problem("sink_differs", last, detail))
    return tuple(found)
