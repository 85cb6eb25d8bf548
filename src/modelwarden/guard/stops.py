"""What a guard blocks by itself: what a stop file says, and switches that it carries on (SG-13, SG-17).

A switch is carried on when the server begins a new epoch, as it does after a backup was put back, and no longer knows
it: nobody released it, so it stays until a signed snapshot says that a person adopted or dropped it. It goes by the
digest of its rule. Both kinds only ever add blocks and diversions, in one matcher that `Holder` holds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import NotCanonical, ValueInvalid
from modelwarden.guard.compiled import compile_switches
from modelwarden.guard.scope import (
    DIMENSIONS,
    MAX_CONFIGURED,
    Scope,
    known_dimensions,
    read_condition,
)
from modelwarden.guard.stop_file import EVERYTHING, stop_switch
from modelwarden.guard.switch import read_switch
from modelwarden.values.canonical import encode_any
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from modelwarden.guard.held import Holder

    Rule = Mapping[str, Any]

MOST_TOLD: Final = 20
"""Local stops in one report; those beyond them are told once these are decided about or gone."""
MOST_OF_A_KIND: Final = MOST_TOLD // 2
LARGEST_SCOPE: Final = 4 * 1024
LARGEST_TOLD: Final = 256 * 1024
"""Bytes of JSON of one report's stops."""
UNSETTLED: Final = frozenset({"held", "salt"})
"""Of a rule, what moves while its switch stands; a carried one holds everybody."""


class Carried(NamedTuple):
    """Switches that are carried on, by the digest of their rules, and what their scopes may name."""

    rules: Mapping[str, Rule]
    dimensions: tuple[str, ...]


NONE: Final = Carried({}, ())


class Stops:
    """The local stops of one guard. May be used from any thread."""

    def __init__(self, *, model: str, holder: Holder, wall: Callable[[], float]) -> None:
        self._model = model
        self._holder = holder
        self._wall = wall
        self._lock = Lock()
        self._scopes: tuple[object, ...] = ()
        self._since: dict[str, str] = {}
        self.carried: Carried = NONE

    @property
    def is_active(self) -> bool:
        """Say whether anything is blocked by this guard itself."""
        return bool(self._scopes or self.carried.rules)

    def by_file(self, scopes: Iterable[object]) -> None:
        """Let these scopes of a stop file count from now on, instead of those before."""
        with self._lock:
            self._scopes = tuple(scopes)
            self._hold()

    def carry(self, rules: Iterable[Rule], *, dimensions: Collection[str]) -> None:
        """Carry these switches on, beside those that are."""
        with self._lock:
            more = {rule_digest(rule): settled(rule) for rule in rules}
            known = nameable((*self.carried.dimensions, *dimensions))
            self.carried = Carried({**self.carried.rules, **more}, known)
            self._hold()

    def let_go(self, digests: Collection[str], *, switches: Collection[str] = ()) -> frozenset[str]:
        """Carry those no longer that go by these digests or ids; return the digests of those that were carried."""
        with self._lock:
            gone = frozenset(
                digest
                for digest, rule in self.carried.rules.items()
                if digest in digests or rule["id"] in switches
            )
            if gone:
                kept = {d: rule for d, rule in self.carried.rules.items() if d not in gone}
                self.carried = self.carried._replace(rules=kept)
                self._hold()
        return gone

    def told(self) -> list[dict[str, object]]:
        """Return what is reported: scopes as they count here, and since when, carried switches by their whole rule."""
        with self._lock:
            files = [said for scope in self._scopes if (said := _said_of(scope)) is not None]
            carried = [self.carried.rules[digest] for digest in sorted(self.carried.rules)]
            room = max(MOST_OF_A_KIND, MOST_TOLD - len(files))
            found = [
                {"scope": rule["scope"], "carried": True, "rule": dict(rule)}
                for rule in carried[:room]
            ]
            found += [{"scope": said} for said in files[: MOST_TOLD - len(found)]]
            now = timestamp(datetime.fromtimestamp(self._wall(), UTC))
            keys = [_key(each) for each in found]
            self._since = {key: self._since.get(key, now) for key in keys}
        return _that_fit(
            {**each, "since": self._since[key]} for each, key in zip(found, keys, strict=True)
        )

    def after_fork(self) -> None:
        """Make the stops usable in a forked child."""
        self._lock = Lock()

    def _hold(self) -> None:
        switches = [stop_switch(at, scope) for at, scope in enumerate(self._scopes)]
        rules = list(self.carried.rules.values())
        if not switches and not rules:
            self._holder.stop(None)
            return
        try:
            matcher = compile_switches([*switches, *rules], configured=self.carried.dimensions)
        except ValueInvalid:
            matcher = compile_switches([stop_switch(0, EVERYTHING)])
        self._holder.stop(matcher.bind(model=self._model))


def forgotten(
    before: Sequence[object], after: Sequence[object], *, dimensions: Collection[str] = ()
) -> list[Rule]:
    """Return the switches of one snapshot that a later epoch's does not know; those that only count are none."""
    known = {rule["id"] for rule in after if isinstance(rule, dict)}
    return [rule for rule in readable(before, dimensions) if rule["id"] not in known]


def readable(rules: Iterable[object], dimensions: Collection[str]) -> list[Rule]:
    """Return those rules that a guard would enforce; what is none is left out."""
    read: dict[str, dict[str, Any]] = {name: {} for name in known_dimensions(nameable(dimensions))}
    found: list[Rule] = []
    for rule in rules:
        try:
            is_held = isinstance(rule, dict) and read_switch(rule, read) is not None
            if is_held and isinstance(rule, dict) and rule["action"] != "observe":
                rule_digest(rule)
                found.append(rule)
        except (ValueInvalid, NotCanonical):
            continue
    return found


def nameable(dimensions: Iterable[object]) -> tuple[str, ...]:
    """Return those names that a configured dimension may have: what stands on a disk may be anything."""
    found = {
        name
        for name in dimensions
        if isinstance(name, str) and NAME.fullmatch(name) and name not in DIMENSIONS
    }
    return tuple(sorted(found))[:MAX_CONFIGURED]


def rule_digest(rule: Rule) -> str:
    """Return by what a carried switch goes: the digest of its rule, but for what moves while it stands."""
    return sha256(encode_any(settled(rule))).hexdigest()


def settled(rule: Rule) -> Rule:
    """Return a rule without what moves while its switch stands: it holds everybody."""
    return {name: value for name, value in rule.items() if name not in UNSETTLED}


def _said_of(scope: object) -> dict[str, object] | None:
    """Return a file's scope as it counts: what is not understood of it holds. None for one too large to be told."""
    raw = scope if isinstance(scope, dict) else EVERYTHING
    known = known_dimensions(())
    read = [read_condition(name, said) for name, said in raw.items() if name in known]
    found = Scope(tuple(condition for condition in read if condition is not None)).as_json()
    return found if len(encode_any(found)) <= LARGEST_SCOPE else None


def _key(said: Mapping[str, object]) -> str:
    return sha256(encode_any(dict(said))).hexdigest()


def _that_fit(found: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    left = LARGEST_TOLD
    kept: list[dict[str, object]] = []
    for said in found:
        left -= len(encode_any(said))
        if left < 0 and kept:
            break
        kept.append(said)
    return kept
