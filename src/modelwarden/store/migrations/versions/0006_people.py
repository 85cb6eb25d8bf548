"""Refs of other systems' records, and the words of entries for free-text search.

Revision ID: 0006_people
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from modelwarden.store.words import TABLES

revision: Final = "0006_people"
down_revision: Final = "0005_keys"


def upgrade() -> None:
    """Make both; the words are no part of the metadata, since each database keeps them in its own way."""
    op.create_table(
        "external_records",
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "ref", name=op.f("pk_external_records")),
        info={"class": "attached"},
        sqlite_strict=True,
    )
    for statement in TABLES[op.get_bind().dialect.name]:
        op.execute(statement)
