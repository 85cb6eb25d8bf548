"""Releases in steps, local stops, what guards count, and contracts of versions.

Revision ID: 0013_ramps_and_local_stops
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0013_ramps_and_local_stops"
down_revision: Final = "0012_slots"

ADDED: Final = (
    ("switches", "ramp", sa.Text()),
    ("switches", "bake_s", sa.Integer()),
    ("switches", "ramp_step", sa.Integer()),
    ("switches", "ramp_moved_at", sa.Text()),
    ("guard_instances", "traffic", sa.Text()),
    ("guard_instances", "local_stops", sa.Text()),
    ("versions", "contract", sa.Text()),
)
"""Columns that may be empty: a row that has none of them keeps its digest."""


def upgrade() -> None:
    """Add the columns, and make the table."""
    for table, name, kind in ADDED:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    op.create_table(
        "local_stops",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("exception", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("fallback", sa.Text(), nullable=False),
        sa.Column("unknown", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("lkg_before", sa.Text(), nullable=True),
        sa.Column("carried", sa.Text(), nullable=True),
        sa.Column("carried_sha256", sa.Text(), nullable=True),
        sa.Column("reported_by", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Text(), nullable=False),
        sa.Column("adopted_as", sa.Text(), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_local_stops")),
        info={"class": "governed", "kind": "local_stop", "value": "LocalStop"},
        sqlite_strict=True,
    )
    op.create_index(
        "ix_local_stops_ended_at", "local_stops", ["ended_at", "environment", "id"], unique=False
    )
    op.create_index(
        "ix_local_stops_carried_sha256",
        "local_stops",
        ["carried_sha256", "environment"],
        unique=False,
    )
