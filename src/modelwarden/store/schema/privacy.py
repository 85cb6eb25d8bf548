"""Tables of erasures, legal holds, and how long things are kept."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Integer, Text

from modelwarden.store.schema.columns import governed

erasures: Final = governed(
    "erasures",
    Column("id", Text, primary_key=True),
    Column("user", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("persons", Text, nullable=False),
    Column("accounts", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("permit", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", Text, nullable=False),
    Column("done_at", Text),
    Column("texts", Integer, nullable=False),
    Column("kept", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_erasures_user", "user", "id"),
    Index("ix_erasures_state", "state", "id"),
    kind="erasure",
    value="Erasure",
)
holds: Final = governed(
    "holds",
    Column("id", Text, primary_key=True),
    Column("person", Text),
    Column("model", Text),
    Column("incident", Text),
    Column("since", Text),
    Column("until", Text),
    Column("reason", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", Text, nullable=False),
    Column("released_by", Text),
    Column("released_at", Text),
    Column("permit", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_holds_released_at", "released_at", "id"),
    kind="hold",
    value="Hold",
)
retention: Final = governed(
    "retention",
    Column("id", Text, primary_key=True),
    Column("texts", Integer, nullable=False),
    Column("leavers", Integer, nullable=False),
    Column("sessions", Integer, nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("changed_by", Text),
    Column("changed_at", Text),
    Column("revision", Integer, nullable=False),
    kind="retention",
    value="Retention",
)
