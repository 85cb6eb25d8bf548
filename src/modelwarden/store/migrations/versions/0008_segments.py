"""Where sinks cut their segments.

Revision ID: 0008_segments
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0008_segments"
down_revision: Final = "0006_people"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sink_segments",
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("first", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("sink", "first", name=op.f("pk_sink_segments")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )
