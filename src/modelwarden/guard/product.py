"""Dimensions of few values as one look-up: what their values satisfy together, `product.known[a][b]` (SG-19).

An AND of a thousand bits costs as much as two look-ups, so what is ANDed once is kept, and begun again when it is much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.guard.bitmaps import Bitmaps

    Values = Sequence[object]

MOST: Final = 2_048
"""Dimensions stand together while their listed values make no more combinations."""

MOST_BITS: Final = 1 << 23
"""What is kept for all combinations of one product: 1 MB."""


class Product:
    """What the values of one or several dimensions satisfy. Readers need no lock.

    Attributes:
        known: rows by value, or by value and next value: plain texts and None. Of one dimension, what that one knows.
    """

    __slots__ = ("_kept", "_most", "known", "names", "tables")

    def __init__(self, tables: Mapping[str, Bitmaps], width: int) -> None:
        self.names: Final = tuple(tables)
        self.tables: Final = tuple(tables.values())
        self.known: Final[dict[str, Any]] = self.tables[0].known if len(tables) == 1 else {}
        self._most = min(2 * MOST, MOST_BITS // (width + 1))
        self._kept = 0

    def __call__(self, values: Values) -> int:
        """Return what these values satisfy, and keep it. Raises KeyError or TypeError as `Bitmaps` does."""
        rows = -1
        for table, value in zip(self.tables, values, strict=True):
            rows &= table[value]
        if len(self.tables) > 1 and all(type(value) is str or value is None for value in values):
            self._keep(values, rows)
        return rows

    def _keep(self, values: Values, rows: int) -> None:
        if self._kept >= self._most:
            self.known.clear()
            self._kept = 0
        *before, last = values
        inner: dict[Any, Any] = self.known
        for value in before:
            inner = inner.setdefault(value, {})
        inner[last] = rows
        self._kept += 1


def grouped(bitmaps: Mapping[str, Bitmaps], names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return which names stand together: first, and alone, what has most values, as new ones of it are learnt."""
    if not names:
        return []
    first, *others = sorted(names, key=lambda name: -len(bitmaps[name].known))
    groups: list[tuple[str, ...]] = []
    combinations = MOST + 1
    for name in reversed(others):
        values = len(bitmaps[name].known) + 1
        combinations *= values
        if combinations > MOST:
            groups.append(())
            combinations = values
        groups[-1] = (name, *groups[-1])
    return [(first,), *groups]
