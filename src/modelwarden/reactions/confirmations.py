"""Each activation of a switch is counted until every guard applied it, and told (SG-23). One process leads."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson

from modelwarden.safeguards.drift import counting
from modelwarden.safeguards.fleet import confirming
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.entry import Stored
    from modelwarden.reactions.acts import Acts
    from modelwarden.store.follower import Position

NAME: Final = "confirmations"
FORGET_EACH_S: Final = 3_600.0
_ACTOR: Final = system("safeguards")
_MARK: Final = b'"switch.activated"'
"""Stands in the body of every entry that is wanted: most need not be parsed."""


class CountConfirmations:
    """A follower's step: activations begin a count, and each second the counts are looked at."""

    def __init__(self, warden: Acts) -> None:
        self._warden = warden
        self._forgot_at = time.monotonic()

    def begin(self, at: Position, /) -> None:
        """Go on from a position: nothing was gathered."""

    def __call__(self, batch: Sequence[Stored], _before: bytes, /) -> None:
        """Begin to count the activations among these entries; one that is counted already stays as it is."""
        found = []
        for stored in batch:
            if _MARK in stored.body:
                body = orjson.loads(stored.body)
                if body["type"] == "switch.activated" and body["outcome"] == "done":
                    found.append((stored.seq, body["fact"]))
        if found:
            opened = self._warden.view(_ACTOR, partial(confirming.opened, activations=found))
            self._warden.telemetry(_ACTOR, partial(confirming.begin, found=opened))

    def idle(self) -> None:
        """Count again, and tell what is due, one switch a change."""
        if time.monotonic() - self._forgot_at > FORGET_EACH_S:
            self._forgot_at = time.monotonic()
            self._warden.telemetry(_ACTOR, confirming.forget)
            self._warden.telemetry(_ACTOR, counting.tidy)
        found = self._warden.view(_ACTOR, confirming.pending)
        quiet = [now for kept, now, _ in found if not confirming.is_told(kept, now)]
        if quiet:
            self._warden.telemetry(_ACTOR, partial(confirming.keep_count, found=quiet))
        for kept, now, counted in found:
            if confirming.is_told(kept, now):
                settle = partial(confirming.settle, kept=kept, now=now, counted=counted)
                self._warden.change(_ACTOR, settle)
