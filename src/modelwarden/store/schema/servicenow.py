"""Which change in ServiceNow was opened for which request, and what it came to."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, Text

from modelwarden.store.schema.columns import governed

servicenow_changes: Final = governed(
    "servicenow_changes",
    Column("request", Text, primary_key=True),
    Column("change", Text, nullable=False),
    Column("opened_at", Text, nullable=False),
    Column("state", Text),
    Column("told", Text),
    Column("revision", Integer, nullable=False),
    kind="servicenow_change",
    value="OpenedChange",
)
