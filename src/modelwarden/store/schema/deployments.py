"""Tables of deployments, of times in which none goes forward, of what they move in MLflow and tell targets."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Integer, Text

from modelwarden.store.schema.columns import governed

deployments: Final = governed(
    "deployments",
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("request", Text),
    Column("artifact_sha256", Text),
    Column("started_by", Text, nullable=False),
    Column("started_person", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("live_at", Text),
    Column("ended_at", Text),
    Column("replaces", Text),
    Column("notes", Text),
    Column("reference", Text),
    Column("verdict", Text),
    Column("course", Text),
    Column("salt", Text),
    Column("step", Integer),
    Column("step_at", Text),
    Column("traffic_at", Text),
    Column("waits", Text),
    Column("approved_at", Text),
    Column("review_due_at", Text),
    Column("reviewed_by", Text),
    Column("reviewed_at", Text),
    Column("outcome", Text),
    Column("findings", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_deployments_model_environment", "model", "environment", "live_at"),
    Index("ix_deployments_version_environment", "version", "environment"),
    Index("ix_deployments_request", "request"),
    Index("ix_deployments_state", "state", "id"),
    Index("ix_deployments_review", "model", "review_due_at"),
    Index("uq_deployments_reference", "model", "reference", unique=True),
    kind="deployment",
    value="Deployment",
)
freezes: Final = governed(
    "freezes",
    Column("id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("model", Text),
    Column("starts_at", Text, nullable=False),
    Column("ends_at", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", Text, nullable=False),
    Column("lifted_by", Text),
    Column("lifted_at", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_freezes_environment_ends_at", "environment", "ends_at"),
    kind="freeze",
    value="Freeze",
)
mlflow_aliases: Final = governed(
    "mlflow_aliases",
    Column("name", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("deployment", Text),
    Column("strayed_to", Text),
    Column("revision", Integer, nullable=False),
    kind="mlflow_alias",
    value="MlflowAlias",
)
target_steps: Final = governed(
    "target_steps",
    Column("id", Text, primary_key=True),
    Column("deployment", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("traffic", Integer, nullable=False),
    Column("artifact", Text, nullable=False),
    Column("asked_at", Text, nullable=False),
    Column("due_at", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reported", Text),
    Column("settled_at", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_target_steps_deployment", "deployment", "step"),
    Index("ix_target_steps_state", "state", "id"),
    kind="target_step",
    value="TargetStep",
)
for _name, _state in (("in_progress", "in_progress"), ("live", "live")):
    _there = deployments.c.state == _state
    Index(
        f"uq_deployments_{_name}",
        deployments.c.model,
        deployments.c.environment,
        unique=True,
        sqlite_where=_there,
        postgresql_where=_there,
    )
