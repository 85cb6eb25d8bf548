"""The SQL of the registry: models, versions, observed metrics, uploaded artifacts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, case, exists, insert, or_, select

from modelwarden.registry.artifacts import UploadedArtifact
from modelwarden.registry.lifecycle import ROLLED_BACK, Stage, Status
from modelwarden.registry.metric import Metric
from modelwarden.registry.model import Model
from modelwarden.registry.version import ArtifactKind, Version
from modelwarden.store.schema.registry import artifacts, metrics, models, versions
from modelwarden.values.clock import maybe_moment, moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Row, Select

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ActorId, Digest, ModelName, VersionName

_MODEL: Final = select(models).where(models.c.name == bindparam("name"))
_LOCKED_MODEL: Final = _MODEL.with_for_update()
_MODELS: Final = (
    select(models)
    .where(models.c.name > bindparam("after"))
    .order_by(models.c.name)
    .limit(bindparam("limit"))
)
_VERSION: Final = select(versions).where(versions.c.name == bindparam("name"))
_LOCKED_VERSION: Final = _VERSION.with_for_update()
_VERSIONS: Final = (
    select(versions)
    .where(versions.c.model == bindparam("model"))
    .order_by(versions.c.created_at.desc(), versions.c.label.desc())
    .limit(bindparam("limit"))
)
_OLDER: Final = _VERSIONS.where(
    or_(
        versions.c.created_at < bindparam("at"),
        and_(versions.c.created_at == bindparam("at"), versions.c.label < bindparam("label")),
    )
)
_LIVE: Final = (
    select(versions)
    .where(versions.c.model == bindparam("model"), versions.c.live_in != "[]")
    .order_by(versions.c.name)
    .limit(bindparam("limit"))
)
_METRICS: Final = (
    select(metrics)
    .where(metrics.c.version == bindparam("version"), metrics.c.id < bindparam("before"))
    .order_by(metrics.c.id.desc())
    .limit(bindparam("limit"))
)
_ADD_METRICS: Final = insert(metrics)
_ARTIFACT: Final = select(artifacts).where(artifacts.c.sha256 == bindparam("sha256"))

NEWEST: Final = "~"
"""Stands after every id, so that a list that runs backwards begins at its end."""


def _says(environment: str, state: str) -> ColumnElement[bool]:
    return versions.c.approvals.contains(f'"{environment}":"{state}"', autoescape=True)


def _is_live(environment: str) -> ColumnElement[bool]:
    return versions.c.live_in.contains(f'"{environment}"', autoescape=True)


# product.md's table once more, for lists; tests/registry compares it with lifecycle.status.
_STATUS: Final = case(
    (versions.c.retired_at.is_not(None), Status.ARCHIVED.value),
    (_is_live("production"), Status.DEPLOYED_PRODUCTION.value),
    (_is_live("staging"), Status.DEPLOYED_STAGING.value),
    (versions.c.last_ended == ROLLED_BACK, Status.ROLLED_BACK.value),
    *(
        (_says(environment, state), state)
        for environment in ("production", "staging")
        for state in (Status.APPROVED.value, Status.PENDING.value, Status.REJECTED.value)
    ),
    else_=Status.REGISTERED.value,
)
_STAGE: Final = case(
    (versions.c.retired_at.is_not(None), Stage.ARCHIVED.value),
    (_is_live("production"), Stage.PRODUCTION.value),
    (_is_live("staging"), Stage.STAGING.value),
    else_=Stage.DEVELOPMENT.value,
)
_OF_MODEL: Final = versions.c.model == models.c.name
_CONDITIONS: Final[Mapping[str, ColumnElement[bool]]] = MappingProxyType(
    {
        "owner": models.c.owner == bindparam("owner"),
        "status": exists().where(
            _OF_MODEL, _STATUS.op("=", is_comparison=True)(bindparam("status"))
        ),
        "stage": exists().where(_OF_MODEL, _STAGE.op("=", is_comparison=True)(bindparam("stage"))),
        "tag": models.c.tags.like(bindparam("tag"), escape="\\"),
        "text": models.c.name.like(bindparam("text"), escape="\\"),
    }
)
_WITH_STATUS: Final = _STATUS.op("=", is_comparison=True)(bindparam("status"))
_VERSIONS_BY_STATUS: Final = _VERSIONS.where(_WITH_STATUS)
_OLDER_BY_STATUS: Final = _OLDER.where(_WITH_STATUS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFilter:
    """Which models a list wants; None is any.

    Attributes:
        status, stage: some version of the model has it.
        text: how the name begins.
    """

    owner: ActorId | None = None
    status: Status | None = None
    stage: Stage | None = None
    tag: str | None = None
    text: str | None = None


def as_model(row: Row[Any]) -> Model:
    """Return the model that a row holds."""
    return Model(
        name=row.name,
        owner=row.owner,
        registered_by=row.registered_by,
        registered_at=moment(row.registered_at),
        type=row.type,
        purpose=row.purpose,
        purpose_confirmed=row.purpose_confirmed,
        owner_confirmed=row.owner_confirmed,
        former_owners=tuple((actor, until) for actor, until in json.loads(row.former_owners)),
        risk_tier=row.risk_tier,
        team=row.team,
        tags=tuple(json.loads(row.tags)),
        policy=row.policy,
        requested=row.requested,
        retired_at=maybe_moment(row.retired_at),
        replacement=row.replacement,
        revision=row.revision,
    )


def as_version(row: Row[Any]) -> Version:
    """Return the version that a row holds."""
    return Version(
        name=row.name,
        model=row.model,
        label=row.label,
        registered_by=row.registered_by,
        registered_person=row.registered_person,
        created_at=moment(row.created_at),
        content_digest=row.content_digest,
        evaluation_digest=row.evaluation_digest,
        parameters_digest=row.parameters_digest,
        description=row.description,
        artifact=row.artifact,
        artifact_kind=ArtifactKind(row.artifact_kind),
        fingerprints=tuple(json.loads(row.fingerprints)),
        subject_sha256=row.subject_sha256,
        trust=row.trust,
        size_bytes=row.size_bytes,
        run=row.run,
        datasets=tuple(json.loads(row.datasets)),
        snapshot=row.snapshot,
        feature_version=row.feature_version,
        algorithm=row.algorithm,
        parameters=json.loads(row.parameters),
        source_commit=row.source_commit,
        parent=row.parent,
        trainers=tuple(json.loads(row.trainers)),
        evaluation=json.loads(row.evaluation),
        contract=None if row.contract is None else json.loads(row.contract),
        approvals=json.loads(row.approvals),
        live_in=tuple(json.loads(row.live_in)),
        last_ended=row.last_ended,
        retired_at=maybe_moment(row.retired_at),
        revision=row.revision,
    )


def find_model(view: View, name: ModelName, *, lock: bool = False) -> Model | None:
    """Return a model, or None; `lock` holds its row until the commit."""
    row = view.row(_LOCKED_MODEL if lock else _MODEL, {"name": name})
    return None if row is None else as_model(row)


def models_after(view: View, after: str, *, wanted: ModelFilter, limit: int) -> list[Model]:
    """Return the models whose names follow, in order. A tag is matched whole by the caller."""
    asked = {
        "owner": wanted.owner,
        "status": wanted.status and wanted.status.value,
        "stage": wanted.stage and wanted.stage.value,
        "tag": None if wanted.tag is None else f'%"{_escaped(wanted.tag)}"%',
        "text": None if wanted.text is None else f"{_escaped(wanted.text)}%",
    }
    given = {name: value for name, value in asked.items() if value is not None}
    statement = _models_statement(frozenset(given))
    rows = view.rows(statement, {"after": after, "limit": limit, **given})
    return [as_model(row) for row in rows]


@cache
def _models_statement(given: frozenset[str]) -> Select[Any]:
    """Return the list of models with these conditions, one statement for each set of them."""
    return _MODELS.where(*(_CONDITIONS[name] for name in sorted(given)))


def _escaped(words: str) -> str:
    for sign in ("\\", "%", "_"):
        words = words.replace(sign, f"\\{sign}")
    return words


def find_version(view: View, name: VersionName, *, lock: bool = False) -> Version | None:
    """Return a version, or None; `lock` holds its row until the commit."""
    row = view.row(_LOCKED_VERSION if lock else _VERSION, {"name": name})
    return None if row is None else as_version(row)


def versions_before(
    view: View,
    model: ModelName,
    *,
    before: tuple[datetime, str] | None,
    status: Status | None,
    limit: int,
) -> list[Version]:
    """Return versions of a model, newest first, older than the (created_at, label) given."""
    params: dict[str, object] = {"model": model, "limit": limit}
    if before is not None:
        params |= {"at": timestamp(before[0]), "label": before[1]}
    if status is not None:
        params["status"] = status.value
        statement = _VERSIONS_BY_STATUS if before is None else _OLDER_BY_STATUS
    else:
        statement = _VERSIONS if before is None else _OLDER
    return [as_version(row) for row in view.rows(statement, params)]


def live_versions(view: View, model: ModelName, *, limit: int = 16) -> list[Version]:
    """Return the versions of a model that are live anywhere."""
    return [as_version(row) for row in view.rows(_LIVE, {"model": model, "limit": limit})]


def add_metrics(change: Change, figures: Sequence[Metric]) -> None:
    """Keep observed figures; the digest of the rows stands in the fact."""
    rows = [
        {
            "id": figure.id,
            "version": figure.version,
            "name": figure.name,
            "value": figure.value,
            "at": timestamp(figure.at),
            "recorded_by": figure.recorded_by,
            "recorded_at": timestamp(figure.recorded_at),
        }
        for figure in figures
    ]
    change.execute(_ADD_METRICS, rows)


def metrics_before(view: View, version: VersionName, *, before: str, limit: int) -> list[Metric]:
    """Return observed figures of a version, newest first."""
    params = {"version": version, "before": before, "limit": limit}
    return [
        Metric(
            id=row.id,
            version=row.version,
            name=row.name,
            value=row.value,
            at=moment(row.at),
            recorded_by=row.recorded_by,
            recorded_at=moment(row.recorded_at),
        )
        for row in view.rows(_METRICS, params)
    ]


def find_artifact(view: View, sha256: Digest) -> UploadedArtifact | None:
    """Return an uploaded artifact, or None."""
    row = view.row(_ARTIFACT, {"sha256": sha256})
    if row is None:
        return None
    return UploadedArtifact(
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        uploaded_by=row.uploaded_by,
        uploaded_at=moment(row.uploaded_at),
        revision=row.revision,
    )
