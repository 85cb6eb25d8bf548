"""Cosignatures of outside witnesses, how far each witness is, and what they showed that differs.

Revision ID: 0002_witness
Revises: 0001_foundation
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002_witness"
down_revision: Final = "0001_foundation"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "ledger_cosignatures",
        _size(),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_ledger_cosignatures")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )
    op.create_table(
        "ledger_witnesses",
        sa.Column("witness", sa.Text(), nullable=False),
        _size(),
        sa.Column("disagrees", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("witness", name=op.f("pk_ledger_witnesses")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )
    op.create_table(
        "ledger_split_views",
        sa.Column("witness", sa.Text(), nullable=False),
        _size(),
        sa.Column("ours", sa.LargeBinary(), nullable=False),
        sa.Column("theirs", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("witness", "size", name=op.f("pk_ledger_split_views")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _size() -> sa.Column[int]:
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("size", whole, autoincrement=False, nullable=False)
