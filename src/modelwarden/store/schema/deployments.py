"""Table of deployments."""

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
    Column("revision", Integer, nullable=False),
    Index("ix_deployments_model_environment", "model", "environment", "live_at"),
    Index("ix_deployments_version_environment", "version", "environment"),
    Index("ix_deployments_request", "request"),
    Index("ix_deployments_state", "state", "id"),
    Index("uq_deployments_reference", "model", "reference", unique=True),
    kind="deployment",
    value="Deployment",
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
