"""What webhook targets of deployments were told, and what they said.

Revision ID: 0024_targets
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0024_targets"
down_revision: Final = "0023_emergency"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "target_steps",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("traffic", sa.Integer(), nullable=False),
        sa.Column("artifact", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reported", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_target_steps")),
        info={"class": "governed", "kind": "target_step", "value": "TargetStep"},
        sqlite_strict=True,
    )
    op.create_index("ix_target_steps_deployment", "target_steps", ["deployment", "step"])
    op.create_index("ix_target_steps_state", "target_steps", ["state", "id"])
