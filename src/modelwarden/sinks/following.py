"""Which log keys to trust for a copy, beginning with those known from elsewhere: rotations are found as lines pass by.

A handover counts without a proof here, since the walk over all entries computed its root (LG-64).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.errors import LineInvalid
from modelwarden.ledger.entry import parse_line
from modelwarden.ledger.rotation import (
    Doubts,
    KeyEntry,
    Trust,
    find_handover,
    follow,
    revoked_sizes,
)
from modelwarden.ledger.witness_policy import vouching

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.witness_policy import WitnessPolicy

MARK: Final = b'"type":"ledger.key_r'


class KeyWatch:
    """Passes lines on, and keeps those that say something of log keys."""

    def __init__(self) -> None:
        self._said: list[tuple[int, bytes]] = []

    def watch(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the lines on."""
        for data in lines:
            if MARK in data:
                self._keep(data)
            yield data

    def trust(
        self,
        keys: Sequence[VerifierKey],
        notes: Sequence[bytes],
        *,
        whole: bool,
        policy: WitnessPolicy | None = None,
    ) -> Trust:
        """Return which keys to trust; `whole` says that the roots of the notes were computed from all entries.

        With a policy, witnesses may vouch for what a revoked key signed (LG-65).
        """
        entries, witnessed = [], vouching(policy)
        revoked = revoked_sizes(KeyEntry(seq, body) for seq, body in self._said)
        doubts = Doubts(revoked=revoked, witnessed=witnessed)
        for seq, body in self._said:
            found = (
                find_handover(notes, body, seq=seq, prove=lambda _seq, _size: (), doubts=doubts)
                if whole
                else None
            )
            entries.append(
                KeyEntry(seq, body, None if found is None else found._replace(proof=None))
            )
        return follow(keys, entries, witnessed=witnessed)

    def _keep(self, data: bytes) -> None:
        try:
            stored = parse_line(data).stored
        except LineInvalid:
            return  # the walk names it
        self._said.append((stored.seq, stored.body))
