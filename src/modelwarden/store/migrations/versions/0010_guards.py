"""Guards that were heard of, and how far switches are confirmed.

Revision ID: 0010_guards
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0010_guards"
down_revision: Final = "0009_switches"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "guard_instances",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.Text(), nullable=False),
        sa.Column("applied_ms", sa.Integer(), nullable=False),
        sa.Column("first_heard_at", sa.Text(), nullable=False),
        sa.Column("heard_at", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("age_s", sa.Integer(), nullable=True),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("rejected", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "environment", "model", "actor", "instance", name=op.f("pk_guard_instances")
        ),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
    op.create_index("ix_guard_instances_heard_at", "guard_instances", ["heard_at"], unique=False)
    op.create_table(
        "switch_confirmations",
        sa.Column("switch", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("confirmed", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("switch", name=op.f("pk_switch_confirmations")),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
    op.create_index(
        "ix_switch_confirmations_state", "switch_confirmations", ["state", "switch"], unique=False
    )
