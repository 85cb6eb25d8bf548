"""Stopping: one person, at once (SG-9). What is stopped so already answers instead of a second switch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.allowed import acting_persons
from modelwarden.errors import ReasonRequired, SettingInvalid, SwitchLimit, ValueInvalid
from modelwarden.facts.kinds import Code, Severity
from modelwarden.facts.safeguards import SwitchActivated
from modelwarden.guard.drift_edges import MOST_BY
from modelwarden.guard.scope import known_dimensions, parse_except, parse_scope
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards import queries
from modelwarden.safeguards.authority import authorize_on
from modelwarden.safeguards.reach import reach_of, registrable
from modelwarden.safeguards.switch import (
    OnExpiry,
    Origin,
    Switch,
    SwitchAction,
    SwitchSeverity,
    Unknown,
)
from modelwarden.safeguards.targets import check_targets
from modelwarden.store.queueing import one_by_one
from modelwarden.values.ids import Commitment, SwitchId
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.guard.scope import Scope
    from modelwarden.store.change import Change
    from modelwarden.values.ids import UseCaseName

LONGEST: Final = 2_000
"""Characters of a reason or note."""
PLAIN: Final[Mapping[SwitchSeverity, Severity]] = MappingProxyType(
    {
        SwitchSeverity.SEV1: Severity.CRITICAL,
        SwitchSeverity.SEV2: Severity.HIGH,
        SwitchSeverity.SEV3: Severity.WARNING,
        SwitchSeverity.SEV4: Severity.WARNING,
    }
)
"""How much the entry of an activation matters."""
USE_CASE_DEPRECATED: Final = "use_case_deprecated"
"""What a switch names as its evidence that a deprecation activated (RL-11)."""
UNSAID: Final = Commitment("0" * 64)
"""Stands for a reason that is kept once the switch is sure to be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSwitch:
    """What somebody wants to stop; the fields are those of SG-1.

    Attributes:
        action: what a match does; without one, `fallback` where a fallback is named, else `block`.
        fallback: `chain`, or steps.
        on_expiry: without one, an end that is named only reminds people; one that observes ends by itself.
        lkg_before: remembered values that are younger are not served; the moment of activation unless named.
        everything: no dimension is named on purpose.
        allow_unknown: models and versions that are not registered here may be named.
        name, source: as a file of toggles calls it.
    """

    reason: str
    scope: Mapping[str, object] = field(default_factory=dict)
    exception: Mapping[str, object] = field(default_factory=dict)
    environment: Environment = Environment.PRODUCTION
    action: SwitchAction | None = None
    fallback: tuple[str, ...] = ()
    severity: SwitchSeverity = SwitchSeverity.SEV2
    incident: str | None = None
    evidence: str | None = None
    expires_at: datetime | None = None
    on_expiry: OnExpiry | None = None
    unknown: Unknown = Unknown.MATCH
    lkg_before: datetime | None = None
    everything: bool = False
    allow_unknown: bool = False
    name: str | None = None
    source: str | None = None


class Activation(NamedTuple):
    """A switch, and whether it was live before: then nothing was written."""

    switch: Switch
    repeated: bool = False

    @property
    def id(self) -> SwitchId:
        """The switch's id."""
        return self.switch.id


def activate(change: Change, new: NewSwitch) -> Activation:
    """Stop or divert predictions in a scope, from the commit on.

    An active switch that does the same already, and is as severe and as lasting, is answered instead (SG-7).

    Raises:
        NotPermitted: neither a role nor ownership of the models gives `switch.activate`.
        ReasonRequired, ScopeEmpty, UnknownDimension, UnknownTarget, FallbackUnknown, ValueInvalid.
        SwitchLimit: more switches are live than a snapshot can hold.
    """
    one_by_one(change, "switches")
    drafted = draft(change, new)
    twin = _twin(change, drafted)
    if twin is not None:
        change.unchanged("switch", twin.id)
        return Activation(twin, repeated=True)
    return Activation(put_in_force(change, drafted, new.reason))


def stop_use_case(change: Change, use_case: UseCaseName, *, reason: str) -> tuple[Switch, ...]:
    """Refuse calls that carry a deprecated use case, in each environment; calls that name none pass (RL-11).

    The deprecation was authorized; so is what belongs to it. Raises SwitchLimit.
    """
    one_by_one(change, "switches")
    found = []
    for environment in Environment:
        new = NewSwitch(
            reason=reason,
            scope={"use_case": str(use_case)},
            environment=environment,
            severity=SwitchSeverity.SEV3,
            evidence=USE_CASE_DEPRECATED,
            unknown=Unknown.PASS,
        )
        drafted, *_ = _drafted(change, new)
        found.append(_twin(change, drafted) or put_in_force(change, drafted, reason))
    return tuple(found)


