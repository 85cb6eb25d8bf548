"""Whose accounts in other systems are.

Revision ID: 0019_github
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0019_github"
down_revision: Final = "0018_checks"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "identities",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_index", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("mapped_by", sa.Text(), nullable=False),
        sa.Column("mapped_at", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("subject_index", name=op.f("uq_identities_subject_index")),
        info={"class": "governed", "kind": "identity", "value": "Identity"},
        sqlite_strict=True,
    )
    op.create_index("ix_identities_actor", "identities", ["actor"], unique=False)
