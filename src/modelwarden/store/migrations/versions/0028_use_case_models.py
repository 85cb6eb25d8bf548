"""Which use cases name a model, and use cases by state.

Revision ID: 0028_use_case_models
"""

from __future__ import annotations

from typing import Final

from alembic import op

from modelwarden.store.use_case_models import TABLES

revision: Final = "0028_use_case_models"
down_revision: Final = "0027_github_hooks"


def upgrade() -> None:
    """Make the table, which the database keeps by itself from now on, and fill it."""
    for statement in TABLES[op.get_bind().dialect.name]:
        op.execute(statement)
    op.create_index("ix_use_cases_state_name", "use_cases", ["state", "name"], unique=False)
