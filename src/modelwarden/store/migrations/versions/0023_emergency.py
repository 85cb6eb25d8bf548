"""When an emergency change was approved.

Revision ID: 0023_emergency
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0023_emergency"
down_revision: Final = "0022_use_cases"


def upgrade() -> None:
    """Add the column."""
    op.add_column("deployments", sa.Column("approved_at", sa.Text(), nullable=True))
