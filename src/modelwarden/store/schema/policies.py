"""Tables of policies, their versions, and what they are assigned to."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Integer, Text

from modelwarden.store.schema.columns import governed

policies: Final = governed(
    "policies",
    Column("name", Text, primary_key=True),
    Column("latest", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("retired_at", Text),
    Column("revision", Integer, nullable=False),
    kind="policy",
    value="Policy",
)
policy_versions: Final = governed(
    "policy_versions",
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("published_by", Text, nullable=False),
    Column("published_person", Text, nullable=False),
    Column("published_at", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_policy_versions_name_version", "name", "version"),
    kind="policy_version",
    value="PolicyVersion",
)
assignments: Final = governed(
    "policy_assignments",
    Column("id", Text, primary_key=True),
    Column("model", Text),
    Column("environment", Text),
    Column("policy", Text, nullable=False),
    Column("assigned_by", Text, nullable=False),
    Column("assigned_at", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_policy_assignments_model", "model"),
    Index("ix_policy_assignments_policy", "policy"),
    kind="policy_assignment",
    value="PolicyAssignment",
)
