"""Faults that a drill puts into predictions on purpose: how a snapshot names them, and whom they strike (SG-53). Pure.

A rule strikes the part of a scope that the bucket of a caller's key falls into, so that it is always the same callers;
those without a key are drawn. Where a switch errs on the side of blocking, a fault errs on the side of doing nothing:
a rule that is not understood, a value that is missing and a share that can't be read strike nobody.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard.compiled import at_once, compiling
from modelwarden.guard.match import NOTHING
from modelwarden.guard.router import SALT_BYTES, WHOLE, bucket
from modelwarden.guard.scope import known_dimensions
from modelwarden.guard.switch import Action, read_switch
from modelwarden.values.clock import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from modelwarden.guard.match import Matcher
    from modelwarden.guard.switch import Switch

MOST: Final = 100
"""Rules that are read of one snapshot."""


class FaultKind(StrEnum):
    """What a drill can do."""

    LATENCY = "latency"
    ERROR = "error"
    NAN = "nan"
    CONSTANT = "constant"
    OUT_OF_RANGE = "out_of_range"
    STALE_INPUTS = "stale_inputs"
    MISSING_FEATURE = "missing_feature"
    DRIFT = "drift"
    DISAGREE = "disagree"
    CONTROL_PLANE_DOWN = "control_plane_down"
    CLOCK_SKEW = "clock_skew"
    BREAKER_OPEN = "breaker_open"


OF_GUARD: Final = frozenset({FaultKind.CONTROL_PLANE_DOWN, FaultKind.CLOCK_SKEW})
"""These strike a whole guard, drawn by its instance; their scope names its model or the model's type alone."""
OF_MODEL: Final = frozenset({"model", "model_type"})

_SPAN: Final = re.compile(r"(?P<count>[0-9]{1,6}(?:\.[0-9]{1,3})?)(?P<unit>ms|s|m)")
_PART: Final = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,4})?")
_SECONDS: Final[Mapping[str, float]] = MappingProxyType({"ms": 0.001, "s": 1.0, "m": 60.0})
LONGEST_S: Final[Mapping[FaultKind, float]] = MappingProxyType(
    {FaultKind.LATENCY: 60.0, FaultKind.CLOCK_SKEW: 86_400.0}
)


class Fault(NamedTuple):
    """A kind, and how much of it: seconds, or for drift the part of its size by which a figure is shifted."""

    kind: FaultKind
    amount: float = 0.0


class Rule(NamedTuple):
    """One fault of one drill.

    Attributes:
        share: basis points of the scope.
        until: when it ends by the wall clock, Unix seconds.
    """

    drill: str
    fault: Fault
    share: int
    until: float

    def takes(self, key: object, *, chance: Callable[[], float]) -> bool:
        """Tell whether it strikes a caller: the same one always, or one in so many where there is no key."""
        at = bucket(key, salt_of(self.drill))
        return (chance() * WHOLE if at is None else at) < self.share


def salt_of(drill: str) -> bytes:
    """Return what spreads the buckets of a drill, so that two drills strike different callers."""
    return blake2b(drill.encode(), digest_size=SALT_BYTES).digest()


def parse_fault(text: str) -> Fault:
    """Read a fault such as `nan`, `latency:200ms` or `drift:0.4`. Raises ValueInvalid."""
    word, _, amount = text.partition(":")
    try:
        kind = FaultKind(word)
    except ValueError:
        raise ValueInvalid("fault", f"one of {', '.join(FaultKind)}") from None
    if kind in LONGEST_S:
        return Fault(kind, _seconds(amount, kind))
    if kind is FaultKind.DRIFT:
        if _PART.fullmatch(amount) is None or not 0 < float(amount) <= 10:  # noqa: PLR2004
            raise ValueInvalid("fault", "drift with a figure above 0 and at most 10, as drift:0.4")
        return Fault(kind, float(amount))
    if text != word:
        raise ValueInvalid("fault", f"{word} alone: it takes no figure")
    return Fault(kind)


def _seconds(text: str, kind: FaultKind) -> float:
    found = _SPAN.fullmatch(text)
    seconds = 0.0 if found is None else float(found["count"]) * _SECONDS[found["unit"]]
    if not 0 < seconds <= LONGEST_S[kind]:
        most = f"{LONGEST_S[kind]:g} s"
        raise ValueInvalid("fault", f"{kind} with a time of at most {most}, as {kind}:200ms")
    return seconds


class Faults:
    """The fault rules of a snapshot, or those that are left once some values are known.

    Attributes:
        wanted: the dimensions whose values `struck` takes.
        rules: by drill.
    """

    __slots__ = ("_matcher", "rules", "wanted")

    def __init__(self, rules: Mapping[str, Rule], matcher: Matcher) -> None:
        self.rules: Final = rules
        self.wanted: Final = matcher.dimensions
        self._matcher = matcher

    def bind(self, **known: object) -> Faults | None:
        """Return the rules for which these values are settled; None where none is left."""
        matcher = self._matcher.bind(**known)
        if not matcher.dimensions and matcher.match({}) is NOTHING:
            return None
        return Faults(self.rules, matcher)

    def matching(self, values: tuple[object, ...]) -> Sequence[Rule]:
        """Return the rules whose scope takes in these values of `wanted`, in the order of their drills."""
        return [self.rules[drill] for drill in self._matcher.match_values(values).switches]

    def of_guard(self, kind: FaultKind) -> Sequence[Rule]:
        """Return the rules that may strike this guard as a whole."""
        return [rule for rule in self.rules.values() if rule.fault.kind is kind]


def read_faults(body: Mapping[str, object], *, model: str) -> Faults | None:
    """Read the fault rules of a snapshot's body; what is not understood is left out, and keeps no switch waiting."""
    raw, configured = body.get("faults"), body.get("dimensions")
    if not isinstance(raw, list) or not raw:
        return None
    names = configured if isinstance(configured, list) else []
    known = known_dimensions([str(name) for name in names])
    rules: dict[str, Rule] = {}
    switches = []
    for one in raw[:MOST]:
        rule = _rule(one)
        switch = None if rule is None or rule.drill in rules else _scope(one, rule, known)
        if rule is not None and switch is not None:
            rules[rule.drill] = rule
            switches.append(switch)
    if not rules:
        return None
    found = Faults(rules, at_once(compiling(switches)))
    return found.bind(model=model, model_type=body.get("model_type"))


def _rule(one: object) -> Rule | None:
    match one:
        case {
            "drill": str(drill),
            "fault": str(text),
            "share": int(share),
            "until": str(until),
        } if type(share) is int and 0 < share <= WHOLE:
            try:
                ends = moment(until).timestamp()
                return Rule(drill, parse_fault(text), share, ends) if math.isfinite(ends) else None
            except (ValueError, ValueInvalid):
                return None
        case _:
            return None


def _scope(one: object, rule: Rule, known: Collection[str]) -> Switch | None:
    """Return the rule's scope as a switch that only observes; None where a part of it is not understood."""
    if not isinstance(one, dict):
        return None
    scope, carved = one.get("scope"), one.get("except") or {}
    asked = {"id": rule.drill, "action": "observe", "scope": scope, "except": carved}
    try:
        switch = read_switch(asked | {"unknown": "pass"}, {name: {} for name in known})
    except ValueInvalid:
        return None
    if switch is None or switch.effect.action is not Action.OBSERVE:
        return None
    named = {condition.dimension for condition in (*switch.scope, *switch.exception)}
    if not named or (rule.fault.kind in OF_GUARD and not named <= OF_MODEL):
        return None
    return switch
