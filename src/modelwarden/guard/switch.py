"""What a snapshot says of one switch, as a guard reads it: what it does not understand matches and blocks (SG-17)."""

from __future__ import annotations

from enum import IntEnum
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard.router import SALT_BYTES, WHOLE
from modelwarden.guard.scope import read_condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.guard.scope import Condition

    Read = Mapping[str, dict[str, Condition]]
    Steps = tuple[str, ...] | None

MOMENT_LENGTH: Final = 27
"""Of a moment's one text form, whose order is that of time."""


class Action(IntEnum):
    """What a match does; the strongest wins (SG-5)."""

    NONE = 0
    OBSERVE = 1
    FALLBACK = 2
    BLOCK = 3


ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {"observe": Action.OBSERVE, "fallback": Action.FALLBACK, "block": Action.BLOCK}
)


class Ramp(NamedTuple):
    """A release in steps: callers whose bucket is at or above `held` are let go (SG-11)."""

    held: int
    salt: bytes


class Effect(NamedTuple):
    """What a switch does where it matches.

    Attributes:
        steps: of the fallback chain, for `FALLBACK`; none blocks, None is the guard's own chain.
        lkg_before: values remembered after this moment are not served; "" serves none (SG-39).
    """

    switch_id: str
    action: Action
    steps: Steps
    lkg_before: str | None
    ramp: Ramp | None


class Switch(NamedTuple):
    """One switch, ready to be compiled.

    Attributes:
        scope: conditions that all have to hold.
        exception: conditions that, where all hold, carve out; none carve out nothing.
        passes_unknown: what a missing value leaves open counts as no match (SG-4).
    """

    effect: Effect
    scope: tuple[Condition, ...]
    exception: tuple[Condition, ...]
    passes_unknown: bool

    def names(self, dimension: str) -> bool:
        """Say whether the scope or the exception depends on the dimension."""
        for condition in self.scope:
            if condition.dimension == dimension:
                return True
        return any(condition.dimension == dimension for condition in self.exception)


# What a class of tuples makes of its fields, without the call of a function in Python: a snapshot has ten thousands.
_effect: Final = partial(tuple.__new__, Effect)
_switch: Final = partial(tuple.__new__, Switch)


def read_switch(raw: object, read: Read) -> Switch | None:
    """Read one switch of a snapshot; None for one that holds nobody any more.

    `read` has the known dimensions, and remembers their conditions from one switch of a snapshot to the next.

    Raises:
        ValueInvalid: it has no id, action or scope at all, which no writer makes.
    """
    if not isinstance(raw, dict):
        raise ValueInvalid("switch", "an object")
    switch_id, word, scope, carved = _parts(raw)
    held = raw.get("held", WHOLE)
    if type(held) is int and held <= 0:
        return None
    action = ACTIONS.get(word, Action.BLOCK)
    conditions = _conditions(scope, read)
    exception = _conditions(carved, read) if carved else ()
    if len(conditions) < len(scope) or len(exception) < len(carved):
        action = Action.BLOCK  # a condition that is not understood holds, and blocks
    if len(exception) < len(carved):
        exception = ()  # ... and carves nothing out
    steps = _steps(raw.get("fallback")) if action is Action.FALLBACK else ()
    ramp = None if held == WHOLE else _ramp(held, raw.get("salt"))
    effect = _effect((switch_id, action, steps, _moment(raw.get("lkg_before")), ramp))
    return _switch((effect, conditions, exception, raw.get("unknown") == "pass"))


def common_steps(first: Steps, second: Steps) -> Steps:
    """Return the steps that both allow, in the order of the first; None is the guard's whole chain (SG-5)."""
    if first is None or second is None:
        return second if first is None else first
    return tuple(step for step in first if step in second)


def _parts(
    raw: dict[str, object],
) -> tuple[str, str, dict[str, object], dict[str, object]]:
    switch_id, word, scope = raw.get("id"), raw.get("action"), raw.get("scope")
    carved = raw.get("except") or {}
    if (
        isinstance(switch_id, str)
        and isinstance(word, str)
        and isinstance(scope, dict)
        and isinstance(carved, dict)
    ):
        return switch_id, word, scope, carved
    raise ValueInvalid("switch", "an object with id, action and scope, and perhaps except")


def _conditions(raw: dict[str, object], read: Read) -> tuple[Condition, ...]:
    """Return the conditions that are understood; one value alone is the same object wherever it is named."""
    found = []
    for name, said in raw.items():
        before = read.get(name)
        if before is None:
            continue
        value = said[0] if type(said) is list and len(said) == 1 else said
        if type(value) is str:
            condition = before.get(value)
            if condition is None:
                condition = read_condition(name, value)
                if condition is not None:
                    before[value] = condition
        else:
            condition = read_condition(name, said)
        if condition is not None:
            found.append(condition)
    return tuple(found)


def _steps(raw: object) -> Steps:
    if raw == "chain":
        return None
    if isinstance(raw, list) and all(isinstance(step, str) for step in raw):
        return tuple(dict.fromkeys(raw))
    return ()


def _moment(raw: object) -> str | None:
    if raw is None:
        return None
    return raw if isinstance(raw, str) and len(raw) == MOMENT_LENGTH and raw[-1] == "Z" else ""


def _ramp(held: object, salt: object) -> Ramp | None:
    """Return the ramp; without one that can be read the switch holds everybody."""
    if type(held) is not int or held >= WHOLE or not isinstance(salt, str):
        return None
    try:
        found = bytes.fromhex(salt)
    except ValueError:
        return None
    return Ramp(held, found) if len(found) == SALT_BYTES else None
