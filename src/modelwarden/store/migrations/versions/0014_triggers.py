"""Triggers and what they fired, proposed switches, datasets that arrive, and what guards count by the minute.

Revision ID: 0014_triggers
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0014_triggers"
down_revision: Final = "0013_ramps_and_local_stops"


def upgrade() -> None:
    """Make the tables."""
    _triggers()
    _firings()
    _switch_proposals()
    _datasets()
    _guard_totals()
    _guard_minutes()
    _trigger_alarms()


def _triggers() -> None:
    op.create_table(
        "triggers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("ladder", sa.Text(), nullable=False),
        sa.Column("window_s", sa.Integer(), nullable=False),
        sa.Column("n_min", sa.Integer(), nullable=False),
        sa.Column("consecutive", sa.Integer(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("auto_activate", sa.Boolean(), nullable=False),
        sa.Column("max_share", sa.Integer(), nullable=False),
        sa.Column("budget", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("ends", sa.Boolean(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_persons", sa.Text(), nullable=False),
        sa.Column("set_at", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("in_force_at", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triggers")),
        info={"class": "governed", "kind": "trigger", "value": "Trigger"},
        sqlite_strict=True,
    )
    op.create_index("ix_triggers_state", "triggers", ["state", "name"], unique=False)
    op.create_index("ix_triggers_name_version", "triggers", ["name", "version"], unique=False)


def _firings() -> None:
    op.create_table(
        "firings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("by_value", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("threshold", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.Text(), nullable=False),
        sa.Column("last_at", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("share", sa.Integer(), nullable=True),
        sa.Column("tier", sa.Integer(), nullable=True),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("switch", sa.Text(), nullable=True),
        sa.Column("proposal", sa.Text(), nullable=True),
        sa.Column("fired_at", sa.Text(), nullable=False),
        sa.Column("overridden_by", sa.Text(), nullable=True),
        sa.Column("overridden_at", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_firings")),
        info={"class": "governed", "kind": "firing", "value": "Firing"},
        sqlite_strict=True,
    )
    op.create_index("ix_firings_trigger_id", "firings", ["trigger", "id"], unique=False)


def _switch_proposals() -> None:
    op.create_table(
        "switch_proposals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("firing", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("lkg_before", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.Text(), nullable=False),
        sa.Column("lapses_at", sa.Text(), nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.Column("accepted_at", sa.Text(), nullable=True),
        sa.Column("switch", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_switch_proposals")),
        info={"class": "governed", "kind": "proposal", "value": "Proposal"},
        sqlite_strict=True,
    )
    op.create_index("ix_switch_proposals_state", "switch_proposals", ["state", "id"], unique=False)


def _datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cadence_s", sa.Integer(), nullable=False),
        sa.Column("max_age_s", sa.Integer(), nullable=False),
        sa.Column("min_rows", sa.BigInteger(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=True),
        sa.Column("fields_sha256", sa.Text(), nullable=True),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.Text(), nullable=True),
        sa.Column("checked_by", sa.Text(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_datasets")),
        info={"class": "governed", "kind": "dataset", "value": "Dataset"},
        sqlite_strict=True,
    )


def _guard_totals() -> None:
    op.create_table(
        "guard_totals",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("heard_at", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "environment", "model", "actor", "instance", name=op.f("pk_guard_totals")
        ),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
    op.create_index("ix_guard_totals_heard_at", "guard_totals", ["heard_at"], unique=False)


def _guard_minutes() -> None:
    op.create_table(
        "guard_minutes",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("minute", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("decisions", sa.BigInteger(), nullable=False),
        sa.Column("answerable", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("clipped", sa.BigInteger(), nullable=False),
        sa.Column("fell_back", sa.BigInteger(), nullable=False),
        sa.Column("stale", sa.BigInteger(), nullable=False),
        sa.Column("disagreed", sa.BigInteger(), nullable=False),
        sa.Column("non_finite", sa.BigInteger(), nullable=False),
        sa.Column("refused_snapshots", sa.BigInteger(), nullable=False),
        sa.Column("drilled", sa.BigInteger(), nullable=False),
        sa.Column("open_breakers", sa.Integer(), nullable=False),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "environment", "model", "minute", "actor", "instance", name=op.f("pk_guard_minutes")
        ),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
    op.create_index("ix_guard_minutes_minute", "guard_minutes", ["minute"], unique=False)


def _trigger_alarms() -> None:
    op.create_table(
        "trigger_alarms",
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("by_value", sa.Text(), nullable=False),
        sa.Column("firing", sa.Boolean(), nullable=False),
        sa.Column("streak", sa.Integer(), nullable=False),
        sa.Column("since", sa.Text(), nullable=True),
        sa.Column("judged_until", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("spoke", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("trigger", "step", "by_value", name=op.f("pk_trigger_alarms")),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
