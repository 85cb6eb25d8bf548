"""The remote SDK's rooms of the registry: models and versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelwarden.client.transport import path
from modelwarden.client.upload import artifact_name
from modelwarden.values.answers import (
    ComparisonAnswer,
    MetricAnswer,
    ModelAnswer,
    VersionAnswer,
)
from modelwarden.values.drift import DriftReferenceAnswer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from os import PathLike

    from modelwarden.client.calls import Calls
    from modelwarden.client.upload import Progress

Figure = int | float | str


class Models:
    """Models: named lines of work with an owner and a business purpose."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

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
        body = {
            "name": name,
            "owner": owner,
            "business_purpose": business_purpose,
            "type": type,
            "risk_tier": risk_tier,
            "team": team,
            "tags": tags,
        }
        return self._calls.write(ModelAnswer, path("models"), body)

    def show(self, name: str) -> ModelAnswer:
        """Return a model. Raises ModelNotFound."""
        return self._calls.read(ModelAnswer, path("models", name))

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
        filters = {
            "owner": owner,
            "status": status,
            "stage": stage,
            "tag": tag,
            "text": text,
        }
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(ModelAnswer, path("models"), page, filters)

    def update(  # noqa: PLR0913  # the fields of a model
        self,
        name: str,
        *,
        owner: str | None = None,
        business_purpose: str | None = None,
        type: str | None = None,  # noqa: A002  # the field's name
        risk_tier: int | None = None,
        team: str | None = None,
        tags: Sequence[str] | None = None,
        revision: int | None = None,
    ) -> ModelAnswer:
        """Set what is known of a model; naming owner and purpose confirms them (RL-1). Raises RevisionConflict, …."""
        body = {
            "owner": owner,
            "business_purpose": business_purpose,
            "type": type,
            "risk_tier": risk_tier,
            "team": team,
            "tags": tags,
        }
        where = path("models", name)
        return self._calls.write(ModelAnswer, where, body, method="PATCH", revision=revision)

    def retire(self, name: str, *, replacement: str | None = None, reason: str = "") -> ModelAnswer:
        """End a line of work. Raises VersionLive while something of it is live."""
        body = {"replacement": replacement, "reason": reason}
        return self._calls.write(ModelAnswer, path("models", name, "retire"), body)


class Versions:
    """Versions: immutable builds of a model, named by digests."""

    def __init__(self, calls: Calls, *, progress: Progress | None = None) -> None:
        self._calls = calls
        self._progress = progress

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
        """Register a version; a local file is hashed here and uploaded first, unless the server has it (RL-4).

        Raises:
            NotPermitted, ModelNotFound, VersionExists, ValueInvalid, DriftInvalid, SizeMismatch, DigestMismatch.
            ArtifactTooLarge, Unreadable, ChangedWhileHashing: the file did not reach the server.
        """
        named = artifact and artifact_name(self._calls.transport, artifact, progress=self._progress)
        body = {
            "model": model,
            "version": version,
            "artifact": named,
            "metrics": metrics,
            "parameters": parameters,
            "contract": contract,
            "description": description,
            "datasets": datasets,
            "trained_by": trained_by,
            "run": run,
            "snapshot": snapshot,
            "feature_version": feature_version,
            "algorithm": algorithm,
            "source_commit": source_commit,
            "parent": parent,
            "size_bytes": size_bytes,
            "fingerprints": fingerprints,
            "drift_reference": drift_reference,
        }
        return self._calls.write(VersionAnswer, path("models", model, "versions"), body)

    def show(self, model: str, version: str) -> VersionAnswer:
        """Return a version. Raises ModelNotFound, VersionNotFound."""
        return self._calls.read(VersionAnswer, _version(model, version))

    def drift_reference(self, model: str, version: str) -> DriftReferenceAnswer:
        """Return what its features looked like when it was registered. Raises NotFound."""
        return self._calls.read(DriftReferenceAnswer, _version(model, version, "drift-reference"))

    def list(
        self, model: str, *, status: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[VersionAnswer]:
        """Return a page of a model's versions, newest first. Raises ModelNotFound."""
        filters = {"status": status}
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(VersionAnswer, path("models", model, "versions"), page, filters)

    def compare(self, model: str, a: str, b: str) -> ComparisonAnswer:
        """Return how two versions differ. Raises VersionNotFound."""
        return self._calls.read(
            ComparisonAnswer, path("models", model, "compare"), {"a": a, "b": b}
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
        body = {"metrics": metrics, "kind": kind, "at": at}
        return self._calls.write(VersionAnswer, _version(model, version, "metrics"), body)

    def metrics(
        self, model: str, version: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[MetricAnswer]:
        """Return a page of observed figures, newest first. Raises VersionNotFound."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(MetricAnswer, _version(model, version, "metrics"), page)

    def retire(self, model: str, version: str, *, reason: str = "") -> VersionAnswer:
        """End a version. Raises VersionLive, VersionIsRetired."""
        return self._calls.write(
            VersionAnswer, _version(model, version, "retire"), {"reason": reason}
        )


def _version(model: str, version: str, *rest: str) -> str:
    return path("models", model, "versions", version, *rest)
