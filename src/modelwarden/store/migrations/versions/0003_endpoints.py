"""Endpoints that news goes to, the log of deliveries, and the days of it that are sealed.

Revision ID: 0003_endpoints
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003_endpoints"
down_revision: Final = "0002_witness"


def upgrade() -> None:
    """Make the tables."""
    _endpoints()
    _deliveries()
    _delivery_seals()


def _endpoints() -> None:
    op.create_table(
        "endpoints",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous_secret", sa.Text(), nullable=True),
        sa.Column("previous_until", sa.Text(), nullable=True),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("subjects", sa.Text(), nullable=False),
        sa.Column("include_text", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("down_since", sa.Text(), nullable=True),
        sa.Column("digest_before", sa.BigInteger(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoints")),
        sa.UniqueConstraint("name", name=op.f("uq_endpoints_name")),
        info={"class": "governed", "kind": "endpoint", "value": "Endpoint"},
        sqlite_strict=True,
    )
    op.create_index("ix_endpoints_state", "endpoints", ["state", "id"], unique=False)


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("next_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
    op.create_index("ix_deliveries_endpoint_id", "deliveries", ["endpoint", "id"], unique=False)
    op.create_index(
        "ix_deliveries_endpoint_first",
        "deliveries",
        ["endpoint", "round", "first", "attempt"],
        unique=False,
    )
    op.create_index("ix_deliveries_at", "deliveries", ["at", "id"], unique=False)


def _delivery_seals() -> None:
    op.create_table(
        "delivery_seals",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_delivery_seals")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )
