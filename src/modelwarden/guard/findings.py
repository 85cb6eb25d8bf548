"""What the checks of a batch found (SG-28). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

OK: Final = 0
CLIPPED: Final = 1
FAILED: Final = 7
"""SG-26 numbers them; a row stays failed until a fallback answers it."""


class BatchFindings(NamedTuple):
    """What is wrong with a batch.

    Attributes:
        values: what came, where nothing is clipped; else the same container with clipped rows. None of a wrong size.
        status: uint8 for each row: 0 ok, 1 clipped, 7 failed.
        dirty: the numbers of the rows that are not clean, rising.
        codes: for each dirty row, where its reason stands in `words`.
        raises: the contract asks to raise for one of the rows.
    """

    values: Any
    status: NDArray[Any]
    dirty: NDArray[Any]
    codes: NDArray[Any]
    words: tuple[str, ...]
    raises: bool

    def reasons(self) -> dict[int, str]:
        """Return the reason of each dirty row."""
        pairs = zip(self.dirty.tolist(), self.codes.tolist(), strict=True)
        return {row: self.words[code] for row, code in pairs}

    def summary(self) -> dict[str, int]:
        """Return how many rows each reason has."""
        found: dict[str, int] = {}
        for code in self.codes.tolist():
            found[self.words[code]] = found.get(self.words[code], 0) + 1
        return found
