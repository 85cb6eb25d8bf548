"""What guards count for further signals, attempts that a drill struck, and how the guards of a model behave.

Revision ID: 0016_detectors
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0016_detectors"
down_revision: Final = "0015_drills"


def upgrade() -> None:
    """Add the columns, and make the table."""
    for name in ("slow", "inputs", "bad_inputs"):
        _add("guard_minutes", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    _add(
        "guard_minutes",
        sa.Column("stuck_outputs", sa.Integer(), nullable=False, server_default="0"),
    )
    _add("slots", sa.Column("drilled", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "guard_modes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("fail", sa.Text(), nullable=False),
        sa.Column("breakers", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guard_modes")),
        info={"class": "governed", "kind": "guard_mode", "value": "GuardMode"},
        sqlite_strict=True,
    )


def _add(table: str, column: sa.Column[int]) -> None:
    op.add_column(table, column)
