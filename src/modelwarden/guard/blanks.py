"""What stands in a batch where there is no answer (SG-28). Pure.

Where a type has a value for "none", that: NaN, NaT, None, null. Else zero, false or empty text, since the type is kept;
a batch's `status` says which rows those are.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard import columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_BY_KIND: Final[Mapping[str, object]] = {
    "f": float("nan"), "c": float("nan"), "M": "NaT", "m": "NaT", "O": None, "i": 0, "u": 0, "b": False, "U": "",
    "S": b"",
}  # fmt: skip


def blanked(values: Any, at: NDArray[Any], *, is_own: bool = False) -> Any:
    """Return the same batch without answers in rows, given by number or as booleans; see `columns.replaced`."""
    if columns.is_a(values, "numpy", "ndarray") and values.dtype.kind in "fc" and values.ndim == 1:
        changed = values if is_own else values.copy()
        if at.dtype == bool and not hasattr(values, "mask"):
            sys.modules["numpy"].putmask(changed, at, _blank(values))
        else:
            changed[at] = _blank(values)
        return changed
    rows = at.nonzero()[0] if at.dtype == bool else at
    if not len(rows):
        return values
    if columns.is_a(values, "numpy", "ndarray") and values.ndim > 1:
        blank: object = [_blank(values)] * values.shape[1]
    elif columns.is_frame(values):
        blank = [_blank(columns.column(values, n)) for n in range(len(columns.names(values)))]
    else:
        blank = _blank(values)
    return columns.replaced(values, rows, [blank] * len(rows), is_own=is_own)


def _blank(values: Any) -> object:
    dtype: Any = getattr(values, "dtype", None)
    if columns.is_a(dtype, "numpy", "dtype"):
        return _BY_KIND.get(dtype.kind)
    return None