def draft(change: Change, new: NewSwitch) -> Switch:
    """Return a new switch as it would be made, checked and authorized, but neither stored nor told."""
    drafted, scope, exception = _drafted(change, new)
    authorize_on(change, Permission.SWITCH_ACTIVATE, drafted)
    if not new.allow_unknown:
        check_targets(change, scope, exception)
    return drafted


def _drafted(change: Change, new: NewSwitch) -> tuple[Switch, Scope, Scope]:
    checked_words("reason", new.reason)
    configured = change.settings.switch_dimensions
    scope = parse_scope(new.scope, configured=configured, everything=new.everything)
    exception = parse_except(new.exception, configured=configured)
    return _as_switch(change, new, scope=scope, exception=exception), scope, exception


def put_in_force(change: Change, drafted: Switch, reason: str) -> Switch:
    """Store a drafted switch and tell of it. Raises SwitchLimit."""
    if queries.count_live(change, drafted.environment) >= queries.MOST_LIVE:
        raise SwitchLimit(queries.MOST_LIVE)
    switch = change.save(replace(drafted, reason=change.text(reason.strip())))
    reach = reach_of(switch)
    change.record(
        SwitchActivated(
            switch=switch.id,
            name=_code(switch.name),
            environment=Code(switch.environment),
            models=registrable(reach.models),
            dimensions=tuple(Code(name) for name in sorted(reach.scope)),
            everything=switch.is_everything,
            action=Code(switch.action),
            fallback=tuple(Code(step) for step in switch.fallback),
            unknown=Code(switch.unknown),
            severity=Code(switch.severity),
            origin=Code(switch.origin),
            reason=switch.reason,
            incident=_code(switch.incident),
            evidence=_code(switch.evidence),
            expires_at=switch.expires_at,
            on_expiry=_code(switch.on_expiry),
            lkg_before=switch.lkg_before,
        ),
        severity=PLAIN[switch.severity],
    )
    return switch


def checked_words(field_name: str, words: str) -> str:
    """Return words without outer white space. Raises ReasonRequired."""
    words = words.strip()
    if not 1 <= len(words) <= LONGEST:
        raise ReasonRequired(field_name, LONGEST)
    return words


def check_dimensions(names: Sequence[str], *, drift_by: Sequence[str] = ()) -> None:
    """Refuse to begin with dimensions of switches, or of drift, that can't be ones. Raises SettingInvalid."""
    try:
        known = known_dimensions(names)
    except ValueInvalid as error:
        raise SettingInvalid(f"switch_dimensions: {error}") from error
    if "environment" in names:
        raise SettingInvalid("switch_dimensions: a switch has its environment beside its scope")
    if len(set(drift_by)) > MOST_BY or len(set(drift_by)) < len(drift_by) or set(drift_by) - known:
        raise SettingInvalid(f"drift_by: at most {MOST_BY} different dimensions of switches")


def _twin(change: Change, drafted: Switch) -> Switch | None:
    """Return an active switch that does all of this already; none that a restore left behind is relied on (LG-46)."""
    for other in queries.alike(change, drafted):
        if other.covers(drafted) and not change.is_frozen("switch", other.id):
            return other
    return None


def _as_switch(change: Change, new: NewSwitch, *, scope: Scope, exception: Scope) -> Switch:
    action = new.action or (SwitchAction.FALLBACK if new.fallback else SwitchAction.BLOCK)
    on_expiry = new.on_expiry
    if on_expiry is None and new.expires_at is not None:
        observes = action is SwitchAction.OBSERVE
        on_expiry = OnExpiry.RELEASE if observes else OnExpiry.REMIND
    human = change.principal.kind is not ActorKind.SERVICE
    return Switch(
        id=SwitchId(change.new_id("swi")),
        name=new.name,
        source=new.source,
        environment=new.environment,
        scope=scope.canonical.decode(),
        exception=exception.canonical.decode(),
        action=action,
        fallback=new.fallback,
        severity=new.severity,
        reason=UNSAID,
        incident=new.incident,
        evidence=new.evidence,
        expires_at=new.expires_at,
        on_expiry=on_expiry,
        unknown=new.unknown,
        lkg_before=min(new.lkg_before or change.now, change.now),
        origin=Origin.HUMAN if human else Origin.PROGRAM,
        activated_by=change.actor,
        activated_persons=tuple(sorted(acting_persons(change))),
        activated_at=change.now,
    )


def _code(word: str | None) -> Code | None:
    return None if word is None else Code(word)
