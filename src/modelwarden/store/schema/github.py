"""What GitHub delivered and what was read there: hints, pull requests, comments that were copied."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, Text

from modelwarden.store.schema.columns import attached, other

deliveries: Final = other(
    "github_deliveries",
    Column("hook", Text, primary_key=True),
    Column("delivery", Text, primary_key=True),
    Column("body_sha256", Text, nullable=False, unique=True),
    Column("event", Text, nullable=False),
    Column("request", Text),
    Column("run", BigInteger),
    Column("environment", Text),
    Column("state", Text, nullable=False),
    Column("at", Text, nullable=False),
    Index("ix_github_deliveries_state", "state", "at"),
    role="plumbing",
    kept=("deliveries", "at"),
)
"""A body comes once, whatever its headers say: only the body is signed."""
pulls: Final = other(
    "github_pulls",
    Column("request", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("said", Text),
    role="plumbing",
)
"""`said` was reported last: while it is a success the request is looked at, whatever became of it."""
comments: Final = attached(
    "github_comments",
    Column("id", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("written_at", Text, nullable=False),
    Index("ix_github_comments_request", "request", "id"),
)
"""The entry of the fact `github.comment_copied` holds the same."""
rounds: Final = other(
    "github_rounds",
    Column("repository", Text, primary_key=True),
    Column("after", Text, nullable=False),
    Column("begun_at", Text, nullable=False),
    role="plumbing",
)
"""How far the round over all requests is: one that ends in the middle goes on from there."""
