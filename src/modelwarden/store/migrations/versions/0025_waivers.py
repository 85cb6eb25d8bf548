"""Waivers: one open question about the release of a version, beside others about it.

Revision ID: 0025_waivers
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0025_waivers"
down_revision: Final = "0024_targets"


def upgrade() -> None:
    """Let the index speak of releases alone."""
    condition = sa.text("state = 'open' AND type IN ('release', 'emergency')")
    op.drop_index("uq_approvals_open", table_name="approvals")
    op.create_index(
        "uq_approvals_open",
        "approvals",
        ["version", "environment"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )
