"""After a new encryption key took over, everything under an older one moves to it, in the background (AC-81).

One process does it at a time, in small batches between other writes; after a crash another goes on where it ended.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.access import actions
from modelwarden.store.rewrapping import rewrap
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.entry import Stored
    from modelwarden.reactions.acts import Acts
    from modelwarden.store.follower import Position

NAME: Final = "rewrap"
ROUNDS: Final = 20
"""Batches between two looks at new entries."""
AGAIN_S: Final = 600.0
"""A process that had not heard of the new key may have sealed something under the old one."""
_ACTOR: Final = system("keys")
_ROTATED: Final = b'"type":"encryption.key_rotated"'


class Rewrap:
    """A follower's step. What is under the current key already is not touched again."""

    def __init__(self, warden: Acts) -> None:
        self._warden = warden
        self._after: str | None = ""
        self._due_at = 0.0

    def begin(self, at: Position, /) -> None:  # noqa: ARG002  # from wherever it goes on
        """Look through all texts anew."""
        self._after, self._due_at = "", 0.0

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:  # noqa: ARG002  # links nothing
        """Begin anew when a key was rotated."""
        if any(_ROTATED in entry.body for entry in batch):
            self._after, self._due_at = "", 0.0

    def idle(self) -> None:
        """Move what is next; at the end, tell of keys under which nothing is any more."""
        if self._after is None:
            if time.monotonic() < self._due_at:
                return
            self._after = ""
        if not self._warden.view(_ACTOR, actions.has_older_encryption_keys):
            self._rest()
            return
        for _ in range(ROUNDS):
            moved = self._warden.telemetry(_ACTOR, partial(rewrap, after=self._after))
            if moved.last is None:
                self._rest()
                if self._warden.view(_ACTOR, actions.emptied_encryption_keys):
                    self._warden.change(_ACTOR, actions.clear_encryption_keys)
                return
            self._after = moved.last

    def _rest(self) -> None:
        self._after, self._due_at = None, time.monotonic() + AGAIN_S
