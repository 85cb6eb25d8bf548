"""Tables of models, versions, metrics and uploaded artifacts."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Text

from modelwarden.store.schema.columns import attached, governed

models: Final = governed(
    "models",
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("registered_by", Text, nullable=False),
    Column("registered_at", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("purpose", Text),
    Column("purpose_confirmed", Boolean, nullable=False),
    Column("owner_confirmed", Boolean, nullable=False),
    Column("former_owners", Text, nullable=False),
    Column("risk_tier", Integer, nullable=False),
    Column("team", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("policy", Text),
    Column("requested", Boolean, nullable=False),
    Column("retired_at", Text),
    Column("replacement", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_models_owner_name", "owner", "name"),
    kind="model",
    value="Model",
)
versions: Final = governed(
    "versions",
    Column("name", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("registered_by", Text, nullable=False),
    Column("registered_person", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("content_digest", Text, nullable=False),
    Column("evaluation_digest", Text, nullable=False),
    Column("parameters_digest", Text, nullable=False),
    Column("description", Text),
    Column("artifact", Text),
    Column("artifact_kind", Text, nullable=False),
    Column("fingerprints", Text, nullable=False),
    Column("subject_sha256", Text),
    Column("trust", Text, nullable=False),
    Column("size_bytes", BigInteger),
    Column("run", Text),
    Column("datasets", Text, nullable=False),
    Column("snapshot", Text),
    Column("feature_version", Text),
    Column("algorithm", Text),
    Column("parameters", Text, nullable=False),
    Column("source_commit", Text),
    Column("parent", Text),
    Column("trainers", Text, nullable=False),
    Column("evaluation", Text, nullable=False),
    Column("contract", Text),
    Column("approvals", Text, nullable=False),
    Column("live_in", Text, nullable=False),
    Column("last_ended", Text, nullable=False),
    Column("retired_at", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_versions_model_created_at_label", "model", "created_at", "label"),
    Index("ix_versions_subject_sha256", "subject_sha256"),
    kind="version",
    value="Version",
)
metrics: Final = attached(
    "metrics",
    Column("id", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at", Text, nullable=False),
    Index("ix_metrics_version_id", "version", "id"),
)
drift_references: Final = attached(
    "drift_references",
    Column("version", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("edges_sha256", Text, nullable=False),
    Column("shape", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Index("ix_drift_references_model", "model", "version"),
)
artifacts: Final = governed(
    "artifacts",
    Column("sha256", Text, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("uploaded_by", Text, nullable=False),
    Column("uploaded_at", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    kind="artifact",
    value="UploadedArtifact",
)
