"""Registering a version, and recording its figures (RL-2, RL-3). `prepare_artifact` read the artifact before."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize
from modelwarden.access.queries import find_actor
from modelwarden.errors import ActorNotFound, ValueInvalid, VersionExists, VersionNotFound
from modelwarden.facts.kinds import Code
from modelwarden.facts.registry import MetricsRecorded, VersionRegistered
from modelwarden.guard.drift_edges import read_reference
from modelwarden.permissions import Permission
from modelwarden.registry import queries
from modelwarden.registry.artifacts import PreparedArtifact
from modelwarden.registry.contract import checked_contract
from modelwarden.registry.drift.queries import keep_reference
from modelwarden.registry.metric import Figure, Metric, MetricKind, checked_metrics
from modelwarden.registry.model import is_purpose
from modelwarden.registry.model_actions import NewModel, register_model
from modelwarden.registry.reads import model as readable_model
from modelwarden.registry.reads import resource_of
from modelwarden.registry.reads import version as readable_version
from modelwarden.registry.version import (
    ArtifactKind,
    Version,
    check_label,
    check_words,
    checked_datasets,
    checked_parameters,
    digest,
)
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import Digest, Label, MetricId, ModelName, PersonId, version_name
from modelwarden.values.words import maybe_named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.guard.drift_edges import DriftReference
    from modelwarden.registry.model import Model
    from modelwarden.store.change import Change, View

LONGEST_DESCRIPTION: Final = 4_000
MOST_TRAINERS: Final = 64
LARGEST_SIZE: Final = 2**53 - 1
CLOCK_LEEWAY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """What a caller says of a version to be registered.

    Attributes:
        trainers: handles or ids of who trained it; they may not approve it (RL-23).
        datasets: objects `{name, role, fingerprints}`.
        drift_reference: edges and counts of its features, as `modelwarden.drift_reference` makes them (SG-49).
        contract: how its answers have to look, how many, how old: see `registry.contract` (SG-34).
    """

    model: str
    label: str
    description: str | None = None
    run: str | None = None
    datasets: tuple[Mapping[str, object], ...] = ()
    snapshot: str | None = None
    feature_version: str | None = None
    algorithm: str | None = None
    parameters: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    source_commit: str | None = None
    parent: str | None = None
    trainers: tuple[str, ...] = ()
    metrics: Mapping[str, Figure] = field(default_factory=lambda: MappingProxyType({}))
    drift_reference: Mapping[str, object] | None = None
    contract: Mapping[str, object] | None = None


def register_version(
    change: Change,
    new: NewVersion,
    *,
    artifact: PreparedArtifact | None = None,
    create: NewModel | None = None,
) -> Version:
    """Register a version; the same again returns the one there is (RL-2).

    Args:
        change: the change.
        new: what the caller says.
        artifact: what `prepare_artifact` read or named.
        create: registers the model first where there is none of its name; its purpose is seeded by the description.

    Raises:
        NotPermitted, ModelNotFound, VersionExists, VersionNotFound (parent), ValueInvalid, DriftInvalid,
        ModelIsRetired.
    """
    parent = _model(change, new, create)
    authorize(change, Permission.MODEL_REGISTER, on=resource_of(parent))
    parent.require_usable()
    named = artifact or PreparedArtifact(uri="", kind=ArtifactKind.TEXT)
    words = (_description(new), named.uri or None)
    reference = None if new.drift_reference is None else read_reference(new.drift_reference)
    found = _built(change, new, named)
    found = dataclasses.replace(found, content_digest=_content(found, reference))
    known = queries.find_version(change, found.name, lock=True)
    if known is not None:
        return _same(change, known, found, words=words)
    kept = change.save(
        dataclasses.replace(
            found,
            description=None if words[0] is None else change.text(words[0]),
            artifact=None if words[1] is None else change.text(words[1]),
        )
    )
    if reference is not None:
        keep_reference(change, kept.name, kept.model, reference)
    change.record(_registered(kept, reference))
    return kept


def record_metrics(
    change: Change,
    model: str,
    *,
    label: str,
    metrics: Mapping[str, Figure],
    kind: MetricKind | None = None,
    at: datetime | None = None,
) -> Version:
    """Record figures and return the version. Raises NotPermitted, ValueInvalid, VersionIsRetired.

    Evaluation figures join what approvers sign; after an approval that voids it (RL-3), so the default kind is
    then `observed`. `at` is when an observed figure was measured; now unless given.
    """
    parent = readable_model(change, model)
    found = readable_version(change, model, label, lock=True)
    authorize(change, Permission.METRIC_RECORD, on=resource_of(parent))
    found.require_usable()
    figures = checked_metrics(metrics)
    if not figures:
        raise ValueInvalid("metrics", "at least one figure")
    kind = kind or (MetricKind.OBSERVED if found.is_approved else MetricKind.EVALUATION)
    if kind is MetricKind.OBSERVED:
        rows = _observe(change, found, figures, at=at)
    elif at is not None:
        raise ValueInvalid("at", "nothing: evaluation figures belong to the version, not to a time")
    else:
        after = found.evaluated(figures)
        if after == found:
            change.unchanged("version", found.name)
            return found
        rows, found = digest(figures), change.save(after)
    change.record(
        MetricsRecorded(
            version=found.name,
            model=parent.name,
            kind=Code(kind.value),
            count=len(figures),
            rows=rows,
            evaluation=found.evaluation_digest,
        )
    )
    return found


def metric_kind(word: str | None) -> MetricKind | None:
    """Return the kind that a caller's word means. Raises ValueInvalid."""
    return maybe_named(MetricKind, word, field="kind")


