"""Switches end when their time has come, and people are reminded daily of those that stand (SG-6).

One process leads. Nothing is lost when it is killed: what is due is found again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from modelwarden.safeguards import actions
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.ledger.entry import Stored
    from modelwarden.store.change import Change, View
    from modelwarden.store.follower import Position
    from modelwarden.values.principal import Principal

T = TypeVar("T")
NAME: Final = "safeguards"
_ACTOR: Final = system("safeguards")


class Acts(Protocol):
    """What a reaction needs of the Warden."""

    def change(self, principal: Principal, action: Callable[[Change], T]) -> T:
        """Run a change and wait for its commit."""
        ...

    def view(self, principal: Principal, action: Callable[[View], T]) -> T:
        """Run a read."""
        ...


class KeepTime:
    """A follower's step: no entry concerns it, only the clock."""

    def __init__(self, warden: Acts) -> None:
        self._warden = warden

    def begin(self, at: Position, /) -> None:
        """Go on from a position: nothing was gathered."""

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:
        """Pass entries by."""

    def idle(self) -> None:
        """End and remind of what is due, one switch a change: each is told by itself."""
        for switch in self._warden.view(_ACTOR, actions.due):
            self._warden.change(_ACTOR, partial(actions.keep_time, switch_id=switch))
