"""The embedded SDK's rooms of the registry: models and versions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from modelwarden.registry import actions, answers
from modelwarden.registry.drift.reads import drift_reference_answer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from os import PathLike

    from modelwarden.store.change import View
    from modelwarden.values.answers import (
        ComparisonAnswer,
        MetricAnswer,
        ModelAnswer,
        VersionAnswer,
    )
    from modelwarden.values.drift import DriftReferenceAnswer
    from modelwarden.warden.bound import Bound

Figure = int | float | str


class Models:
    """Models: named lines of work with an owner and a business purpose."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def register(  # noqa: PLR0913  # the fields of a model
        self,
        name: str,
        *,
        owner: str | None = None,
        business_purpose: str | None = None,
        type: str = "",  # noqa: A002  # the field's name
        risk_tier: int = 3,
        team: str = "",
        tags: Sequence[str] = (),
    ) -> ModelAnswer:
        """Register a model. Raises NotPermitted, ModelExists, ValueInvalid."""
        new = actions.NewModel(
            name=name,
            owner=owner,
            purpose=business_purpose,
            type=type,
            risk_tier=risk_tier,
            team=team,
            tags=tuple(tags),
        )
        return self._bound.write(partial(actions.register_model, new=new), answers.model_answer)

    def show(self, name: str) -> ModelAnswer:
        """Return a model. Raises ModelNotFound."""
        return self._bound.read(partial(actions.model, name=name), answers.model_answer)

    def list(  # noqa: PLR0913  # the filters of a list
        self,
        *,
        owner: str | None = None,
        status: str | None = None,
        stage: str | None = None,
        tag: str | None = None,
        text: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[ModelAnswer]:
        """Return a page of the models that the actor may read, by name."""

        def read(view: View) -> Listing[Any]:
            wanted = actions.model_filter(status=status, stage=stage, tag=tag, text=text)
            if owner is not None:
                wanted = actions.owner_filter(view, owner, wanted=wanted)
            return actions.models(view, Page(limit=limit, cursor=cursor), wanted=wanted)

        return self._bound.page(read, answers.model_answer)

    def update(  # noqa: PLR0913  # the fields of a model
        self,
        name: str,
        *,
        owner: str | None = None,
        business_purpose: str | None = None,
        type: str | None = None,  # noqa: A002
        risk_tier: int | None = None,
        team: str | None = None,
        tags: Sequence[str] | None = None,
        revision: int | None = None,
    ) -> ModelAnswer:
        """Set what is known of a model; naming owner and purpose confirms them (RL-1). Raises RevisionConflict, …."""
        changes = actions.ModelChanges(
            owner=owner,
            purpose=business_purpose,
            type=type,
            risk_tier=risk_tier,
            team=team,
            tags=None if tags is None else tuple(tags),
        )
        action = partial(actions.update_model, name=name, changes=changes, revision=revision)
        return self._bound.write(action, answers.model_answer)

    def retire(self, name: str, *, replacement: str | None = None, reason: str = "") -> ModelAnswer:
        """End a line of work. Raises VersionLive while something of it is live."""
        action = partial(actions.retire_model, name=name, replacement=replacement, reason=reason)
        return self._bound.write(action, answers.model_answer)


class Versions:
    """Versions: immutable builds of a model, named by digests."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def register(  # noqa: PLR0913  # the fields of a version
        self,
        model: str,
        version: str,
        *,
        artifact: str | PathLike[str] | None = None,
        metrics: Mapping[str, Figure] | None = None,
        parameters: Mapping[str, Any] | None = None,
        contract: Mapping[str, Any] | None = None,
        description: str | None = None,
        datasets: Sequence[Mapping[str, Any]] = (),
        trained_by: Sequence[str] = (),
        run: str | None = None,
        snapshot: str | None = None,
        feature_version: str | None = None,
        algorithm: str | None = None,
        source_commit: str | None = None,
        parent: str | None = None,
        size_bytes: int | None = None,
        fingerprints: Sequence[str] = (),
        drift_reference: Mapping[str, Any] | None = None,
    ) -> VersionAnswer:
        """Register a version; the artifact is read and hashed before, outside the writer (RL-34).

        `drift_reference` is what `modelwarden.drift_reference` makes of a reference table (SG-49).

        Raises:
            NotPermitted, ModelNotFound, VersionExists, ValueInvalid, DriftInvalid, SizeMismatch, DigestMismatch.
        """
        new = actions.NewVersion(
            model=model,
            label=version,
            description=description,
            run=run,
            datasets=tuple(datasets),
            snapshot=snapshot,
            feature_version=feature_version,
            algorithm=algorithm,
            parameters=parameters or {},
            contract=contract,
            source_commit=source_commit,
            parent=parent,
            trainers=tuple(trained_by),
            metrics=metrics or {},
            drift_reference=drift_reference,
        )
        prepared = self._prepared(artifact, fingerprints, size_bytes)
        action = partial(actions.register_version, new=new, artifact=prepared)
        return self._bound.write(action, answers.version_answer)

    def _prepared(
        self, artifact: str | PathLike[str] | None, fingerprints: Sequence[str], size: int | None
    ) -> actions.PreparedArtifact | None:
        if artifact is None:
            return None
        return actions.prepare_artifact(
            str(artifact),
            settings=self._bound.settings,
            fingerprints=fingerprints,
            size_bytes=size,
        )

    def show(self, model: str, version: str) -> VersionAnswer:
        """Return a version. Raises ModelNotFound, VersionNotFound."""
        return self._bound.read(
            partial(actions.version, model_name=model, label=version), answers.version_answer
        )

    def drift_reference(self, model: str, version: str) -> DriftReferenceAnswer:
        """Return what its features looked like when it was registered. Raises NotFound."""
        action = partial(actions.drift_reference, model_name=model, label=version)
        return self._bound.read(action, drift_reference_answer)

    def list(
        self, model: str, *, status: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[VersionAnswer]:
        """Return a page of a model's versions, newest first. Raises ModelNotFound."""
        page = Page(limit=limit, cursor=cursor)
        wanted = actions.version_status(status)
        action = partial(actions.versions, model_name=model, page=page, status=wanted)
        return self._bound.page(action, answers.version_answer)

    def compare(self, model: str, a: str, b: str) -> ComparisonAnswer:
        """Return how two versions differ. Raises VersionNotFound."""
        return self._bound.read(
            partial(actions.compare, model_name=model, a=a, b=b), answers.comparison_answer
        )

    def record_metrics(
        self,
        model: str,
        version: str,
        metrics: Mapping[str, Figure],
        *,
        kind: str | None = None,
        at: datetime | None = None,
    ) -> VersionAnswer:
        """Record figures: `evaluation`, which approvers sign, or `observed` in operation (RL-3)."""
        action = partial(
            actions.record_metrics,
            model=model,
            label=version,
            metrics=metrics,
            kind=actions.metric_kind(kind),
            at=at,
        )
        return self._bound.write(action, answers.version_answer)

    def metrics(
        self, model: str, version: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[MetricAnswer]:
        """Return a page of observed figures, newest first. Raises VersionNotFound."""
        page = Page(limit=limit, cursor=cursor)
        action = partial(actions.metrics, model_name=model, label=version, page=page)
        return self._bound.page(action, answers.metric_answer)

    def retire(self, model: str, version: str, *, reason: str = "") -> VersionAnswer:
        """End a version. Raises VersionLive, VersionIsRetired."""
        action = partial(actions.retire_version, model=model, label=version, reason=reason)
        return self._bound.write(action, answers.version_answer)
