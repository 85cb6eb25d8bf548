"""What GitHub delivered, and what was read there.

Revision ID: 0027_github_hooks
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0027_github_hooks"
down_revision: Final = "0026_seats"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "github_deliveries",
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("run", sa.BigInteger(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hook", "delivery", name=op.f("pk_github_deliveries")),
        sa.UniqueConstraint("body_sha256", name=op.f("uq_github_deliveries_body_sha256")),
        sqlite_strict=True,
    )
    op.create_index("ix_github_deliveries_state", "github_deliveries", ["state", "at"])
    op.create_table(
        "github_pulls",
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("said", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("request", name=op.f("pk_github_pulls")),
        sqlite_strict=True,
    )
    op.create_table(
        "github_comments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("written_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_github_comments")),
        sqlite_strict=True,
    )
    op.create_index("ix_github_comments_request", "github_comments", ["request", "id"])
    op.create_table(
        "github_rounds",
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("repository", name=op.f("pk_github_rounds")),
        sqlite_strict=True,
    )
