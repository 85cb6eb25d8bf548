"""What is measured: definitions, counts by minute, who was heard when, and seals of hours.

Revision ID: 0012_slots
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0012_slots"
down_revision: Final = "0011_drift"


def upgrade() -> None:
    """Make the tables."""
    _slis()
    _reporters()
    _presence()
    _slots()


def _slis() -> None:
    op.create_table(
        "slis",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("defined_by", sa.Text(), nullable=False),
        sa.Column("defined_at", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_slis")),
        info={"class": "governed", "kind": "sli", "value": "Sli"},
        sqlite_strict=True,
    )


def _reporters() -> None:
    op.create_table(
        "slot_reporters",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sli", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("last_minute", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot_reporters")),
        sa.UniqueConstraint("sli", "instance", name=op.f("uq_slot_reporters_sli_instance")),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
    op.create_index("ix_slot_reporters_instance", "slot_reporters", ["instance"], unique=False)
    op.create_table(
        "slot_parts",
        sa.Column("reporter", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("reporter", "minute", "part", name=op.f("pk_slot_parts")),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
    op.create_index("ix_slot_parts_minute", "slot_parts", ["minute"], unique=False)


def _presence() -> None:
    op.create_table(
        "slot_presence",
        sa.Column("sli", sa.Text(), nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reporter", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("heard", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("sli", "hour", "reporter", name=op.f("pk_slot_presence")),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
    op.create_index("ix_slot_presence_hour", "slot_presence", ["hour"], unique=False)


def _slots() -> None:
    op.create_table(
        "slots",
        sa.Column("sli", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("blocked", sa.BigInteger(), nullable=False),
        sa.Column("fallbacks", sa.BigInteger(), nullable=False),
        sa.Column("invalid", sa.BigInteger(), nullable=False),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("bad", sa.Text(), nullable=False),
        sa.Column("sketch", sa.LargeBinary(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("sli", "width", "start", name=op.f("pk_slots")),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )
    op.create_index("ix_slots_width", "slots", ["width", "start"], unique=False)
    op.create_table(
        "slot_seals",
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("slis", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hour", name=op.f("pk_slot_seals")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )
