"""What a guard answers: a value, how it came about, and why (SG-24, SG-26).

Both are tuples because one is made for each prediction. How a guard gets there is decided elsewhere.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from modelwarden.errors import PredictionBlocked, PredictionLimited

if TYPE_CHECKING:
    from modelwarden.errors import WardenError


class Status(IntEnum):
    """How an answer came about. Up to `DEFAULT` there is a value; the numbers are part of the API (SG-26)."""

    OK = 0
    CLIPPED = 1
    LAST_KNOWN_GOOD = 2
    BASELINE = 3
    DEFAULT = 4
    BLOCKED = 5
    LIMITED = 6
    FAILED = 7


class Decision(NamedTuple):
    """One answer. It has no truth value, because a prediction of 0 and a blocked one must not look alike.

    Attributes:
        value: the prediction, or what stands in for it; None from `BLOCKED` on.
        reasons: stable codes, the deciding one first.
        version: the label of the version that answered.
        switches: ids of the switches that matched.
        step: the step of the fallback chain that answered.
        age: how old a remembered value is, in seconds.
        generation: of the snapshot that decided.
        stale_s: seconds since that snapshot was last confirmed.
        clipped_from: the value before it was clipped.
        drill: a drill took part, so the answer is left out of what is measured (SG-53).
        retry_after_s: when a limited caller may come again, in seconds (SG-42).
    """

    value: object
    status: Status
    reasons: tuple[str, ...] = ()
    version: str | None = None
    switches: tuple[str, ...] = ()
    step: str | None = None
    age: float | None = None
    generation: int = 0
    stale_s: float = 0.0
    clipped_from: object = None
    drill: bool = False
    retry_after_s: float = 0.0

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a Decision is neither true nor false; read .status and .value, or ask for returns='value'"
        )

    @property
    def is_answered(self) -> bool:
        """There is a value."""
        return self.status <= Status.DEFAULT


class Validation(NamedTuple):
    """What the checks say of a value computed elsewhere (SG-24).

    Attributes:
        valid: the value may be used, clipped or not.
        value: the value, the clipped value, or None.
        reason: None for a value that passed as it is.
    """

    valid: bool
    value: object
    reason: str | None

    def __bool__(self) -> bool:
        return self.valid


def value_of(decision: Decision) -> object:
    """Return the value, as `returns="value"` does. Raises PredictionBlocked, PredictionLimited (SG-26)."""
    if decision.status <= Status.DEFAULT:
        return decision.value
    raise refusal(decision)


def refusal(decision: Decision) -> WardenError:
    """Return the error that says why there is no value."""
    if decision.status is Status.LIMITED:
        return PredictionLimited(decision.reasons, retry_after_s=decision.retry_after_s)
    return PredictionBlocked(decision.reasons, switches=decision.switches)
