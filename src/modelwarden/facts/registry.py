"""Facts about models, versions, metrics and uploaded artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        Digest,
        FingerprintText,
        ModelName,
        PersonId,
        VersionName,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRegistered:
    """A named line of work with an owner began."""

    model: ModelName
    owner: ActorId
    owner_confirmed: bool
    purpose: Commitment | None
    purpose_confirmed: bool
    risk_tier: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUpdated:
    """What is known of a model changed; `fields` names what was set."""

    model: ModelName
    fields: tuple[Code, ...]
    owner: ActorId
    risk_tier: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRetired:
    """A line of work ended; a replacement is named, or there is none."""

    model: ModelName
    replacement: ModelName | None
    reason: Commitment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRegistered:
    """One immutable build was named by its digests (RL-2); `drift` is that of its drift reference (SG-49)."""

    version: VersionName
    model: ModelName
    content: Digest
    fingerprints: tuple[FingerprintText, ...]
    subject_sha256: Digest | None
    trust: Code | None
    size_bytes: int | None
    evaluation: Digest
    parameters: Digest
    run: Code | None
    trainers: tuple[PersonId, ...]
    drift: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRetired:
    """A version takes no more requests and no more deployments."""

    version: VersionName
    model: ModelName
    reason: Commitment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsRecorded:
    """Figures of a version: `rows` is the digest of what was recorded (RL-3)."""

    version: VersionName
    model: ModelName
    kind: Code
    count: int
    rows: Digest
    evaluation: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactUploaded:
    """Bytes with this digest lie in the artifact store (RL-4)."""

    sha256: Digest
    size_bytes: int


KINDS: Final = (
    Kind(ModelRegistered, Family.MODEL, Severity.INFO),
    Kind(ModelUpdated, Family.MODEL, Severity.INFO),
    Kind(ModelRetired, Family.MODEL, Severity.WARNING),
    Kind(VersionRegistered, Family.MODEL, Severity.INFO),
    Kind(VersionRetired, Family.MODEL, Severity.WARNING),
    Kind(MetricsRecorded, Family.MODEL, Severity.INFO),
    Kind(ArtifactUploaded, Family.MODEL, Severity.INFO),
)
