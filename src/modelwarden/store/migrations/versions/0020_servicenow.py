"""Changes that were opened in ServiceNow.

Revision ID: 0020_servicenow
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0020_servicenow"
down_revision: Final = "0019_github"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "servicenow_changes",
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("request", name=op.f("pk_servicenow_changes")),
        info={"class": "governed", "kind": "servicenow_change", "value": "OpenedChange"},
        sqlite_strict=True,
    )
