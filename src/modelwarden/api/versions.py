"""Routes of versions: registering, figures, retiring. What people decide about them is in `releases`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import AliasChoices, Field
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, claimed, may
from modelwarden.api.shapes import (
    Claims,
    Figure,
    ModelField,
    Moment,
    Reason,
    Reference,
    Text,
    Uri,
    Word,
    answers,
    page,
    pages,
)
from modelwarden.errors import RequestInvalid
from modelwarden.permissions import Permission
from modelwarden.registry import actions
from modelwarden.registry.answers import metric_answer, version_answer
from modelwarden.registry.drift.reads import drift_reference_answer
from modelwarden.values.answers import MetricAnswer, VersionAnswer
from modelwarden.values.drift import DriftReferenceAnswer
from modelwarden.values.pages import Page

router = APIRouter(prefix="/api/governance/models", route_class=StrictRoute, tags=["versions"])

THEIRS: Final = MappingProxyType(
    {
        "model": "model_id",
        "version": "model_version",
        "artifact": "model_path",
        "size_bytes": "model_size_bytes",
        "parameters": "hyperparameters",
        "snapshot": "training_snapshot_id",
    }
)
"""The source documents' names, beside ours in answers on their routes."""


class VersionFields(Claims):
    """What is said of a version to be registered."""

    version: Annotated[Word, Field(validation_alias=AliasChoices("version", "model_version"))]
    description: Text | None = None
    artifact: Annotated[
        Uri | None, Field(validation_alias=AliasChoices("artifact", "model_path"))
    ] = None
    size_bytes: Annotated[
        int | None, Field(validation_alias=AliasChoices("size_bytes", "model_size_bytes"))
    ] = None
    fingerprints: list[str] = Field(default_factory=list)
    metrics: dict[str, Figure] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(
        default_factory=dict, validation_alias=AliasChoices("parameters", "hyperparameters")
    )
    datasets: list[dict[str, Any]] = Field(default_factory=list)
    snapshot: Annotated[
        Reference | None,
        Field(validation_alias=AliasChoices("snapshot", "training_snapshot_id")),
    ] = None
    run: Reference | None = None
    feature_version: Reference | None = None
    algorithm: Reference | None = None
    source_commit: Reference | None = None
    parent: Word | None = None
    contract: dict[str, Any] | None = None
    trained_by: list[Word] = Field(default_factory=list)
    drift_reference: dict[str, Any] | None = None

    def of(self, model: str) -> actions.NewVersion:
        """Return what the registry is told."""
        return actions.NewVersion(
            model=model,
            label=self.version,
            description=self.description,
            run=self.run,
            datasets=tuple(self.datasets),
            snapshot=self.snapshot,
            feature_version=self.feature_version,
            algorithm=self.algorithm,
            parameters=self.parameters,
            source_commit=self.source_commit,
            parent=self.parent,
            trainers=tuple(self.trained_by),
            metrics=self.metrics,
            drift_reference=self.drift_reference,
            contract=self.contract,
        )


class NewVersion(VersionFields):
    """Body of POST models/register."""

    model: ModelField


class NewVersionOf(VersionFields):
    """Body of POST models/{model}/versions."""

    model: Annotated[Word | None, Field(validation_alias=AliasChoices("model", "model_id"))] = None


class NewFigures(Claims):
    """Body of POST models/{model}/versions/{version}/metrics."""

    metrics: dict[str, Figure]
    kind: Word | None = None
    at: Moment | None = None


@router.post("/register", status_code=201, responses=answers(VersionAnswer, status=201))
async def register(
    body: NewVersion, caller: Annotated[Caller, may(Permission.MODEL_REGISTER)]
) -> Response:
    """Register a version; creates the model when that is new."""
    action = partial(
        actions.register_version,
        new=body.of(body.model),
        artifact=await _artifact(body, body.model, caller),
        create=actions.NewModel(name=body.model),
    )
    return await caller.write(
        claimed(action, body.claims()),
        version_answer,
        again=_again(body.model, body.version),
        status=201,
        names=THEIRS,
    )


