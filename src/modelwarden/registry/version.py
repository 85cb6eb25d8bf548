"""A version: one immutable registered build of a model, named by digests, and its rules. Pure (RL-2, RL-3)."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import ValueInvalid, VersionIsRetired, VersionLive
from modelwarden.registry.lifecycle import (
    ROLLED_BACK,
    ApprovalState,
    Environment,
    Stage,
    Status,
    move,
    stage,
    status,
)
from modelwarden.registry.metric import MOST_METRICS, decimal_text
from modelwarden.registry.model import KIND_WORDS, RESERVED
from modelwarden.values.canonical import encode_any
from modelwarden.values.ids import LABEL, REFERENCE, Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        FingerprintText,
        Label,
        ModelName,
        PersonId,
        VersionName,
    )

DATASET_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
ROLE: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
FINGERPRINT: Final = re.compile(r"[a-z0-9-]{1,32}:[0-9a-f]{64}")
MOST_DATASETS: Final = 64
LARGEST_PARAMETERS: Final = 16 * 1024


class ArtifactKind(StrEnum):
    """What an artifact is, as far as it was read."""

    FILE = "file"
    FOLDER = "folder"
    UPLOAD = "upload"
    TEXT = "text"
    """Only named: this server does not open it (RL-4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One build of a model. What was registered never changes; approvals, deployments and retirement move.

    Attributes:
        artifact: the URI as an erasable text; paths can hold names of people.
        trust: how far the fingerprints are trusted (LN-5); empty when there are none.
        datasets: objects `{name, role, fingerprints}`, as asserted by the caller.
        evaluation: name → decimal text; `evaluation_digest` is what approvers sign.
        contract: how its answers have to look, how many, how old, in the form of `registry.contract` (SG-34).
        content_digest: of all that the same label must repeat to be the same version (RL-2).
        approvals: environment → `ApprovalState`, moved by the approvals room.
        live_in, last_ended: moved by the deployments room.
    """

    name: VersionName
    model: ModelName
    label: Label
    registered_by: ActorId
    registered_person: PersonId
    created_at: datetime
    content_digest: Digest
    evaluation_digest: Digest
    parameters_digest: Digest
    description: Commitment | None = None
    artifact: Commitment | None = None
    artifact_kind: ArtifactKind = ArtifactKind.TEXT
    fingerprints: tuple[FingerprintText, ...] = ()
    subject_sha256: Digest | None = None
    trust: str = ""
    size_bytes: int | None = None
    run: str | None = None
    datasets: tuple[Mapping[str, object], ...] = ()
    snapshot: str | None = None
    feature_version: str | None = None
    algorithm: str | None = None
    parameters: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    source_commit: str | None = None
    parent: Label | None = None
    trainers: tuple[PersonId, ...] = ()
    evaluation: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    contract: Mapping[str, object] | None = None
    approvals: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    live_in: tuple[str, ...] = ()
    last_ended: str = ""
    retired_at: datetime | None = None
    revision: int = 0

    @property
    def stage(self) -> Stage:
        """Return the highest environment that it is live in."""
        return stage(retired=self.retired_at is not None, live_in=self.live_in)

    @property
    def status(self) -> Status:
        """Return the one word of product.md's table."""
        return status(
            retired=self.retired_at is not None,
            live_in=self.live_in,
            last_ended=self.last_ended,
            approvals=self.approvals,
        )

    @property
    def is_approved(self) -> bool:
        """Tell whether it is approved in any environment: then new metrics are observed by default."""
        return ApprovalState.APPROVED in self.approvals.values()

    def approval(self, environment: Environment) -> ApprovalState:
        """Return what people have said about it there."""
        return ApprovalState(self.approvals.get(environment, ApprovalState.DRAFT))

    def moved(self, environment: Environment, to: ApprovalState) -> Version:
        """Return this version with its approval moved. Raises IllegalMove."""
        state = move(self.approval(environment), to)
        return dataclasses.replace(
            self, approvals={**self.approvals, environment.value: state.value}
        )

    def went_live(self, environment: Environment) -> Version:
        """Return this version, live there."""
        live_in = tuple(sorted({*self.live_in, environment.value}))
        return dataclasses.replace(self, live_in=live_in, last_ended="")

    def ended(self, environment: Environment, *, rolled_back: bool) -> Version:
        """Return this version, no longer live there; its latest deployment was superseded or rolled back."""
        live_in = tuple(place for place in self.live_in if place != environment)
        return dataclasses.replace(
            self, live_in=live_in, last_ended=ROLLED_BACK if rolled_back else ""
        )

    def evaluated(self, metrics: Mapping[str, str]) -> Version:
        """Return this version with these figures added to its evaluation, the older ones replaced."""
        merged = {**self.evaluation, **metrics}
        if len(merged) > MOST_METRICS:
            raise ValueInvalid("metrics", f"at most {MOST_METRICS} figures a version")
        return dataclasses.replace(self, evaluation=merged, evaluation_digest=digest(merged))

    def require_usable(self) -> None:
        """Raise VersionIsRetired if it is retired."""
        if self.retired_at is not None:
            raise VersionIsRetired(f"version {self.name} is retired; register a new one")

    def retire(self, *, now: datetime) -> Version:
        """Return this version, retired. Raises VersionIsRetired, VersionLive."""
        self.require_usable()
        if self.live_in:
            raise VersionLive(
                f"{self.name} is live in {', '.join(self.live_in)}; deploy another version or roll back first"
            )
        return dataclasses.replace(self, retired_at=now)


def digest(value: object) -> Digest:
    """Return the SHA-256 of the RFC 8785 bytes of a JSON value."""
    return Digest(sha256(encode_any(value)).hexdigest())


def checked_parameters(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return parameters with floats as decimal text. Raises NotCanonical, ValueInvalid (over 16 KiB)."""
    if len(encode_any(dict(parameters))) > LARGEST_PARAMETERS:
        raise ValueInvalid("parameters", f"at most {LARGEST_PARAMETERS:,} bytes of JSON")
    return {key: _without_floats(item) for key, item in parameters.items()}


def checked_datasets(datasets: Iterable[Mapping[str, object]]) -> tuple[dict[str, object], ...]:
    """Return datasets as `{name, role, fingerprints}`, sorted. Raises ValueInvalid."""
    found = [_dataset(item) for item in datasets]
    if len(found) > MOST_DATASETS:
        raise ValueInvalid("datasets", f"at most {MOST_DATASETS}")
    if len({(item["name"], item["role"]) for item in found}) != len(found):
        raise ValueInvalid("datasets", "each name once in a role")
    return tuple(sorted(found, key=lambda item: (str(item["name"]), str(item["role"]))))


def check_label(label: str) -> None:
    """Refuse a label that has not its form, or that a route needs. Raises ValueInvalid."""
    if not LABEL.fullmatch(label) or label in RESERVED:
        raise ValueInvalid(
            "version", f"text that matches {LABEL.pattern} and is no word of a route"
        )


def check_words(**given: str | None) -> None:
    """Refuse references (run, snapshot, commit) that are not one plain word. Raises ValueInvalid."""
    for name, word in given.items():
        pattern = KIND_WORDS if name == "algorithm" else REFERENCE
        if word is not None and not pattern.fullmatch(word):
            raise ValueInvalid(name, f"text that matches {pattern.pattern}")


def _without_floats(value: object) -> object:
    if isinstance(value, float):
        return decimal_text(value, "parameters")
    if isinstance(value, list | tuple):
        return [_without_floats(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_floats(item) for key, item in value.items()}
    return value


def _dataset(item: Mapping[str, object]) -> dict[str, object]:
    unknown = set(item) - {"name", "role", "fingerprints"}
    name, role = item.get("name"), item.get("role", "training")
    fingerprints = item.get("fingerprints", ())
    if unknown or not isinstance(fingerprints, list | tuple):
        raise ValueInvalid("datasets", "objects with name, role and a list of fingerprints")
    if not (isinstance(name, str) and DATASET_NAME.fullmatch(name)):
        raise ValueInvalid("datasets.name", f"text that matches {DATASET_NAME.pattern}")
    if not (isinstance(role, str) and ROLE.fullmatch(role)):
        raise ValueInvalid("datasets.role", f"text that matches {ROLE.pattern}")
    return {"name": name, "role": role, "fingerprints": checked_fingerprints(fingerprints)}


def checked_fingerprints(texts: Iterable[object]) -> list[str]:
    """Return fingerprint texts, sorted and each once. Raises ValueInvalid (LN-1)."""
    found = set()
    for text in texts:
        if not (isinstance(text, str) and FINGERPRINT.fullmatch(text)):
            raise ValueInvalid("fingerprints", "<algorithm>:<64 lowercase hex digits>")
        found.add(text)
    return sorted(found)
