"""Tables of the ledger, the erasable texts, and what makes calls repeatable (LG-11, LG-41, LG-60, AC-72)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text, column

from modelwarden.store.schema.columns import other

entries: Final = other(
    "ledger_entries",
    Column(
        "seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("entry_hash", LargeBinary, nullable=False),
    role="plumbing",
)
head: Final = other(
    "ledger_head",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("size", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("entry_hash", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("at", Text, nullable=False),
    role="plumbing",
)
tiles: Final = other(
    "ledger_tiles",
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    role="plumbing",
)
checkpoints: Final = other(
    "ledger_checkpoints",
    Column(
        "size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("note", LargeBinary, nullable=False),
    role="plumbing",
)
index: Final = other(
    "ledger_index",
    Column(
        "seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("at", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Index("ix_ledger_index_actor", "actor", "seq"),
    Index("ix_ledger_index_type", "type", "seq"),
    Index("ix_ledger_index_at", "at", "seq"),
    Index(
        "ix_ledger_index_severe",
        "severity",
        "seq",
        sqlite_where=column("severity") >= 2,  # noqa: PLR2004  # HIGH and CRITICAL are few
        postgresql_where=column("severity") >= 2,  # noqa: PLR2004
    ),
    role="plumbing",
)
subjects: Final = other(
    "ledger_subjects",
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column(
        "seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("rev", Integer),
    role="plumbing",
)
tags: Final = other(
    "ledger_tags",
    Column("tag", Text, primary_key=True),
    Column(
        "seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    role="plumbing",
)
texts: Final = other(
    "texts",
    Column("commitment", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("author", Text),
    Column("about", Text),
    Column("kept_at", Text),
    Index("ix_texts_author", "author"),
    Index("ix_texts_about", "about"),
    Index("ix_texts_kept_at", "kept_at", "commitment"),
    role="text",
)
follower_positions: Final = other(
    "follower_positions",
    Column("name", Text, primary_key=True),
    Column("next_seq", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("entry_hash", LargeBinary, nullable=False),
    role="plumbing",
)
sink_segments: Final = other(
    "sink_segments",
    Column("sink", Text, primary_key=True),
    Column(
        "first", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("last", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    role="plumbing",
)
idempotency: Final = other(
    "idempotency_keys",
    Column("scope", Text, primary_key=True),
    Column("request_digest", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("at", Text, nullable=False),
    Index("ix_idempotency_keys_at", "at"),
    role="plumbing",
)
