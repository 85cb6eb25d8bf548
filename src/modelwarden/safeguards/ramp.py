"""A release in steps: how much is let go, how long each step stands, what is asked before the next (SG-11). Pure.

A switch in a ramp is enforced on the share that it still holds. A caller's bucket decides (SG-29), so who was let go by
one step stays so by the next; a call without a key is held to the end.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard.router import SALT_BYTES, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import View

MOST_STEPS: Final = 20
ALL: Final = 100
USUAL_BAKE: Final = "10m"
SHORTEST_BAKE: Final = timedelta(seconds=10)
LONGEST_BAKE: Final = timedelta(days=7)
_SPAN: Final = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Verdict(StrEnum):
    """What is said of a step before the next: `unknown` holds, `fail` takes the release back."""

    PASS = "pass"  # noqa: S105  # a word, not a secret
    FAIL = "fail"
    UNKNOWN = "unknown"


if TYPE_CHECKING:
    Judge = Callable[[View, Switch], Verdict]
    """Says how a switch's models do under the step that stands. Asked again at each look; it may only read."""


class Ramp(NamedTuple):
    """Steps in percent of callers that are let go, rising, the last one all; and how long each stands at least."""

    steps: tuple[int, ...]
    bake_s: int


def nobody_asked(_view: View, _switch: Switch) -> Verdict:
    """Judge where no rule is there to be asked: a step that has stood for its time passes."""
    return Verdict.PASS


def read_ramp(steps: str | None, bake: str | None) -> Ramp | None:
    """Return the ramp that a caller's words mean; None for a release at once. Raises ValueInvalid."""
    if steps is None:
        if bake is not None:
            raise ValueInvalid("bake", "beside ramp alone")
        return None
    words = steps.split(",")
    if len(words) > MOST_STEPS or not all(re.fullmatch(r" *[0-9]{1,3} *", word) for word in words):
        raise ValueInvalid("ramp", _expected())
    found = tuple(int(word) for word in words)
    rises = all(low < high for low, high in zip((0, *found), found, strict=False))
    if not rises or found[-1] != ALL:
        raise ValueInvalid("ramp", _expected())
    span = _bake(bake or USUAL_BAKE)
    return None if len(found) == 1 else Ramp(found, int(span.total_seconds()))


def held_at(ramp: tuple[int, ...] | None, step: int | None) -> int:
    """Return how much is held while a step stands, in basis points; all where none does."""
    if ramp is None or step is None:
        return WHOLE
    return WHOLE - ramp[step] * (WHOLE // ALL)


def salt_of(switch_id: str) -> str:
    """Return the salt of a switch's ramp, in hex: another for each switch, the same for each who builds a snapshot."""
    return blake2b(switch_id.encode(), digest_size=SALT_BYTES).hexdigest()


def _bake(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    span = None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
    if span is None or not SHORTEST_BAKE <= span <= LONGEST_BAKE:
        raise ValueInvalid("bake", "a time from 10s to 7d, such as 10m")
    return span


def _expected() -> str:
    return f"at most {MOST_STEPS} rising percentages of which the last is 100, such as 10,50,100"
