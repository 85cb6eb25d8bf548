"""The findings of a table, out of those of its columns (SG-33, fields by name). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelwarden.guard import columns
from modelwarden.guard.contract import Contract, OnViolation
from modelwarden.guard.findings import CLIPPED, FAILED, BatchFindings

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray


class Fields:
    """The findings of a table's columns, joined by row: the first field that fails speaks, else the first clipped."""

    def __init__(self, numpy: ModuleType, rows: int) -> None:
        self._numpy = numpy
        self._rows = rows
        self._words: list[str] = []
        self._failed = numpy.full(rows, -1, numpy.int64)
        self._clipped = numpy.full(rows, -1, numpy.int64)
        self._raises = numpy.zeros(rows, bool)
        self._changed: list[tuple[int, BatchFindings]] = []

    def miss(self, word: str, contract: Contract) -> None:
        """Take in that a column is not there, or twice."""
        self._words.append(word)
        open_rows = self._failed < 0
        self._failed[open_rows] = len(self._words) - 1
        self._raises[open_rows] = contract.on_violation is OnViolation.RAISE

    def add(self, name: str, position: int, found: BatchFindings) -> None:
        """Take in what the check of one column found; columns come in the order of the contract."""
        if not len(found.dirty):
            return
        first = len(self._words)
        self._words.extend(f"{word}:{name}" for word in found.words)
        codes = found.codes.astype(self._numpy.int64) + first
        for status, kept in ((FAILED, self._failed), (CLIPPED, self._clipped)):
            mine = found.status[found.dirty] == status
            at = found.dirty[mine]
            fresh = kept[at] < 0
            kept[at[fresh]] = codes[mine][fresh]
            if status == FAILED:
                self._raises[at[fresh]] = found.raises
        if (found.status == CLIPPED).any():
            self._changed.append((position, found))

    def joined(self, contract: Contract, values: Any) -> BatchFindings:
        """Return the findings of the table, and the table with what was clipped."""
        numpy = self._numpy
        failed, clipped = self._failed >= 0, (self._clipped >= 0) & (self._failed < 0)
        status = numpy.zeros(self._rows, numpy.uint8)
        status[failed] = FAILED
        clips = contract.on_violation is OnViolation.CLIP
        status[clipped] = CLIPPED if clips else FAILED
        if contract.on_violation is OnViolation.RAISE:
            self._raises |= clipped
        dirty = numpy.flatnonzero(failed | clipped)
        codes = numpy.where(failed, self._failed, self._clipped)[dirty]
        for position, found in self._changed if clips else ():
            at = numpy.flatnonzero((found.status == CLIPPED) & clipped)
            values = _with_clipped(values, position, at, found)
        return BatchFindings(
            values, status, dirty, codes, tuple(self._words), bool(self._raises.any())
        )


def _with_clipped(values: Any, position: int, at: NDArray[Any], found: BatchFindings) -> Any:
    """Take over a column's clipped values in the rows that no other field spoils."""
    before = columns.column(values, position)
    cells = columns.rows(found.values)
    answers = [cells[row] for row in at.tolist()]
    return columns.with_column(values, position, columns.replaced(before, at, answers))
