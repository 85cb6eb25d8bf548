"""Which deployment moved a protected alias of MLflow last, and where it was seen since.

Revision ID: 0021_mlflow
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0021_mlflow"
down_revision: Final = "0020_servicenow"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "mlflow_aliases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=True),
        sa.Column("strayed_to", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mlflow_aliases")),
        info={"class": "governed", "kind": "mlflow_alias", "value": "MlflowAlias"},
        sqlite_strict=True,
    )