def _model(change: Change, new: NewVersion, create: NewModel | None) -> Model:
    if create is None or queries.find_model(change, ModelName(new.model)) is not None:
        return readable_model(change, new.model)
    if create.name != new.model:
        raise ValueInvalid("model", "one name in both places")
    words = _description(new)
    seed = words if words is not None and is_purpose(words) else None
    return register_model(change, dataclasses.replace(create, seed=seed))


def _built(view: View, new: NewVersion, artifact: PreparedArtifact) -> Version:
    """Return the version that the caller describes, its words not yet kept."""
    check_label(new.label)
    check_words(
        run=new.run,
        snapshot=new.snapshot,
        feature_version=new.feature_version,
        algorithm=new.algorithm,
        source_commit=new.source_commit,
    )
    if artifact.size_bytes is not None and not 0 <= artifact.size_bytes <= LARGEST_SIZE:
        raise ValueInvalid("size_bytes", "a whole number of bytes, not below 0")
    evaluation, parameters = checked_metrics(new.metrics), checked_parameters(new.parameters)
    return Version(
        name=version_name(ModelName(new.model), Label(new.label)),
        model=ModelName(new.model),
        label=Label(new.label),
        registered_by=view.actor,
        registered_person=view.person,
        created_at=view.now,
        content_digest=digest({}),
        evaluation_digest=digest(evaluation),
        parameters_digest=digest(parameters),
        artifact_kind=artifact.kind,
        fingerprints=artifact.fingerprints,
        subject_sha256=artifact.subject_sha256,
        trust=artifact.trust,
        size_bytes=artifact.size_bytes,
        run=new.run,
        datasets=checked_datasets(new.datasets),
        snapshot=new.snapshot,
        feature_version=new.feature_version,
        algorithm=new.algorithm,
        parameters=parameters,
        source_commit=new.source_commit,
        parent=_parent(view, new),
        trainers=_persons(view, new.trainers),
        evaluation=evaluation,
        contract=checked_contract(new.contract),
    )


def _content(version: Version, reference: DriftReference | None) -> Digest:
    """Return the digest of what the same label must repeat. Words are compared apart: they can be erased."""
    contract = {} if version.contract is None else {"contract": digest(version.contract)}
    return digest(
        contract
        | {
            "name": version.name,
            "fingerprints": list(version.fingerprints),
            "trust": version.trust,
            "size_bytes": version.size_bytes,
            "run": version.run,
            "datasets": [dict(item) for item in version.datasets],
            "snapshot": version.snapshot,
            "feature_version": version.feature_version,
            "algorithm": version.algorithm,
            "parameters": version.parameters_digest,
            "source_commit": version.source_commit,
            "parent": version.parent,
            "trainers": list(version.trainers),
            "evaluation": version.evaluation_digest,
        }
        | ({} if reference is None else {"drift": reference.sha256})
    )


def _same(
    change: Change, known: Version, found: Version, *, words: tuple[str | None, str | None]
) -> Version:
    """Return the version there is when it has the same content, else raise VersionExists."""
    texts = (known.description, known.artifact)
    equal = known.content_digest == found.content_digest and all(
        (kept is None) == (given is None) and (kept is None or change.words(kept) in {given, None})
        for kept, given in zip(texts, words, strict=True)
    )
    if not equal:
        raise VersionExists(f"{known.name} has other content; register it under a new label")
    change.unchanged("version", known.name)
    return known


def _registered(version: Version, reference: DriftReference | None) -> VersionRegistered:
    return VersionRegistered(
        version=version.name,
        model=version.model,
        content=version.content_digest,
        fingerprints=version.fingerprints,
        subject_sha256=version.subject_sha256,
        trust=Code(version.trust) if version.trust else None,
        size_bytes=version.size_bytes,
        evaluation=version.evaluation_digest,
        parameters=version.parameters_digest,
        run=None if version.run is None else Code(version.run),
        trainers=version.trainers,
        drift=None if reference is None else Digest(reference.sha256),
    )


def _observe(
    change: Change, version: Version, figures: Mapping[str, str], *, at: datetime | None
) -> Digest:
    """Keep observed figures and return the digest of their rows."""
    when = at or change.now
    if when.tzinfo is None or when > change.now + CLOCK_LEEWAY:
        raise ValueInvalid("at", "a time with its zone, not in the future")
    rows = [
        Metric(
            id=MetricId(change.new_id("met")),
            version=version.name,
            name=name,
            value=value,
            at=when,
            recorded_by=change.actor,
            recorded_at=change.now,
        )
        for name, value in figures.items()
    ]
    queries.add_metrics(change, rows)
    return digest([[row.id, row.name, row.value, timestamp(row.at)] for row in rows])


def _description(new: NewVersion) -> str | None:
    words = (new.description or "").strip()
    if len(words) > LONGEST_DESCRIPTION:
        raise ValueInvalid("description", f"at most {LONGEST_DESCRIPTION:,} characters")
    return words or None


def _parent(view: View, new: NewVersion) -> Label | None:
    if new.parent is None:
        return None
    check_label(new.parent)
    name = version_name(ModelName(new.model), Label(new.parent))
    if new.parent == new.label or queries.find_version(view, name) is None:
        raise VersionNotFound(name)
    return Label(new.parent)


def _persons(view: View, names: tuple[str, ...]) -> tuple[PersonId, ...]:
    if len(names) > MOST_TRAINERS:
        raise ValueInvalid("trainers", f"at most {MOST_TRAINERS}")
    persons = set()
    for name in names:
        actor = find_actor(view, name)
        if actor is None:
            raise ActorNotFound("actor", name)
        persons.add(actor.person)
    return tuple(sorted(persons))
