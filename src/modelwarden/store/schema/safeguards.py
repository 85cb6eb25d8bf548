"""Table of kill switches."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Integer, Text

from modelwarden.store.schema.columns import governed

switches: Final = governed(
    "switches",
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("name", Text),
    Column("source", Text),
    Column("environment", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("exception", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("fallback", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("incident", Text),
    Column("evidence", Text),
    Column("expires_at", Text),
    Column("on_expiry", Text),
    Column("unknown", Text, nullable=False),
    Column("lkg_before", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("activated_by", Text, nullable=False),
    Column("activated_persons", Text, nullable=False),
    Column("activated_at", Text, nullable=False),
    Column("reminded_at", Text),
    Column("requested_by", Text),
    Column("requested_persons", Text, nullable=False),
    Column("requested_at", Text),
    Column("notes", Text),
    Column("verification", Text),
    Column("ended_by", Text),
    Column("ended_at", Text),
    Column("ended_notes", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_switches_state", "state", "environment", "id"),
    Index("ix_switches_source", "source", "id"),
    kind="switch",
    value="Switch",
)
