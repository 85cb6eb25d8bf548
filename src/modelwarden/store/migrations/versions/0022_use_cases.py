"""Use cases.

Revision ID: 0022_use_cases
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0022_use_cases"
down_revision: Final = "0021_mlflow"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "use_cases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("owner_group", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("models", sa.Text(), nullable=False),
        sa.Column("impact", sa.Text(), nullable=True),
        sa.Column("systems", sa.Text(), nullable=False),
        sa.Column("input_schema", sa.Text(), nullable=True),
        sa.Column("output_schema", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("live_in", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("deprecated_at", sa.Text(), nullable=True),
        sa.Column("replacement", sa.Text(), nullable=True),
        sa.Column("sunset_at", sa.Text(), nullable=True),
        sa.Column("stopped_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_use_cases")),
        info={"class": "governed", "kind": "use_case", "value": "UseCase"},
        sqlite_strict=True,
    )
    op.create_index(
        "ix_use_cases_state_sunset_at", "use_cases", ["state", "sunset_at"], unique=False
    )
