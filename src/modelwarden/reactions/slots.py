"""Slots are merged as they grow old, hours are sealed, and what is over its time goes (SL-18, SL-19).

One process leads. Nothing is lost when it is killed: what is due is found again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.errors import Conflict
from modelwarden.sla import actions
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from modelwarden.ledger.entry import Stored
    from modelwarden.reactions.acts import Acts
    from modelwarden.store.follower import Position

NAME: Final = "slots"
_ACTOR: Final = system("slots")


class KeepSlots:
    """A follower's step: no entry concerns it, only the clock, once a minute."""

    def __init__(self, warden: Acts, *, now: Callable[[], datetime]) -> None:
        self._warden, self._now = warden, now
        self._minute: datetime | None = None

    def begin(self, at: Position, /) -> None:  # noqa: ARG002  # nothing was gathered
        """Look at everything that is due: whoever led before may have been killed in between."""
        self._minute = None

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:
        """Pass entries by."""

    def idle(self) -> None:
        """Merge, seal and delete what is due since the last minute."""
        minute = self._now().replace(second=0, microsecond=0)
        if minute == self._minute:
            return
        while self._warden.telemetry(_ACTOR, actions.fold):
            pass
        while (sealing := self._warden.view(_ACTOR, actions.next_sealing)) is not None:
            try:
                self._warden.change(_ACTOR, partial(actions.seal_hour, sealing=sealing))
            except Conflict:  # a part came in between: the next minute looks again
                break
        self._warden.telemetry(_ACTOR, actions.prune)
        self._minute = minute
