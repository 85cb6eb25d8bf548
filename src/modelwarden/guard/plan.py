"""What one place in the host's code needs of the rules that hold now: matchers, checks, diversions (SG-25). Pure.

A plan is made when the rules have changed and is then the same for every call, so that a call which nothing concerns
costs a few comparisons.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import LimitsConflict, ValueInvalid
from modelwarden.guard.checks import checker
from modelwarden.guard.contract import Kind, join, parse
from modelwarden.guard.match import NOTHING, Match, joined
from modelwarden.values.clock import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.guard.approved import Asked
    from modelwarden.guard.checks import Check
    from modelwarden.guard.contract import Contract
    from modelwarden.guard.faults import Faults
    from modelwarden.guard.held import Rules
    from modelwarden.guard.match import Matcher

VERSION: Final = "version"
UNREADABLE: Final = "limits_unreadable"
CONFLICT: Final = "limits_conflict"


class Plan(NamedTuple):
    """What holds at one place, under one set of rules.

    Attributes:
        wanted: the dimensions on which it depends whether a switch matches.
        matchers: take the values of `wanted`.
        settled: what matches every call, where nothing is wanted.
        contract: what answers have to look like, or None.
        broken: why no answer can be checked, so that none is given.
        is_quiet: only a switch can divert a call here.
        faults: those of drills that may strike a call here.
        asked: limits and ages that were approved for calls here, or None.
    """

    rules: Rules
    wanted: tuple[str, ...]
    matchers: tuple[Matcher, ...]
    settled: Match | None
    contract: Contract | None
    check: Check | None
    broken: str | None
    is_quiet: bool
    faults: Faults | None = None
    asked: Asked | None = None

    @property
    def floats(self) -> tuple[float, float]:
        """From where to where a float is clean without another look; from above to below where none is."""
        if self.contract is None or self.contract.kind is not Kind.NUMBER:
            return 1.0, 0.0
        return self.contract.bounds()

    def match(self, values: tuple[object, ...], key: object) -> Match:
        """Return what the switches say of a call (SG-5)."""
        if self.settled is not None:
            return self.settled
        found = NOTHING
        for matcher in self.matchers:
            one = matcher.match_values(values)
            if one is not NOTHING:
                found = joined(found, matcher.for_key(one, key))
        return found

    @property
    def may_pass(self) -> bool:
        """Say whether there are calls that no switch matches, whatever their key."""
        return bool(self.wanted) or self.settled is NOTHING

    @property
    def quickest(self) -> Callable[[tuple[object, ...]], Match] | None:
        """Return what does as `match` does without a key, as it is asked before each call; None: nothing is wanted."""
        if not self.wanted:
            return None
        if len(self.matchers) == 1:
            return self.matchers[0].match_values
        return partial(self.match, key=None)

    def kind(self, place: int, value: object) -> object:
        """Return what tells the values of a wanted dimension apart: those of one kind match alike."""
        return tuple([matcher.kind(place, value) for matcher in self.matchers])

    def is_ramped(self, values: tuple[object, ...]) -> bool:
        """Say whether what matches depends on the caller's key (SG-11)."""
        return any(matcher.match_values(values).is_ramped for matcher in self.matchers)

    def is_killed(self, version: str | None) -> bool:
        """Say whether a live switch names a version (SG-39)."""
        return any(matcher.names(VERSION, version) for matcher in _matchers(self.rules))


def make_plan(
    rules: Rules,
    *,
    bound: Mapping[str, object],
    version: str | None = None,
    code: Contract | None = None,
    asked: Asked | None = None,
) -> Plan:
    """Make the plan of a place.

    Args:
        rules: what holds now.
        bound: values that are the same for every call there.
        version: the version that answers there, where that is known.
        code: the contract that the code asks for; it may only tighten the approved one (SG-34).
        asked: limits and ages that were approved.
    """
    known = {name: value for name, value in bound.items() if value is not None}
    if version is not None:
        known[VERSION] = version
    if rules.snapshot is not None:
        known["model_type"] = rules.snapshot.model_type
    settled = [matcher.bind(**known) for matcher in _matchers(rules)]
    settled = [one for one in settled if one.dimensions or one.match({}) is not NOTHING]
    wanted = tuple(dict.fromkeys(name for one in settled for name in one.dimensions))
    matchers = tuple(matcher.over(*wanted) for matcher in settled)
    contract, broken = _contract(rules, version, code)
    faults = None if rules.faults is None else rules.faults.bind(**known)
    broken = broken or (None if asked is None else asked.broken)
    return Plan(
        rules=rules,
        wanted=wanted,
        matchers=matchers,
        settled=None if wanted else _settled(matchers),
        contract=contract,
        check=None if contract is None else checker(contract),
        broken=broken,
        is_quiet=rules.diverts is None and broken is None and faults is None and asked is None,
        faults=faults,
        asked=asked,
    )


def before_s(found: Match) -> float | None:
    """Return the moment, Unix seconds, from which on remembered answers are not served (SG-39)."""
    if found.lkg_before is None:
        return None
    try:
        return moment(found.lkg_before).timestamp()
    except ValueError:
        return float("-inf")


def allowed_steps(found: Match) -> frozenset[str] | None:
    """Return the steps of a chain that a match allows; None for all."""
    return frozenset(found.steps) if found.diverts and found.steps is not None else None


def _matchers(rules: Rules) -> list[Matcher]:
    snapshot = rules.snapshot
    several = [] if snapshot is None else [snapshot.switches, snapshot.version_switches]
    return several if rules.local is None else [*several, rules.local]


def _settled(matchers: tuple[Matcher, ...]) -> Match | None:
    """Return what matches every call; None where a release goes in steps, which depends on the caller's key."""
    each = [matcher.match_values(()) for matcher in matchers]
    if any(one.is_ramped for one in each):
        return None
    found = NOTHING
    for one in each:
        found = joined(found, one)
    return found


def _contract(
    rules: Rules, version: str | None, code: Contract | None
) -> tuple[Contract | None, str | None]:
    """Join what is approved with what the code asks for; what can't be read or joined lets no answer through."""
    try:
        for approved in () if rules.snapshot is None else rules.snapshot.versions:
            if approved.label == version and approved.outputs is not None:
                return join(parse(approved.outputs), code), None
    except LimitsConflict:
        return None, CONFLICT
    except ValueInvalid:
        return None, UNREADABLE
    return code, None
