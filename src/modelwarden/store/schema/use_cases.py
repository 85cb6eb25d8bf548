"""The table of use cases."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Integer, Text

from modelwarden.store.schema.columns import governed

use_cases: Final = governed(
    "use_cases",
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("owner_group", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("authors", Text, nullable=False),
    Column("title", Text),
    Column("description", Text),
    Column("models", Text, nullable=False),
    Column("impact", Text),
    Column("systems", Text, nullable=False),
    Column("input_schema", Text),
    Column("output_schema", Text),
    Column("state", Text, nullable=False),
    Column("live_in", Text, nullable=False),
    Column("request", Text),
    Column("deprecated_at", Text),
    Column("replacement", Text),
    Column("sunset_at", Text),
    Column("stopped_at", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_use_cases_state_sunset_at", "state", "sunset_at"),
    Index("ix_use_cases_state_name", "state", "name"),
    kind="use_case",
    value="UseCase",
)
