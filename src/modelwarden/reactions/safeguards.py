"""Switches end when their time has come, ramps go on, and people are reminded daily of those that stand (SG-6, SG-11).

One process leads. Nothing is lost when it is killed: what is due is found again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.safeguards import actions
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.entry import Stored
    from modelwarden.reactions.acts import Acts
    from modelwarden.safeguards.actions import Judge
    from modelwarden.store.follower import Position

NAME: Final = "safeguards"
_ACTOR: Final = system("safeguards")


class KeepTime:
    """A follower's step: no entry concerns it, only the clock."""

    def __init__(self, warden: Acts, *, judge: Judge = actions.nobody_asked) -> None:
        self._warden = warden
        self._judge = judge

    def begin(self, at: Position, /) -> None:
        """Go on from a position: nothing was gathered."""

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:
        """Pass entries by."""

    def idle(self) -> None:
        """Do what is due, one switch or local stop a change: each is told by itself."""
        for switch in self._warden.view(_ACTOR, partial(actions.due, judge=self._judge)):
            act = partial(actions.keep_time, switch_id=switch, judge=self._judge)
            self._warden.change(_ACTOR, act)
        appeared, gone = self._warden.view(_ACTOR, actions.stops_due)
        for seen in appeared:
            self._warden.change(_ACTOR, partial(actions.see_stop, seen=seen))
        for stop in gone:
            self._warden.change(_ACTOR, partial(actions.end_stop, stop_id=stop))
