"""Erasures that waited are done when the last hold is released; once a day what is over its days goes (AC-84, AC-85).

One process leads. A run erases a bounded number of things and the next follows while more is due; nothing is lost when
it is killed in between, since what is still due is found again. It holds no position of its own besides the follower's.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.errors import Conflict
from modelwarden.privacy import actions
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from modelwarden.ledger.entry import Stored
    from modelwarden.reactions.acts import Acts
    from modelwarden.store.follower import Position

NAME: Final = "privacy"
_ACTOR: Final = system("privacy")
_RELEASED: Final = b'"type":"hold.released"'
_ERASED: Final = (b'"type":"person.erased"', b'"type":"retention.applied"')


class KeepPrivate:
    """A follower's step. Seeing an entry again changes nothing: what is erased stays so."""

    def __init__(
        self, warden: Acts, *, now: Callable[[], datetime], overwrite: Callable[[], bool]
    ) -> None:
        self._warden, self._now, self._overwrite = warden, now, overwrite
        self._day: date | None = None
        self._unclean = False

    def begin(self, at: Position, /) -> None:  # noqa: ARG002  # nothing was gathered
        """Look at everything that waits: whoever led before may have been killed in between."""
        self._day = None
        self._do_waiting()

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:  # noqa: ARG002  # links nothing
        """Do what a released hold lets be done, and note that something was erased."""
        if any(_RELEASED in entry.body for entry in batch):
            self._do_waiting()
        if any(mark in entry.body for entry in batch for mark in _ERASED):
            self._unclean = True

    def idle(self) -> None:
        """Overwrite what was erased; with each new day, erase what is over its days."""
        if self._unclean:
            self._unclean = not self._overwrite()
        today = self._now().date()
        if self._day != today:
            self._apply()
            self._prune()
            self._day = today

    def _do_waiting(self) -> None:
        for erasure in self._warden.view(_ACTOR, actions.released_erasures):
            self._warden.change(_ACTOR, partial(actions.carry_out, erasure_id=erasure))

    def _apply(self) -> None:
        while not (due := self._warden.view(_ACTOR, actions.over_their_days)).is_empty:
            try:
                self._warden.change(_ACTOR, partial(actions.apply_retention, due=due))
            except Conflict:  # held, or kept for longer, since we looked: the next day looks again
                return

    def _prune(self) -> None:
        for table, kind, column in actions.prunable():
            step = partial(actions.prune, table=table, kind=kind, column=column)
            while self._warden.telemetry(_ACTOR, step):
                pass
        self._warden.telemetry(_ACTOR, actions.forget_repeats)
