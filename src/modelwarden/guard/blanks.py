"""What stands in a batch where there is no answer (SG-28). Pure.

Where a type has a value for "none", that: NaN, NaT, None, null. Else zero, false or empty text, since the type is kept;
a batch's `status` says which rows those are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard import columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_BY_KIND: Final[Mapping[str, object]] = {
    "f": float("nan"), "c": float("nan"), "M": "NaT", "m": "NaT", "O": None, "i": 0, "u": 0, "b": False, "U": "",
    "S": b"",
}  # fmt: skip


def blanked(values: Any, at: Sequence[int] | NDArray[Any]) -> Any:
    """Return the same batch without answers in the rows `at`; what came stays as it was."""
    if not len(at):
        return values
    if columns.is_a(values, "numpy", "ndarray") and values.ndim > 1:
        return columns.replaced(values, at, [[_blank(values)] * values.shape[1]] * len(at))
    if columns.is_frame(values):
        row = [_blank(columns.column(values, n)) for n in range(len(columns.names(values)))]
        return columns.replaced(values, at, [row] * len(at))
    if columns.is_a(values, "numpy", "ndarray") and values.dtype.kind in "fc":
        return columns.replaced(values, at, _blank(values))
    return columns.replaced(values, at, [_blank(values)] * len(at))


def _blank(values: Any) -> object:
    dtype: Any = getattr(values, "dtype", None)
    if columns.is_a(dtype, "numpy", "dtype"):
        return _BY_KIND.get(dtype.kind)
    return None
