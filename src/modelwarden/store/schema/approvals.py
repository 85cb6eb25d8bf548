"""Tables of requests and decisions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Index, Integer, Text, and_

from modelwarden.store.schema.columns import governed

approvals: Final = governed(
    "approvals",
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("model", Text),
    Column("label", Text),
    Column("version", Text),
    Column("environment", Text, nullable=False),
    Column("strategy", Text),
    Column("action", Text),
    Column("payload", Text),
    Column("payload_digest", Text),
    Column("requester", Text, nullable=False),
    Column("requester_person", Text, nullable=False),
    Column("justification", Text, nullable=False),
    Column("seats", Text, nullable=False),
    Column("humans", Integer, nullable=False),
    Column("signature", Text, nullable=False),
    Column("rejection", Text, nullable=False),
    Column("order", Text),
    Column("separate_deployer", Boolean, nullable=False),
    Column("void_on", Text, nullable=False),
    Column("policies", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("opened_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("closed_at", Text),
    Column("cause", Text),
    Column("due_at", Text),
    Column("remind_at", Text),
    Column("on_timeout", Text),
    Column("decided_at", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_approvals_version_environment", "version", "environment", "id"),
    Index("ix_approvals_state_expires_at", "state", "expires_at"),
    Index("ix_approvals_state_remind_at", "state", "remind_at"),
    Index("ix_approvals_requester_person", "requester_person", "id"),
    kind="approval",
    value="ApprovalRequest",
)
_open = and_(approvals.c.state == "open", approvals.c.type.in_(("release", "emergency")))
Index(
    "uq_approvals_open",
    approvals.c.version,
    approvals.c.environment,
    unique=True,
    sqlite_where=_open,
    postgresql_where=_open,
)

decisions: Final = governed(
    "decisions",
    Column("id", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("seat", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("comment", Text),
    Column("keyid", Text, nullable=False),
    Column("custody", Text, nullable=False),
    Column("envelope", Text, nullable=False),
    Column("envelope_digest", Text, nullable=False),
    Column("issued_at", Text, nullable=False),
    Column("decided_at", Text, nullable=False),
    Column("withdrawn_at", Text),
    Column("delegation", Text),
    Column("delegator", Text),
    Column("delegator_person", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_decisions_request", "request", "id"),
    Index("ix_decisions_keyid", "keyid"),
    kind="decision",
    value="Decision",
)
_standing = decisions.c.withdrawn_at.is_(None)
for _name, _column in (("seat", decisions.c.seat), ("person", decisions.c.person)):
    Index(
        f"uq_decisions_{_name}",
        decisions.c.request,
        _column,
        unique=True,
        sqlite_where=_standing,
        postgresql_where=_standing,
    )
