"""Which records of other systems were taken, so that each is taken once (LG-56)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Text

from modelwarden.store.schema.columns import attached

records: Final = attached(
    "external_records",
    Column("actor", Text, primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("id", Text, nullable=False),
)
"""The entry under the subject `record:<id>` says the same three things."""
