"""Drills, and what guards had counted when one began.

Revision ID: 0015_drills
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0015_drills"
down_revision: Final = "0014_triggers"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "drills",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("exception", sa.Text(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("ttl_s", sa.Integer(), nullable=False),
        sa.Column("detect_s", sa.Integer(), nullable=True),
        sa.Column("activate_s", sa.Integer(), nullable=True),
        sa.Column("confirm_s", sa.Integer(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_persons", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("started_at", sa.Text(), nullable=True),
        sa.Column("ends_at", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("report", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drills")),
        info={"class": "governed", "kind": "drill", "value": "Drill"},
        sqlite_strict=True,
    )
    op.create_index("ix_drills_state", "drills", ["state", "id"], unique=False)
    op.create_index("ix_drills_model", "drills", ["model", "id"], unique=False)
    op.create_index("ix_drills_plan", "drills", ["plan"], unique=False)
    op.create_table(
        "drill_counts",
        sa.Column("drill", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("drill", "actor", "instance", name=op.f("pk_drill_counts")),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
