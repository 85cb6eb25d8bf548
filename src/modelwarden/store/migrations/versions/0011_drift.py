"""Drift references of versions, counts of drift, and which flushes of guards were heard.

Revision ID: 0011_drift
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0011_drift"
down_revision: Final = "0010_guards"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "drift_references",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("edges_sha256", sa.Text(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_drift_references")),
        info={"class": "attached"},
        sqlite_strict=True,
    )
    op.create_index(
        "ix_drift_references_model", "drift_references", ["model", "version"], unique=False
    )
    _telemetry()
    op.add_column(
        "guard_instances", sa.Column("signals", sa.Text(), nullable=False, server_default="[]")
    )


def _telemetry() -> None:
    op.create_table(
        "drift_counts",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("begins", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "version",
            "environment",
            "dimension",
            "minutes",
            "begins",
            "value",
            name=op.f("pk_drift_counts"),
        ),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
    op.create_index("ix_drift_counts_begins", "drift_counts", ["minutes", "begins"], unique=False)
    op.create_table(
        "drift_received",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.Column("beyond", sa.Text(), nullable=False),
        sa.Column("heard_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "version",
            "environment",
            "dimension",
            "actor",
            "instance",
            name=op.f("pk_drift_received"),
        ),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
    op.create_index("ix_drift_received_heard_at", "drift_received", ["heard_at"], unique=False)
