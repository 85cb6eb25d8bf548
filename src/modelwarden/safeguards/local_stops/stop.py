"""A local stop, as guards report it and as people decide about it. Pure.

A guard's word is judged before it is kept: of a scope counts what is understood, as the guard itself holds the rest to
match. A switch that is carried goes by the digest of its whole rule, so that nobody drops one by describing another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from modelwarden.errors import SwitchNotActive
from modelwarden.guard.scope import MAX_VALUES, Scope, known_dimensions, read_condition
from modelwarden.guard.switch import MOMENT_LENGTH
from modelwarden.safeguards.reach import MODEL
from modelwarden.safeguards.switch import (
    CHAIN,
    STEPS,
    Switch,
    SwitchAction,
    SwitchSeverity,
    Unknown,
)
from modelwarden.values.canonical import encode_any
from modelwarden.values.clock import moment
from modelwarden.values.ids import Commitment, Digest, SwitchId

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from modelwarden.guard.scope import Condition
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import ActorId, LocalStopId

W = TypeVar("W", bound=StrEnum)
UNSETTLED: Final = frozenset({"held", "salt"})
"""Of a rule, what moves while its switch stands; it is no part of what is carried."""
NO_WORDS: Final = Commitment("0" * 64)


class StopState(StrEnum):
    """What people said of a local stop. Whether some guard still has it is another question: `ended_at`."""

    STANDING = "standing"
    ADOPTED = "adopted"
    DROPPED = "dropped"


class StopKind(StrEnum):
    """Why a guard blocks by itself."""

    FILE = "file"
    CARRIED = "carried"


class SaidStop(NamedTuple):
    """What one guard reports of one local stop.

    Attributes:
        rule: of a switch that it carries, as the snapshot had it; None for a stop file.
        since: by the guard's clock.
    """

    scope: Mapping[str, Any]
    since: str
    rule: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStop:
    """Something that a guard blocks by itself, until no guard reports it any more.

    Attributes:
        model: of the guard that reported it first.
        host: its machine's name, in words kept beside the ledger.
        scope, exception: as of a switch; that of a file names the guard's model, beyond which it blocks nothing.
        carried, carried_sha256: the switch that it carries on, and the digest of its rule.
        adopted_as: the switch that was made of it.
    """

    id: LocalStopId
    state: StopState = StopState.STANDING
    environment: Environment
    model: str
    host: Commitment
    scope: str
    exception: str = "{}"
    action: SwitchAction = SwitchAction.BLOCK
    fallback: tuple[str, ...] = ()
    unknown: Unknown = Unknown.MATCH
    severity: SwitchSeverity = SwitchSeverity.SEV2
    lkg_before: datetime | None = None
    carried: SwitchId | None = None
    carried_sha256: Digest | None = None
    reported_by: ActorId
    since: datetime
    seen_at: datetime
    adopted_as: SwitchId | None = None
    resolved_by: ActorId | None = None
    resolved_at: datetime | None = None
    notes: Commitment | None = None
    ended_at: datetime | None = None
    revision: int = 0

    @property
    def kind(self) -> StopKind:
        """Why it blocks."""
        return StopKind.FILE if self.carried is None else StopKind.CARRIED

    @property
    def is_grave(self) -> bool:
        """Tell whether the owner of a model that it stops may not drop it: what it carries took two to release."""
        return self.carried is not None and self.as_switch().needs_two

    def as_switch(self) -> Switch:
        """Return what it does as a switch does it; it is none, and is stored nowhere."""
        return Switch(
            id=SwitchId(self.id),
            environment=self.environment,
            scope=self.scope,
            exception=self.exception,
            action=self.action,
            fallback=self.fallback,
            unknown=self.unknown,
            severity=self.severity,
            reason=NO_WORDS,
            lkg_before=self.lkg_before or self.since,
            activated_by=self.reported_by,
            activated_persons=(),
            activated_at=self.since,
        )

    def adopt(self, switch: SwitchId, *, by: ActorId, at: datetime, notes: Commitment) -> LocalStop:
        """Return it, adopted. Raises SwitchNotActive where people said already what becomes of it."""
        return replace(self._resolved(StopState.ADOPTED, by, at, notes), adopted_as=switch)

    def drop(self, *, by: ActorId, at: datetime, notes: Commitment | None) -> LocalStop:
        """Return it, dropped. Raises SwitchNotActive where people said already what becomes of it."""
        return self._resolved(StopState.DROPPED, by, at, notes)

    def end(self, at: datetime) -> LocalStop:
        """Return it, ended: no guard reports it any more."""
        return replace(self, ended_at=at)

    def require_standing(self) -> None:
        """Raise SwitchNotActive where people said already what becomes of it."""
        if self.state is not StopState.STANDING:
            raise SwitchNotActive(SwitchId(self.id), self.state, "adopted or dropped")

    def _resolved(
        self, state: StopState, by: ActorId, at: datetime, notes: Commitment | None
    ) -> LocalStop:
        self.require_standing()
        return replace(self, state=state, resolved_by=by, resolved_at=at, notes=notes)


class Form(NamedTuple):
    """What a reported stop does, as far as it is understood."""

    scope: str
    exception: str = "{}"
    action: SwitchAction = SwitchAction.BLOCK
    fallback: tuple[str, ...] = ()
    unknown: Unknown = Unknown.MATCH
    severity: SwitchSeverity = SwitchSeverity.SEV2
    lkg_before: datetime | None = None
    carried: SwitchId | None = None
    carried_sha256: Digest | None = None


def form_of(said: SaidStop, *, model: str, configured: Collection[str] = ()) -> Form:
    """Return what a reported stop does. What is not understood of it holds, and blocks, as in the guard."""
    if said.rule is None:
        scope, _ = _understood(said.scope, configured)
        own = read_condition(MODEL, model)
        if own is not None and MODEL not in {each.dimension for each in scope}:
            scope.append(own)
        return Form(scope=_text(scope))
    return _carried(said.rule, configured)


def rule_digest(rule: Mapping[str, Any]) -> Digest:
    """Return by what a carried switch goes: the digest of its rule, but for what moves while it stands."""
    kept = {name: value for name, value in rule.items() if name not in UNSETTLED}
    return Digest(sha256(encode_any(kept)).hexdigest())


def _carried(rule: Mapping[str, Any], configured: Collection[str]) -> Form:
    scope, is_whole = _understood(rule.get("scope"), configured)
    exception, is_carved = _understood(rule.get("except") or {}, configured)
    action = _word(SwitchAction, rule.get("action"), SwitchAction.BLOCK)
    if action is SwitchAction.OBSERVE or not (is_whole and is_carved):
        action = SwitchAction.BLOCK
    steps = _steps(rule.get("fallback")) if action is SwitchAction.FALLBACK else ()
    if action is SwitchAction.FALLBACK and not steps:
        action = SwitchAction.BLOCK
    return Form(
        scope=_text(scope),
        exception=_text(exception) if is_carved else "{}",
        action=action,
        fallback=steps,
        unknown=_word(Unknown, rule.get("unknown"), Unknown.MATCH),
        severity=_word(SwitchSeverity, rule.get("severity"), SwitchSeverity.SEV1),
        lkg_before=_moment(rule.get("lkg_before")),
        carried=SwitchId(str(rule.get("id"))),
        carried_sha256=rule_digest(rule),
    )


def _understood(raw: object, configured: Collection[str]) -> tuple[list[Condition], bool]:
    """Return the conditions that are understood, in one order, and whether all are."""
    if not isinstance(raw, Mapping):
        return [], False
    known = known_dimensions(configured)
    found = []
    for name in sorted(raw):
        condition = read_condition(name, raw[name]) if name in known else None
        if condition is not None and len(condition.values) <= MAX_VALUES:
            values = tuple(sorted(set(condition.values)))
            found.append(condition._replace(values=values))
    return found, len(found) == len(raw)


def _text(conditions: Iterable[Condition]) -> str:
    ordered = sorted(conditions, key=lambda each: each.dimension)
    return Scope(tuple(ordered)).canonical.decode()


def _steps(raw: object) -> tuple[str, ...]:
    if raw == CHAIN:
        return (CHAIN,)
    words = raw if isinstance(raw, list) else ()
    return tuple(dict.fromkeys(word for word in words if word in STEPS))


def _word(kind: type[W], raw: object, otherwise: W) -> W:
    return kind(raw) if isinstance(raw, str) and raw in set(kind) else otherwise


def _moment(raw: object) -> datetime | None:
    if not (isinstance(raw, str) and len(raw) == MOMENT_LENGTH):
        return None
    try:
        return moment(raw)
    except ValueError:
        return None
