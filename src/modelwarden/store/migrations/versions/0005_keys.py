"""The server's own keys beside the first ones, and objects that are frozen after a restore.

Revision ID: 0005_keys
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005_keys"
down_revision: Final = "0004_privacy"


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "server_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=True),
        sa.Column("until", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("signs_until", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.Text(), nullable=True),
        sa.Column("revoked_from", sa.Text(), nullable=True),
        sa.Column("cleared_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_keys")),
        info={"class": "governed", "kind": "server_key", "value": "ServerKey"},
        sqlite_strict=True,
    )
    op.create_table(
        "frozen_objects",
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("lifted_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("epoch", "kind", "id", name=op.f("pk_frozen_objects")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )
    op.create_index("ix_frozen_objects_seq", "frozen_objects", ["seq"])
