"""How bad something is: a base by signal and value, up where it is wide or risky, down where small. Pure (SG-52)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from modelwarden.safeguards.switch import SwitchSeverity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.registry.lifecycle import Environment
    from modelwarden.store.change import View
    from modelwarden.values.ids import PolicyName

WORST_FIRST = tuple(SwitchSeverity)


class Rule(NamedTuple):
    """A signal, above a value if one is named, is this bad."""

    signal: str
    severity: SwitchSeverity
    above: float | None = None

    def holds(self, signal: str, value: float | None) -> bool:
        """Tell whether it holds; a value that is not known may be any."""
        if signal != self.signal:
            return False
        return self.above is None or value is None or value > self.above


class Rules(NamedTuple):
    """What severity.toml says, or policies instead. Shares are in basis points.

    Attributes:
        version: of severity.toml.
        policies: name and version of those that say otherwise (SG-51).
    """

    version: int
    unknown: SwitchSeverity
    rules: Sequence[Rule]
    wide_share: int
    small_share: int
    highest_tiers: frozenset[int]
    guarded_tiers: frozenset[int]
    policies: tuple[tuple[PolicyName, int], ...] = ()


Severities: TypeAlias = "Callable[[View, str, Environment], Rules]"
"""What says by which rules something about a model in an environment is classified."""


class Concern(NamedTuple):
    """What is classified: a `share` of None is unknown, and so wide; a `tier` of None is no registered model's."""

    signal: str
    value: float | None
    share: int | None
    tier: int | None


class Classified(NamedTuple):
    """How bad it is, where that began, and why it moved."""

    severity: SwitchSeverity
    base: SwitchSeverity
    moved: tuple[str, ...]
    rules: int
    policies: tuple[tuple[PolicyName, int], ...] = ()


def classify(concern: Concern, rules: Rules) -> Classified:
    """Return how bad it is."""
    found = [rule.severity for rule in rules.rules if rule.holds(concern.signal, concern.value)]
    base = min(found, key=WORST_FIRST.index, default=rules.unknown)
    up, down = _up(concern, rules), _down(concern, rules)
    place = WORST_FIRST.index(base) - bool(up) + bool(down)
    severity = WORST_FIRST[min(max(place, 0), len(WORST_FIRST) - 1)]
    return Classified(severity, base, up or down, rules.version, rules.policies)


def _up(concern: Concern, rules: Rules) -> tuple[str, ...]:
    share, tier = concern.share, concern.tier
    wide = "share_unknown" if share is None else "wide" if share > rules.wide_share else None
    risky = "highest_tier" if tier in rules.highest_tiers else None
    return tuple(reason for reason in (wide, risky) if reason is not None)


def _down(concern: Concern, rules: Rules) -> tuple[str, ...]:
    small = concern.share is not None and concern.share < rules.small_share
    return ("small",) if small and not _up(concern, rules) and _may_fall(concern, rules) else ()


def _may_fall(concern: Concern, rules: Rules) -> bool:
    """Tell whether it may count for less; of a model whose tier nobody knows it may not."""
    return concern.tier is not None and concern.tier not in rules.guarded_tiers
