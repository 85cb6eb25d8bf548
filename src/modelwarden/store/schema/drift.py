"""Tables of what guards counted for drift, and of which flushes were heard."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, Text

from modelwarden.store.schema.columns import other

drift_counts: Final = other(
    "drift_counts",
    Column("version", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("dimension", Text, primary_key=True),
    Column("minutes", Integer, primary_key=True),
    Column("begins", Integer, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("cells", Text, nullable=False),
    Index("ix_drift_counts_begins", "minutes", "begins"),
    role="telemetry",
)
drift_received: Final = other(
    "drift_received",
    Column("version", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("dimension", Text, primary_key=True),
    Column("actor", Text, primary_key=True),
    Column("instance", Text, primary_key=True),
    Column("up_to", BigInteger, nullable=False),
    Column("beyond", Text, nullable=False),
    Column("heard_at", Text, nullable=False),
    Index("ix_drift_received_heard_at", "heard_at"),
    role="telemetry",
)
