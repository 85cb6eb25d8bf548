"""Tables of endpoints, of what was sent to them, and of the days of that log that are sealed."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Text

from modelwarden.store.schema.columns import governed, other

endpoints: Final = governed(
    "endpoints",
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    Column("previous_until", Text),
    Column("types", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("subjects", Text, nullable=False),
    Column("include_text", Boolean, nullable=False),
    Column("owner", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("cause", Text),
    Column("down_since", Text),
    Column("digest_before", BigInteger),
    Column("round", Integer, nullable=False),
    Column("added_at", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_endpoints_state", "state", "id"),
    kind="endpoint",
    value="Endpoint",
)
deliveries: Final = other(
    "deliveries",
    Column("id", Text, primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("problem", Text),
    Column("duration_ms", Integer, nullable=False),
    Column("body_sha256", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("next_at", Text),
    Index("ix_deliveries_endpoint_id", "endpoint", "id"),
    Index("ix_deliveries_endpoint_first", "endpoint", "round", "first", "attempt"),
    Index("ix_deliveries_at", "at", "id"),
    role="telemetry",
)
delivery_seals: Final = other(
    "delivery_seals",
    Column("day", Text, primary_key=True),
    Column("rows", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    role="plumbing",
)
