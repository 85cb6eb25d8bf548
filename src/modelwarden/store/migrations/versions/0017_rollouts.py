"""Deployments that go in steps: routes, their course, freezes, and what guards count by version.

Revision ID: 0017_rollouts
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0017_rollouts"
down_revision: Final = "0016_detectors"

TEXTS: Final = (
    "course", "salt", "step_at", "traffic_at", "waits", "review_due_at", "reviewed_by", "reviewed_at", "outcome",
    "findings",
)  # fmt: skip


def upgrade() -> None:
    """Make the tables, and room in those of deployments."""
    for name in TEXTS:
        op.add_column("deployments", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("deployments", sa.Column("step", sa.Integer(), nullable=True))
    op.create_index("ix_deployments_review", "deployments", ["model", "review_due_at"])
    _make_routes()
    _make_freezes()
    _make_counts()


def _make_routes() -> None:
    op.create_table(
        "routes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("stable", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=True),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("shadow", sa.Text(), nullable=True),
        sa.Column("previous", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routes")),
        info={"class": "governed", "kind": "route", "value": "RouteTable"},
        sqlite_strict=True,
    )


def _make_freezes() -> None:
    op.create_table(
        "freezes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.Text(), nullable=False),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lifted_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_freezes")),
        info={"class": "governed", "kind": "freeze", "value": "Freeze"},
        sqlite_strict=True,
    )
    op.create_index("ix_freezes_environment_ends_at", "freezes", ["environment", "ends_at"])


def _make_counts() -> None:
    op.create_table(
        "guard_versions",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("busy_ms", sa.BigInteger(), nullable=False),
        sa.Column("differed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "environment", "model", "at", "actor", "instance", "label",
            name=op.f("pk_guard_versions"),
        ),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )  # fmt: skip
    op.create_index("ix_guard_versions_at", "guard_versions", ["at"])
