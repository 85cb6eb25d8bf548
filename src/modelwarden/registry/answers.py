"""The registry's values as callers get them, with handles and words filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of
from modelwarden.registry.artifacts import UPLOAD
from modelwarden.registry.drift.queries import find_shape
from modelwarden.registry.lifecycle import ApprovalState, Environment
from modelwarden.registry.metric import MetricKind
from modelwarden.store.erasing import shown
from modelwarden.values.answers import (
    ComparisonAnswer,
    MetricAnswer,
    ModelAnswer,
    UploadAnswer,
    VersionAnswer,
)

if TYPE_CHECKING:
    from modelwarden.registry.artifacts import UploadedArtifact
    from modelwarden.registry.comparison import Comparison, Difference
    from modelwarden.registry.metric import Metric
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View


def model_answer(view: View, model: Model) -> ModelAnswer:
    """Return a model as callers see it."""
    return ModelAnswer(
        name=model.name,
        type=model.type,
        owner=handle_of(view, model.owner),
        owner_id=model.owner,
        owner_confirmed=model.owner_confirmed,
        business_purpose=shown(view, model.purpose),
        purpose_confirmed=model.purpose_confirmed,
        risk_tier=model.risk_tier,
        team=model.team,
        tags=model.tags,
        policy=model.policy,
        registered_by=handle_of(view, model.registered_by),
        registered_at=model.registered_at,
        retired_at=model.retired_at,
        replacement=model.replacement,
        revision=model.revision,
    )


def version_answer(view: View, version: Version) -> VersionAnswer:
    """Return a version as callers see it; `approval_status` is production's, else staging's."""
    approvals = {place: version.approval(place) for place in Environment}
    production = approvals[Environment.PRODUCTION]
    asked = production is not ApprovalState.DRAFT
    shape = find_shape(view, version.name)
    return VersionAnswer(
        model=version.model,
        version=version.label,
        status=version.status.value,
        stage=version.stage.value,
        approval_status=(production if asked else approvals[Environment.STAGING]).value,
        approvals={place.value: state.value for place, state in approvals.items()},
        live_in=version.live_in,
        description=shown(view, version.description),
        artifact=shown(view, version.artifact),
        artifact_kind=version.artifact_kind.value,
        fingerprints=version.fingerprints,
        sha256=version.subject_sha256,
        trust=version.trust,
        size_bytes=version.size_bytes,
        run=version.run,
        datasets=version.datasets,
        snapshot=version.snapshot,
        feature_version=version.feature_version,
        algorithm=version.algorithm,
        parameters=version.parameters,
        source_commit=version.source_commit,
        parent=version.parent,
        metrics=version.evaluation,
        drift_reference=None if shape is None else shape.sha256,
        contract=version.contract,
        registered_by=handle_of(view, version.registered_by),
        created_at=version.created_at,
        retired_at=version.retired_at,
        content_digest=version.content_digest,
        revision=version.revision,
    )


def metric_answer(view: View, metric: Metric) -> MetricAnswer:
    """Return an observed figure as callers see it."""
    return MetricAnswer(
        name=metric.name,
        value=metric.value,
        kind=MetricKind.OBSERVED.value,
        at=metric.at,
        recorded_by=handle_of(view, metric.recorded_by),
    )


def comparison_answer(_view: View, found: Comparison) -> ComparisonAnswer:
    """Return two versions side by side as callers see them."""
    return ComparisonAnswer(
        model=found.a.model,
        a=found.a.label,
        b=found.b.label,
        metrics=_pairs(found.metrics),
        parameters=_pairs(found.parameters),
        datasets=_pairs(found.datasets),
        fields=_pairs(found.fields),
    )


def upload_answer(_view: View, upload: UploadedArtifact) -> UploadAnswer:
    """Return an uploaded artifact as callers see it; `uri` is how a version names it."""
    return UploadAnswer(
        sha256=upload.sha256, size_bytes=upload.size_bytes, uri=f"{UPLOAD}{upload.sha256}"
    )


def _pairs(found: tuple[Difference, ...]) -> dict[str, tuple[str | None, str | None]]:
    return {difference.name: (difference.a, difference.b) for difference in found}
