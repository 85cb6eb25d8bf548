"""The server's own keys beside the first ones, and objects that a restored database holds in an older state."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, Text

from modelwarden.store.schema.columns import governed, other

server_keys: Final = governed(
    "server_keys",
    Column("id", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("public", Text, nullable=False),
    Column("since", Text),
    Column("until", Text),
    Column("size", BigInteger),
    Column("signs_until", Text),
    Column("revoked_at", Text),
    Column("revoked_from", Text),
    Column("cleared_at", Text),
    Column("revision", Integer, nullable=False),
    kind="server_key",
    value="ServerKey",
)
frozen: Final = other(
    "frozen_objects",
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("rev", Integer, nullable=False),
    Column("after", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("lifted_at", Text),
    Index("ix_frozen_objects_seq", "seq"),
    role="plumbing",
)
