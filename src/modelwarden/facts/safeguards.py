"""Facts about kill switches. Values of a scope stand in none: they may be those of customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        DeploymentId,
        DrillId,
        InstanceId,
        LocalStopId,
        ModelName,
        SwitchId,
        VersionName,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchActivated:
    """Predictions are stopped or diverted from here on, wherever the scope says (SG-1).

    `models` are those that the scope names; with none it may reach any. `dimensions` are what it names beside; their
    values stand in the row alone, whose digest the entry holds.
    """

    switch: SwitchId
    name: Code | None
    environment: Code
    models: tuple[ModelName, ...]
    dimensions: tuple[Code, ...]
    everything: bool
    action: Code
    fallback: tuple[Code, ...]
    unknown: Code
    severity: Code
    origin: Code
    reason: Commitment
    incident: Code | None
    evidence: Code | None
    expires_at: datetime | None
    on_expiry: Code | None
    lkg_before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchReleaseRequested:
    """Somebody asks to let predictions go on; until it is confirmed the switch is enforced (SG-10)."""

    switch: SwitchId
    environment: Code
    models: tuple[ModelName, ...]
    severity: Code
    humans: int
    notes: Commitment
    verification: Commitment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchReleaseRefused:
    """A release that was asked for does not come: somebody refused it, or the one who asked took it back."""

    switch: SwitchId
    environment: Code
    models: tuple[ModelName, ...]
    cause: Code
    requester: ActorId
    notes: Commitment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchReleased:
    """Predictions go on; this switch never comes back."""

    switch: SwitchId
    environment: Code
    models: tuple[ModelName, ...]
    severity: Code
    requester: ActorId
    notes: Commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class RampMoved:
    """A release goes in steps: another share is let go, or all is held again (SG-11).

    Attributes:
        cause: confirmed, passed, failed, refused or withdrawn.
        step, steps: the number of the step that stands now, from 1 on; 0 where all is held again.
        held: what the switch still holds, in basis points of callers.
    """

    switch: SwitchId
    environment: Code
    models: tuple[ModelName, ...]
    cause: Code
    step: int
    steps: int
    held: int
    notes: Commitment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchExpired:
    """A switch ended by itself, as was said when it was activated."""

    switch: SwitchId
    environment: Code
    models: tuple[ModelName, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchReminded:
    """A switch still stands, a day after it was activated or last told of, or past its end."""

    switch: SwitchId
    environment: Code
    models: tuple[ModelName, ...]
    state: Code
    since: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchConfirmed:
    """Every guard that the switch concerns, and that is heard of, applied it (SG-23).

    Attributes:
        seq: the entry that activated it.
        expected: guards that were heard of in the two minutes before it, or since; `lost` of them are silent and did
            not confirm.
        p50_ms, max_ms: from the activation to the report that arrived here, of those that confirmed.
    """

    switch: SwitchId
    seq: int
    confirmed: int
    expected: int
    lost: int
    p50_ms: int
    max_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchUnconfirmed:
    """Half a minute after its activation some guards did not apply a switch; the first hundred are named."""

    switch: SwitchId
    seq: int
    confirmed: int
    expected: int
    late: tuple[InstanceId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRequested:
    """Somebody wants to put a fault into a part of a model's traffic; another person has to confirm it (SG-53)."""

    drill: DrillId
    model: ModelName
    environment: Code
    fault: Code
    share_bp: int
    ttl_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillStarted:
    """A fault strikes a part of a model's traffic from here on, until `ends_at` at the latest (SG-53).

    `dimensions` are what its scope names; their values stand in the row alone.
    """

    drill: DrillId
    model: ModelName
    environment: Code
    fault: Code
    share_bp: int
    dimensions: tuple[Code, ...]
    requester: ActorId
    ends_at: datetime
    plan: Code | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillStopped:
    """A drill ended; `ran` is false for one that nobody confirmed."""

    drill: DrillId
    model: ModelName
    environment: Code
    cause: Code
    ran: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReported:
    """What came of a drill (SG-54).

    Attributes:
        struck: answers that guards say were struck; `unanswered` of them had no fallback.
        detect_ms, activate_ms, confirm_ms: from the start to the first sign, to a switch, and to its confirmation.
        silent: signals that ought to have fired and did not.
        missed: what it failed by.
    """

    drill: DrillId
    model: ModelName
    environment: Code
    fault: Code
    passed: bool
    struck: int
    unanswered: int
    fallback_share: Decimal | None
    detect_ms: int | None
    activate_ms: int | None
    confirm_ms: int | None
    silent: tuple[Code, ...]
    missed: tuple[Code, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStopSeen:
    """A guard blocks by itself: by a stop file beside it, or a switch that a restore forgot (SG-13, SG-17).

    Attributes:
        kind: file or carried.
        switch: the switch that it carries on; this ledger may not know it.
        reporter: whose credential said so; it is believed no further.
        host: the machine's name, for a file.
        since: by the guard's own clock, and no later than now.
    """

    stop: LocalStopId
    kind: Code
    environment: Code
    models: tuple[ModelName, ...]
    dimensions: tuple[Code, ...]
    switch: SwitchId | None
    reporter: ActorId
    host: Commitment
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStopAdopted:
    """A person made a switch of a local stop; `switch` does from here on what only some guard did."""

    stop: LocalStopId
    kind: Code
    environment: Code
    models: tuple[ModelName, ...]
    switch: SwitchId
    notes: Commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStopDropped:
    """A local stop is not kept up: guards end one that they carry; a file stays where it is.

    `cause` is `person`, or `ended_here` where this ledger knows that the switch was released or expired.
    """

    stop: LocalStopId
    kind: Code
    environment: Code
    models: tuple[ModelName, ...]
    cause: Code
    notes: Commitment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMoved:
    """Guards get another route: `share` basis points go to the `candidate`, the rest to `stable` (SG-30)."""

    deployment: DeploymentId
    model: ModelName
    environment: Code
    stable: VersionName
    candidate: VersionName | None
    share: int
    shadow: VersionName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStopEnded:
    """No guard that is heard of reports the local stop any more."""

    stop: LocalStopId
    kind: Code
    environment: Code
    models: tuple[ModelName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardModeSet:
    """How the guards of a model behave: without news for too long, and whether breakers only count (SG-21, SG-41)."""

    model: ModelName
    environment: Code
    fail: Code
    breakers: Code


PUSHED: Final = frozenset(
    {
        "switch.activated", "switch.released", "switch.expired", "ramp.moved", "model.registered", "model.updated",
        "version.registered", "version.retired", "epoch.started", "snapshot.key_rotated",
        "object.accepted", "drill.started", "drill.stopped",
        "local.stop_adopted", "local.stop_dropped", "guard.mode_set", "route.moved",
    }
)  # fmt: skip
"""Types of the entries that may change what guards hold: other processes are told of these at once (SG-20)."""

KINDS: Final = (
    Kind(RouteMoved, Family.CHANGE, Severity.INFO),
    Kind(SwitchActivated, Family.SAFEGUARD, Severity.HIGH),
    Kind(GuardModeSet, Family.SAFEGUARD, Severity.HIGH),
    Kind(SwitchReleaseRequested, Family.SAFEGUARD, Severity.WARNING),
    Kind(SwitchReleaseRefused, Family.SAFEGUARD, Severity.WARNING),
    Kind(SwitchReleased, Family.SAFEGUARD, Severity.HIGH),
    Kind(RampMoved, Family.SAFEGUARD, Severity.HIGH),
    Kind(SwitchExpired, Family.SAFEGUARD, Severity.WARNING),
    Kind(SwitchConfirmed, Family.SAFEGUARD, Severity.INFO),
    Kind(SwitchUnconfirmed, Family.SAFEGUARD, Severity.HIGH),
    Kind(SwitchReminded, Family.SAFEGUARD, Severity.WARNING),
    Kind(DrillRequested, Family.SAFEGUARD, Severity.INFO),
    Kind(DrillStarted, Family.SAFEGUARD, Severity.WARNING),
    Kind(DrillStopped, Family.SAFEGUARD, Severity.INFO),
    Kind(DrillReported, Family.SAFEGUARD, Severity.INFO),
    Kind(LocalStopSeen, Family.SAFEGUARD, Severity.HIGH),
    Kind(LocalStopAdopted, Family.SAFEGUARD, Severity.HIGH),
    Kind(LocalStopDropped, Family.SAFEGUARD, Severity.HIGH),
    Kind(LocalStopEnded, Family.SAFEGUARD, Severity.INFO),
)
