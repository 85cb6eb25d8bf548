"""Drills begin by their schedule, end when their time has come or something worse did, and are reported (SG-53, SG-54).

One process leads. Nothing is lost when it is killed: what is due is found again, and guards end a drill by themselves.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.errors import WardenError
from modelwarden.safeguards import actions
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.entry import Stored
    from modelwarden.reactions.acts import Acts
    from modelwarden.store.follower import Position

NAME: Final = "drills"
LOG: Final = logging.getLogger("modelwarden.drills")
_ACTOR: Final = system("drills")


class KeepDrills:
    """A follower's step: no entry concerns it, only the clock, and the switches that stand."""

    def __init__(self, warden: Acts) -> None:
        self._warden = warden

    def begin(self, at: Position, /) -> None:
        """Go on from a position: nothing was gathered."""

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:
        """Pass entries by."""

    def idle(self) -> None:
        """End, report and begin what is due, one drill a change: each is told by itself."""
        for drill in self._warden.view(_ACTOR, actions.drills_due):
            self._warden.change(_ACTOR, partial(actions.keep_drill, drill_id=drill))
        for plan in self._warden.view(_ACTOR, actions.plans_due):
            try:
                self._warden.change(_ACTOR, partial(actions.start_planned, plan=plan))
            except WardenError as error:  # its share or length is too much: the others go on
                LOG.warning("the schedule %s runs no drill: %s", plan.text, error)
