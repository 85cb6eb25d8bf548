"""Texts know their author, whom they tell of and since when; erasures, holds, retention.

Revision ID: 0004_privacy
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004_privacy"
down_revision: Final = "0002_witness"

BATCH: Final = 1_000

ABOUT: Final = tuple(
    sa.text(
        f"SELECT {column} AS words, person AS about, created_at AS at FROM actors"  # noqa: S608  # names are ours
        f" WHERE {column} IS NOT NULL AND kind <> 'service'"
    )
    for column in ("handle", "email", "details")
)
"""What accounts name: texts that tell of a person; who wrote them stays unknown."""

AUTHORED: Final = tuple(
    sa.text(
        f"SELECT {words} AS words, {author} AS author, {at} AS at FROM {table}"  # noqa: S608
        f" WHERE {words} IS NOT NULL AND {author} NOT LIKE 'system:%'"
    )
    for table, words, author, at in (
        ("approvals", "justification", "requester_person", "opened_at"),
        ("decisions", "comment", "person", "decided_at"),
        ("bindings", "reason", "granted_person", "created_at"),
        ("deployments", "notes", "started_person", "started_at"),
        ("versions", "description", "registered_person", "created_at"),
        ("versions", "artifact", "registered_person", "created_at"),
    )
)
"""What rows name beside who wrote it."""

TELL_ABOUT: Final = sa.text(
    "UPDATE texts SET about = :about, kept_at = :at WHERE commitment = :words"
)
TELL_AUTHOR: Final = sa.text(
    "UPDATE texts SET author = :author, kept_at = :at WHERE commitment = :words"
)
REST: Final = sa.text(
    "UPDATE texts SET kept_at = (SELECT at FROM ledger_head) WHERE kept_at IS NULL"
)
"""Texts that no row names count as written now, so that they are kept too long rather than too short."""


def upgrade() -> None:
    """Add the columns, fill them as far as rows tell, and make the tables."""
    _columns()
    _fill()
    _erasures()
    _holds()
    _retention()


def _columns() -> None:
    for name in ("author", "about", "kept_at"):
        op.add_column("texts", sa.Column(name, sa.Text(), nullable=True))
    op.create_index("ix_texts_author", "texts", ["author"], unique=False)
    op.create_index("ix_texts_about", "texts", ["about"], unique=False)
    op.create_index("ix_texts_kept_at", "texts", ["kept_at", "commitment"], unique=False)
    op.add_column("actors", sa.Column("erased_at", sa.Text(), nullable=True))


def _fill() -> None:
    connection = op.get_bind()
    for statements, tell in ((ABOUT, TELL_ABOUT), (AUTHORED, TELL_AUTHOR)):
        for statement in statements:
            rows = [dict(row._mapping) for row in connection.execute(statement)]  # noqa: SLF001  # SQLAlchemy's way
            for start in range(0, len(rows), BATCH):
                connection.execute(tell, rows[start : start + BATCH])
    connection.execute(REST)


def _erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("persons", sa.Text(), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("permit", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.Text(), nullable=False),
        sa.Column("done_at", sa.Text(), nullable=True),
        sa.Column("texts", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        info={"class": "governed", "kind": "erasure", "value": "Erasure"},
        sqlite_strict=True,
    )
    op.create_index("ix_erasures_user", "erasures", ["user", "id"], unique=False)
    op.create_index("ix_erasures_state", "erasures", ["state", "id"], unique=False)


def _holds() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("incident", sa.Text(), nullable=True),
        sa.Column("since", sa.Text(), nullable=True),
        sa.Column("until", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.Text(), nullable=False),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("released_at", sa.Text(), nullable=True),
        sa.Column("permit", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
        info={"class": "governed", "kind": "hold", "value": "Hold"},
        sqlite_strict=True,
    )
    op.create_index("ix_holds_released_at", "holds", ["released_at", "id"], unique=False)


def _retention() -> None:
    op.create_table(
        "retention",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("texts", sa.Integer(), nullable=False),
        sa.Column("leavers", sa.Integer(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention")),
        info={"class": "governed", "kind": "retention", "value": "Retention"},
        sqlite_strict=True,
    )
