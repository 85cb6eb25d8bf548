"""What a frozen dataclass is, without its price: importing `dataclasses` and having it write ten classes takes 13 ms.

class Span(Value):
    low: float
    high: float

    def __init__(self, low: float, high: float = 1.0) -> None:
        self._set(low=low, high=high)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never

if TYPE_CHECKING:
    from typing import Self


class Value:
    """A value of named parts: frozen, and equal to one of the same class with equal parts."""

    def _set(self, **parts: Any) -> None:  # noqa: ANN401
        vars(self).update(parts)

    def with_(self, **parts: Any) -> Self:  # noqa: ANN401
        """Return the same with other parts, which are checked as a new one's are."""
        return type(self)(**(vars(self) | parts))

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={part!r}" for name, part in vars(self).items())
        return f"{type(self).__name__}({parts})"
