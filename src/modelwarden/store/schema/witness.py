"""Tables of outside witnesses: their cosignatures, how far each is, and what they showed that differs (LG-53)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Text

from modelwarden.store.schema.columns import other

cosignatures: Final = other(
    "ledger_cosignatures",
    Column(
        "size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("witness", Text, primary_key=True),
    Column("line", Text, nullable=False),
    role="plumbing",
)
standings: Final = other(
    "ledger_witnesses",
    Column("witness", Text, primary_key=True),
    Column("size", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("disagrees", Text),
    role="plumbing",
)
differing: Final = other(
    "ledger_split_views",
    Column("witness", Text, primary_key=True),
    Column(
        "size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("ours", LargeBinary, nullable=False),
    Column("theirs", LargeBinary),
    role="plumbing",
)
