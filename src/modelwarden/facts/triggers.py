"""Facts about triggers: what was noticed, how bad it is, what was proposed, and what guards said of themselves.

Values of dimensions stand in none: they may be those of customers. Figures are decimal text, counts lie in rows.
"""

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
        DatasetName,
        Digest,
        FiringId,
        InstanceId,
        ModelName,
        PolicyName,
        ProposalId,
        SwitchId,
        TriggerName,
        VersionName,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerSet:
    """A version of a trigger was written: in force at once, or waiting for a second person (SG-47)."""

    trigger: TriggerName
    version: int
    model: ModelName
    environment: Code
    signal: Code
    state: Code
    owner: ActorId
    account: ActorId | None
    auto_activate: bool
    dry_run: bool
    loosens: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerApproved:
    """A second person agreed to a version of a trigger, or to its end."""

    trigger: TriggerName
    version: int
    model: ModelName
    state: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRetired:
    """A trigger judges nothing any more; `asked` where a second person has to agree first."""

    trigger: TriggerName
    version: int
    model: ModelName
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerFired:
    """A signal crossed a rung of a trigger's ladder (SG-48).

    Attributes:
        act: what came of it: noted, incident, observed, proposed or switched.
        cause: why it came to no more than that.
        n, value: of the last window; the counts of all windows lie in the row of the firing.
        since, until: what the evidence covers.
        share: what part of the model's last hour a switch would touch, in basis points.
    """

    firing: FiringId
    trigger: TriggerName
    version: int
    model: ModelName
    environment: Code
    signal: Code
    by: Code | None
    step: Code
    act: Code
    cause: Code | None
    windows: int
    n: int
    value: Decimal
    threshold: Decimal
    since: datetime
    until: datetime
    share: int | None
    severity: Code
    owner: ActorId
    switch: SwitchId | None
    proposal: ProposalId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerCleared:
    """A signal that had crossed a rung is back below it; whatever was switched stays until people release it."""

    trigger: TriggerName
    version: int
    model: ModelName
    environment: Code
    signal: Code
    step: Code
    n: int
    value: Decimal
    clear: Decimal
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityClassified:
    """How bad something is, from what, and by which version of the rules; or a person said otherwise (SG-52).

    Attributes:
        share: basis points of the model's last hour; none is unknown, and taken as wide.
        tier: the model's risk tier, 1 the highest; none where it is not registered.
        moved: why it lies above or below `base`.
        rules: the version of the program's own rules; `policies`, with their versions, say otherwise where they do.
        reason: of a person who said otherwise.
    """

    firing: FiringId | None
    model: ModelName
    environment: Code
    signal: Code
    value: Decimal | None
    share: int | None
    tier: int | None
    base: Code
    severity: Code
    moved: tuple[Code, ...]
    rules: int
    policies: tuple[PolicyName, ...]
    policy_versions: tuple[int, ...]
    reason: Commitment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchProposed:
    """A switch is proposed: one person puts it in force with one press, until it lapses (SG-48)."""

    proposal: ProposalId
    firing: FiringId
    trigger: TriggerName
    model: ModelName
    environment: Code
    severity: Code
    cause: Code
    lkg_before: datetime
    lapses_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalAccepted:
    """A person put a proposed switch in force."""

    proposal: ProposalId
    trigger: TriggerName
    model: ModelName
    switch: SwitchId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalLapsed:
    """Nobody took up a proposed switch in time."""

    proposal: ProposalId
    trigger: TriggerName
    model: ModelName


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerFleetOpened:
    """So many guards of a model have a breaker open that the model or what it rests on is at fault (SG-41).

    `metrics_only`: so many that breakers of this fleet should count and refuse nobody.
    """

    model: ModelName
    environment: Code
    open: int
    workers: int
    metrics_only: bool
    severity: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotsRefused:
    """At least two guards refuse what reaches them as snapshots, for their signature."""

    model: ModelName
    environment: Code
    workers: int
    instances: tuple[InstanceId, ...]
    severity: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactMismatchSeen:
    """Guards loaded a version from another artifact than the one that is registered (SG-31)."""

    model: ModelName
    version: VersionName
    environment: Code
    registered: Digest
    found: Digest
    workers: int
    instances: tuple[InstanceId, ...]
    severity: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeployedVersionSeen:
    """Guards loaded a version that is not live in this environment, or not registered at all."""

    model: ModelName
    version: VersionName
    environment: Code
    registered: bool
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardsFellSilent:
    """Guards fell silent without a goodbye, or hear no news: they reach no server, or none reaches them (SG-23).

    Attributes:
        live: those that are heard of still; none: `lost` is the whole fleet.
        cut_off: those that report and hold a snapshot that is too old, or none.
    """

    model: ModelName
    environment: Code
    live: int
    lost: int
    cut_off: int
    instances: tuple[InstanceId, ...]
    severity: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardsClockBehind:
    """The wall clock of guards is over 30 s behind the server's: what they say of ages means little (SG-21)."""

    model: ModelName
    environment: Code
    workers: int
    instances: tuple[InstanceId, ...]
    severity: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessSet:
    """What a dataset has to be like when it arrives (SG-44)."""

    dataset: DatasetName
    cadence_s: int
    max_age_s: int
    min_rows: int
    columns: Digest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessChecked:
    """A dataset arrived and was compared with what is expected of it (SG-44)."""

    dataset: DatasetName
    verdict: Code
    reasons: tuple[Code, ...]
    as_of: datetime | None
    age_s: int | None
    rows: int | None
    columns: Digest | None


_S = Family.SAFEGUARD
KINDS: Final = (
    Kind(TriggerSet, _S, Severity.WARNING),
    Kind(TriggerApproved, _S, Severity.WARNING),
    Kind(TriggerRetired, _S, Severity.WARNING),
    Kind(TriggerFired, _S, Severity.WARNING),
    Kind(TriggerCleared, _S, Severity.INFO),
    Kind(SeverityClassified, _S, Severity.INFO),
    Kind(SwitchProposed, _S, Severity.HIGH),
    Kind(ProposalAccepted, _S, Severity.INFO),
    Kind(ProposalLapsed, _S, Severity.WARNING),
    Kind(BreakerFleetOpened, _S, Severity.HIGH),
    Kind(SnapshotsRefused, _S, Severity.CRITICAL),
    Kind(ArtifactMismatchSeen, _S, Severity.CRITICAL),
    Kind(UndeployedVersionSeen, _S, Severity.INFO),
    Kind(GuardsFellSilent, _S, Severity.HIGH),
    Kind(GuardsClockBehind, _S, Severity.WARNING),
    Kind(FreshnessSet, _S, Severity.INFO),
    Kind(FreshnessChecked, Family.DATA, Severity.INFO),
)
