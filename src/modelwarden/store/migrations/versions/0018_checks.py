"""Evidence about versions, runs of checks over it, and the order in which seats are filled.

Revision ID: 0018_checks
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0018_checks"
down_revision: Final = "0017_rollouts"


def upgrade() -> None:
    """Make the tables, and one column."""
    op.add_column("approvals", sa.Column("order", sa.Text(), nullable=True))
    _evidence()
    _check_runs()


def _evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("value_sha256", sa.Text(), nullable=False),
        sa.Column("produced_at", sa.Text(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("assurance", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_person", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        info={"class": "governed", "kind": "evidence", "value": "Evidence"},
        sqlite_strict=True,
    )
    op.create_index(
        "ix_evidence_version_kind",
        "evidence",
        ["version", "kind", "produced_at", "id"],
        unique=False,
    )
    op.create_index("ix_evidence_version_id", "evidence", ["version", "id"], unique=False)


def _check_runs() -> None:
    op.create_table(
        "check_runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("policies", sa.Text(), nullable=False),
        sa.Column("enforced", sa.Boolean(), nullable=False),
        sa.Column("types", sa.Integer(), nullable=False),
        sa.Column("digests", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("ledger_size", sa.BigInteger(), nullable=False),
        sa.Column("situation", sa.Text(), nullable=False),
        sa.Column("results", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("evaluated_by", sa.Text(), nullable=False),
        sa.Column("evaluated_at", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_runs")),
        info={"class": "governed", "kind": "check_run", "value": "CheckRun"},
        sqlite_strict=True,
    )
    op.create_index("ix_check_runs_version", "check_runs", ["version", "id"], unique=False)
    op.create_index("ix_check_runs_digest", "check_runs", ["digest"], unique=False)
