"""What is to happen with each row of a batch: it goes, falls back, is blocked or limited; and why (SG-25, SG-28).

A row that is stopped stays so for the first reason, as its call would. Nothing is made while all rows go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard.begun import Verdict
from modelwarden.guard.switch import Action

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    from modelwarden.guard.batch_switches import Matched


GO, FALL, BLOCK, LIMIT = 0, 1, 2, 3
_NUMBERS: Final = {Verdict.FALL: FALL, Verdict.BLOCK: BLOCK, Verdict.LIMIT: LIMIT}
_BY_ACTION: Final = {Action.FALLBACK: FALL, Action.BLOCK: BLOCK}


class Verdicts:
    """The verdicts on the rows of a batch.

    Attributes:
        each: uint8 for each row, or None while all go.
        seen: the verdicts that there are.
        why: rows, by number or as those with a verdict, and the reason that they were stopped for; later ones count.
    """

    def __init__(self, numpy: ModuleType, count: int) -> None:
        self.each: NDArray[Any] | None = None
        self.seen: set[int] = {GO}
        self.why: list[tuple[NDArray[Any], str]] = []
        self._numpy, self._count = numpy, count

    def begin(self, matched: Matched, reason: str) -> None:
        """Take in what switches say."""
        table = [_BY_ACTION.get(one.action, GO) for one in matched.matches]
        each = matched.looked_up(self._numpy, table)
        self.seen.update(table)
        if not isinstance(each, int):
            self.each = each
            self.why.append((each, reason))
        elif each != GO:
            self._all(each, reason)

    def stop(self, rows: Sequence[int] | NDArray[Any], verdict: Verdict, reason: str) -> None:
        """Stop rows that go."""
        at = self._numpy.asarray(rows, self._numpy.intp)
        if not len(at):
            return
        if self.each is None:
            self.each = self._numpy.zeros(self._count, self._numpy.uint8)
        elif not self.each.flags.writeable:
            self.each = self.each.copy()
        self.seen.add(_NUMBERS[verdict])
        self.each[at] = _NUMBERS[verdict]
        self.why.append((at, reason))

    def stop_all(self, verdict: Verdict, reason: str) -> None:
        """Stop every row that still goes."""
        if self.each is None:
            self._all(_NUMBERS[verdict], reason)
        else:
            self.stop(self.going(), verdict, reason)

    def going(self) -> NDArray[Any]:
        """Return the rows that go."""
        if self.each is None:
            return self._numpy.arange(self._count)  # type: ignore[no-any-return]
        return self._numpy.flatnonzero(self.each == GO)  # type: ignore[no-any-return]

    def goes(self, row: int) -> bool:
        """Say whether a row goes."""
        return self.each is None or bool(self.each[row] == GO)

    def of(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return those of some rows that go."""
        return rows if self.each is None else rows[self.each[rows] == GO]

    def are(self, verdict: int) -> NDArray[Any] | None:
        """Return which rows have a verdict; None where none has."""
        if self.each is None or verdict not in self.seen:
            return None
        return self.each == verdict  # type: ignore[no-any-return]

    def _all(self, number: int, reason: str) -> None:
        self.seen = {number}
        self.each = self._numpy.full(self._count, number, self._numpy.uint8)
        self.why.append((self.each, reason))
