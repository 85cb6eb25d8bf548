"""Tables of policies, their versions, and what they are assigned to."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Text

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
evidence: Final = governed(
    "evidence",
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("value_sha256", Text, nullable=False),
    Column("produced_at", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("assurance", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_person", Text, nullable=False),
    Column("recorded_at", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_evidence_version_kind", "version", "kind", "produced_at", "id"),
    Index("ix_evidence_version_id", "version", "id"),
    kind="evidence",
    value="Evidence",
)
check_runs: Final = governed(
    "check_runs",
    Column("id", Text, primary_key=True),
    Column("occasion", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("policies", Text, nullable=False),
    Column("enforced", Boolean, nullable=False),
    Column("types", Integer, nullable=False),
    Column("digests", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("ledger_size", BigInteger, nullable=False),
    Column("situation", Text, nullable=False),
    Column("results", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("evaluated_by", Text, nullable=False),
    Column("evaluated_at", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_check_runs_version", "version", "id"),
    Index("ix_check_runs_digest", "digest"),
    kind="check_run",
    value="CheckRun",
)
