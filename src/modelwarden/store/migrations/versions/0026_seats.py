"""Groups, delegations, and when an answer is due.

Revision ID: 0026_seats
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0026_seats"
down_revision: Final = "0025_waivers"


def upgrade() -> None:
    """Make two tables, and add columns that older rows leave empty."""
    op.create_table(
        "groups",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("members", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_groups")),
        info={"class": "governed", "kind": "group", "value": "PeopleGroup"},
        sqlite_strict=True,
    )
    op.create_table(
        "delegations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("delegator", sa.Text(), nullable=False),
        sa.Column("delegate", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegations")),
        info={"class": "governed", "kind": "delegation", "value": "Delegation"},
        sqlite_strict=True,
    )
    op.create_index("ix_delegations_delegator", "delegations", ["delegator"], unique=False)
    op.create_index("ix_delegations_delegate", "delegations", ["delegate"], unique=False)
    for name in ("due_at", "remind_at", "on_timeout", "decided_at"):
        op.add_column("approvals", sa.Column(name, sa.Text(), nullable=True))
    op.create_index(
        "ix_approvals_state_remind_at", "approvals", ["state", "remind_at"], unique=False
    )
    for name in ("delegation", "delegator", "delegator_person"):
        op.add_column("decisions", sa.Column(name, sa.Text(), nullable=True))