@router.post("/{model}/versions", status_code=201, responses=answers(VersionAnswer, status=201))
async def register_of(
    model: str, body: NewVersionOf, caller: Annotated[Caller, may(Permission.MODEL_REGISTER)]
) -> Response:
    """Register a version of a model that is there."""
    if body.model not in {None, model}:
        raise RequestInvalid((("body.model", "the model that the path names, or left out"),))
    artifact = await _artifact(body, model, caller)
    action = partial(actions.register_version, new=body.of(model), artifact=artifact)
    return await caller.write(
        claimed(action, body.claims()),
        version_answer,
        again=_again(model, body.version),
        status=201,
    )


@router.get("/{model}/versions", responses=pages(VersionAnswer))
async def versions(
    model: str,
    caller: Annotated[Caller, may(Permission.MODEL_READ)],
    part: Annotated[Page, Depends(page)],
    status: str | None = None,
) -> Response:
    """List a model's versions, newest first."""
    wanted = actions.version_status(status)
    action = partial(actions.versions, model_name=model, page=part, status=wanted)
    return await caller.page(action, version_answer, name="versions", names=THEIRS)


@router.get("/{model}/versions/{version}", responses=answers(VersionAnswer))
async def version(
    model: str, version: str, caller: Annotated[Caller, may(Permission.MODEL_READ)]
) -> Response:
    """Show a version."""
    action = partial(actions.version, model_name=model, label=version)
    return await caller.read(action, version_answer)


@router.get("/{model}/versions/{version}/drift-reference", responses=answers(DriftReferenceAnswer))
async def drift_reference(
    model: str, version: str, caller: Annotated[Caller, may(Permission.MODEL_READ)]
) -> Response:
    """Show what a version's features looked like when it was registered (SG-49)."""
    action = partial(actions.drift_reference, model_name=model, label=version)
    return await caller.read(action, drift_reference_answer)


@router.get("/{model}/versions/{version}/metrics", responses=pages(MetricAnswer))
@router.get("/{model}/{version}/metrics", responses=pages(MetricAnswer))
async def metrics(
    model: str,
    version: str,
    caller: Annotated[Caller, may(Permission.MODEL_READ)],
    part: Annotated[Page, Depends(page)],
) -> Response:
    """List figures from operation, newest first."""
    action = partial(actions.metrics, model_name=model, label=version, page=part)
    return await caller.page(action, metric_answer, name="metrics")


@router.post("/{model}/versions/{version}/metrics", responses=answers(VersionAnswer))
@router.post("/{model}/{version}/metrics", responses=answers(VersionAnswer))
async def record_metrics(
    model: str,
    version: str,
    body: NewFigures,
    caller: Annotated[Caller, may(Permission.METRIC_RECORD)],
) -> Response:
    """Record figures: `evaluation`, which approvers sign, or `observed` in operation (RL-3)."""
    action = partial(
        actions.record_metrics,
        model=model,
        label=version,
        metrics=body.metrics,
        kind=actions.metric_kind(body.kind),
        at=body.at,
    )
    return await caller.write(
        claimed(action, body.claims()), version_answer, again=_again(model, version)
    )


@router.post("/{model}/versions/{version}/retire", responses=answers(VersionAnswer))
async def retire(
    model: str,
    version: str,
    caller: Annotated[Caller, may(Permission.MODEL_RETIRE)],
    body: Reason | None = None,
) -> Response:
    """End a version."""
    reason = (body or Reason()).reason
    action = partial(actions.retire_version, model=model, label=version, reason=reason)
    return await caller.write(action, version_answer, again=_again(model, version))


async def _artifact(
    body: VersionFields, model: str, caller: Caller
) -> actions.PreparedArtifact | None:
    """Read the artifact before the change, outside the writer, for those who may register."""
    if body.artifact is None:
        return None
    await caller.look(partial(actions.may_register, name=model))
    return await caller.prepare(
        partial(
            actions.prepare_artifact,
            body.artifact,
            settings=caller.host.warden.settings,
            fingerprints=body.fingerprints,
            size_bytes=body.size_bytes,
        )
    )


def _again(model: str, label: str) -> Callable[[Any, str], VersionAnswer]:
    return lambda view, _id: version_answer(view, actions.version(view, model, label))
