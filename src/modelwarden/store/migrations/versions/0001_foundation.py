"""The tables of the first release, and what keeps the ledger append-only.

Revision ID: 0001_foundation
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001_foundation"
down_revision: Final = None


def upgrade() -> None:
    """Make all tables."""
    _actor_epochs()
    _actors()
    _bindings()
    _bootstrap()
    _key_challenges()
    _permits()
    _person_keys()
    _person_links()
    _roles()
    _set_up_links()
    _token_uses()
    _tokens()
    _follower_positions()
    _idempotency_keys()
    _ledger_checkpoints()
    _ledger_entries()
    _ledger_head()
    _ledger_index()
    _ledger_subjects()
    _ledger_tags()
    _ledger_tiles()
    _texts()
    _artifacts()
    _metrics()
    _models()
    _versions()
    _approvals()
    _decisions()
    _deployments()
    _policies()
    _policy_assignments()
    _policy_versions()
    _append_only()


def _actor_epochs() -> None:
    op.create_table(
        "actor_epochs",
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("actor", name=op.f("pk_actor_epochs")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _actors() -> None:
    op.create_table(
        "actors",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("handle_index", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_index", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actors")),
        sa.UniqueConstraint("handle_index", name=op.f("uq_actors_handle_index")),
        info={"class": "governed", "kind": "actor", "value": "Actor"},
        sqlite_strict=True,
    )
    op.create_index("ix_actors_email_index", "actors", ["email_index"], unique=False)
    op.create_index("ix_actors_owner", "actors", ["owner"], unique=False)
    op.create_index("ix_actors_person", "actors", ["person"], unique=False)


def _bindings() -> None:
    op.create_table(
        "bindings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("not_before", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.Text(), nullable=True),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("granted_person", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bindings")),
        info={"class": "governed", "kind": "binding", "value": "Binding"},
        sqlite_strict=True,
    )
    op.create_index("ix_bindings_actor", "bindings", ["actor"], unique=False)
    op.create_index("ix_bindings_role", "bindings", ["role"], unique=False)


def _bootstrap() -> None:
    op.create_table(
        "bootstrap",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("until", sa.Text(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bootstrap")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _key_challenges() -> None:
    op.create_table(
        "key_challenges",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_challenges")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _permits() -> None:
    op.create_table(
        "permits",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.Column("spent_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permits")),
        info={"class": "governed", "kind": "permit", "value": "Permit"},
        sqlite_strict=True,
    )
    op.create_index("ix_permits_requester", "permits", ["requester", "action"], unique=False)


def _person_keys() -> None:
    op.create_table(
        "person_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Text(), nullable=False),
        sa.Column("valid_to", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("lent_by", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.Text(), nullable=True),
        sa.Column("revoked_as", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_keys")),
        info={"class": "governed", "kind": "key", "value": "PersonKey"},
        sqlite_strict=True,
    )
    op.create_index("ix_person_keys_actor", "person_keys", ["actor"], unique=False)


def _person_links() -> None:
    op.create_table(
        "person_links",
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("previous", name=op.f("pk_person_links")),
        info={"class": "attached"},
        sqlite_strict=True,
    )


def _roles() -> None:
    op.create_table(
        "roles",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.Column("includes", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_roles")),
        info={"class": "governed", "kind": "role", "value": "Role"},
        sqlite_strict=True,
    )


def _set_up_links() -> None:
    op.create_table(
        "set_up_links",
        sa.Column("secret_digest", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("secret_digest", name=op.f("pk_set_up_links")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _token_uses() -> None:
    op.create_table(
        "token_uses",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("minute", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_token_uses")),
        info={"class": "telemetry"},
        sqlite_strict=True,
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("secret_digest", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=True),
        sa.Column("networks", sa.Text(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("secret_digest", name=op.f("uq_tokens_secret_digest")),
        info={"class": "governed", "kind": "token", "value": "Token"},
        sqlite_strict=True,
    )
    op.create_index("ix_tokens_actor", "tokens", ["actor"], unique=False)


def _follower_positions() -> None:
    op.create_table(
        "follower_positions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entry_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_follower_positions")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_idempotency_keys")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )
    op.create_index("ix_idempotency_keys_at", "idempotency_keys", ["at"], unique=False)


def _ledger_checkpoints() -> None:
    op.create_table(
        "ledger_checkpoints",
        sa.Column(
            "size",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_ledger_checkpoints")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _ledger_entries() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("entry_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_entries")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _ledger_head() -> None:
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entry_hash", sa.LargeBinary(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_head")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _ledger_index() -> None:
    op.create_table(
        "ledger_index",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_index")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )
    op.create_index("ix_ledger_index_actor", "ledger_index", ["actor", "seq"], unique=False)
    op.create_index("ix_ledger_index_at", "ledger_index", ["at", "seq"], unique=False)
    op.create_index(
        "ix_ledger_index_severe",
        "ledger_index",
        ["severity", "seq"],
        unique=False,
        sqlite_where=sa.text("severity >= 2"),
        postgresql_where=sa.text("severity >= 2"),
    )
    op.create_index("ix_ledger_index_type", "ledger_index", ["type", "seq"], unique=False)


def _ledger_subjects() -> None:
    op.create_table(
        "ledger_subjects",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("rev", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "id", "seq", name=op.f("pk_ledger_subjects")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _ledger_tags() -> None:
    op.create_table(
        "ledger_tags",
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tag", "seq", name=op.f("pk_ledger_tags")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _ledger_tiles() -> None:
    op.create_table(
        "ledger_tiles",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "n", name=op.f("pk_ledger_tiles")),
        info={"class": "plumbing"},
        sqlite_strict=True,
    )


def _texts() -> None:
    op.create_table(
        "texts",
        sa.Column("commitment", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("commitment", name=op.f("pk_texts")),
        info={"class": "text"},
        sqlite_strict=True,
    )


def _artifacts() -> None:
    op.create_table(
        "artifacts",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("uploaded_at", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_artifacts")),
        info={"class": "governed", "kind": "artifact", "value": "UploadedArtifact"},
        sqlite_strict=True,
    )


def _metrics() -> None:
    op.create_table(
        "metrics",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metrics")),
        info={"class": "attached"},
        sqlite_strict=True,
    )
    op.create_index("ix_metrics_version_id", "metrics", ["version", "id"], unique=False)


def _models() -> None:
    op.create_table(
        "models",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("purpose_confirmed", sa.Boolean(), nullable=False),
        sa.Column("owner_confirmed", sa.Boolean(), nullable=False),
        sa.Column("former_owners", sa.Text(), nullable=False),
        sa.Column("risk_tier", sa.Integer(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("requested", sa.Boolean(), nullable=False),
        sa.Column("retired_at", sa.Text(), nullable=True),
        sa.Column("replacement", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_models")),
        info={"class": "governed", "kind": "model", "value": "Model"},
        sqlite_strict=True,
    )
    op.create_index("ix_models_owner_name", "models", ["owner", "name"], unique=False)


def _versions() -> None:
    op.create_table(
        "versions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("registered_person", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("content_digest", sa.Text(), nullable=False),
        sa.Column("evaluation_digest", sa.Text(), nullable=False),
        sa.Column("parameters_digest", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("artifact", sa.Text(), nullable=True),
        sa.Column("artifact_kind", sa.Text(), nullable=False),
        sa.Column("fingerprints", sa.Text(), nullable=False),
        sa.Column("subject_sha256", sa.Text(), nullable=True),
        sa.Column("trust", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("run", sa.Text(), nullable=True),
        sa.Column("datasets", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=True),
        sa.Column("feature_version", sa.Text(), nullable=True),
        sa.Column("algorithm", sa.Text(), nullable=True),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("source_commit", sa.Text(), nullable=True),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("trainers", sa.Text(), nullable=False),
        sa.Column("evaluation", sa.Text(), nullable=False),
        sa.Column("approvals", sa.Text(), nullable=False),
        sa.Column("live_in", sa.Text(), nullable=False),
        sa.Column("last_ended", sa.Text(), nullable=False),
        sa.Column("retired_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_versions")),
        info={"class": "governed", "kind": "version", "value": "Version"},
        sqlite_strict=True,
    )
    op.create_index(
        "ix_versions_model_created_at_label",
        "versions",
        ["model", "created_at", "label"],
        unique=False,
    )
    op.create_index("ix_versions_subject_sha256", "versions", ["subject_sha256"], unique=False)


def _approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("payload_digest", sa.Text(), nullable=True),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("requester_person", sa.Text(), nullable=False),
        sa.Column("justification", sa.Text(), nullable=False),
        sa.Column("seats", sa.Text(), nullable=False),
        sa.Column("humans", sa.Integer(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("rejection", sa.Text(), nullable=False),
        sa.Column("separate_deployer", sa.Boolean(), nullable=False),
        sa.Column("void_on", sa.Text(), nullable=False),
        sa.Column("policies", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        info={"class": "governed", "kind": "approval", "value": "ApprovalRequest"},
        sqlite_strict=True,
    )
    op.create_index(
        "ix_approvals_requester_person", "approvals", ["requester_person", "id"], unique=False
    )
    op.create_index(
        "ix_approvals_state_expires_at", "approvals", ["state", "expires_at"], unique=False
    )
    op.create_index(
        "ix_approvals_version_environment",
        "approvals",
        ["version", "environment", "id"],
        unique=False,
    )
    op.create_index(
        "uq_approvals_open",
        "approvals",
        ["version", "environment"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("seat", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("keyid", sa.Text(), nullable=False),
        sa.Column("custody", sa.Text(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("envelope_digest", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        info={"class": "governed", "kind": "decision", "value": "Decision"},
        sqlite_strict=True,
    )
    op.create_index("ix_decisions_keyid", "decisions", ["keyid"], unique=False)
    op.create_index("ix_decisions_request", "decisions", ["request", "id"], unique=False)
    op.create_index(
        "uq_decisions_person",
        "decisions",
        ["request", "person"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_index(
        "uq_decisions_seat",
        "decisions",
        ["request", "seat"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )


def _deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("artifact_sha256", sa.Text(), nullable=True),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("started_person", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=False),
        sa.Column("live_at", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
        info={"class": "governed", "kind": "deployment", "value": "Deployment"},
        sqlite_strict=True,
    )
    op.create_index(
        "ix_deployments_model_environment",
        "deployments",
        ["model", "environment", "live_at"],
        unique=False,
    )
    op.create_index("ix_deployments_request", "deployments", ["request"], unique=False)
    op.create_index("ix_deployments_state", "deployments", ["state", "id"], unique=False)
    op.create_index(
        "ix_deployments_version_environment",
        "deployments",
        ["version", "environment"],
        unique=False,
    )
    op.create_index(
        "uq_deployments_in_progress",
        "deployments",
        ["model", "environment"],
        unique=True,
        sqlite_where=sa.text("state = 'in_progress'"),
        postgresql_where=sa.text("state = 'in_progress'"),
    )
    op.create_index(
        "uq_deployments_live",
        "deployments",
        ["model", "environment"],
        unique=True,
        sqlite_where=sa.text("state = 'live'"),
        postgresql_where=sa.text("state = 'live'"),
    )
    op.create_index("uq_deployments_reference", "deployments", ["model", "reference"], unique=True)


def _policies() -> None:
    op.create_table(
        "policies",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("latest", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("retired_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_policies")),
        info={"class": "governed", "kind": "policy", "value": "Policy"},
        sqlite_strict=True,
    )


def _policy_assignments() -> None:
    op.create_table(
        "policy_assignments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("assigned_by", sa.Text(), nullable=False),
        sa.Column("assigned_at", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_assignments")),
        info={"class": "governed", "kind": "policy_assignment", "value": "PolicyAssignment"},
        sqlite_strict=True,
    )
    op.create_index("ix_policy_assignments_model", "policy_assignments", ["model"], unique=False)
    op.create_index("ix_policy_assignments_policy", "policy_assignments", ["policy"], unique=False)


def _policy_versions() -> None:
    op.create_table(
        "policy_versions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.Column("published_person", sa.Text(), nullable=False),
        sa.Column("published_at", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_versions")),
        info={"class": "governed", "kind": "policy_version", "value": "PolicyVersion"},
        sqlite_strict=True,
    )
    op.create_index(
        "ix_policy_versions_name_version", "policy_versions", ["name", "version"], unique=False
    )


def _append_only() -> None:
    """Refuse updates and deletes of entries; let the head only grow (LG-11)."""
    if op.get_bind().dialect.name == "sqlite":
        for statement in SQLITE:
            op.execute(statement)
    else:
        for statement in POSTGRESQL:
            op.execute(statement)


SQLITE: Final = (
    """CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries
    BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END""",
    """CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries
    BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END""",
    """CREATE TRIGGER ledger_head_grows BEFORE UPDATE ON ledger_head WHEN new.size < old.size
    BEGIN SELECT RAISE(ABORT, 'the ledger never shrinks'); END""",
    """CREATE TRIGGER ledger_head_stays BEFORE DELETE ON ledger_head
    BEGIN SELECT RAISE(ABORT, 'the head is never removed'); END""",
)
POSTGRESQL: Final = (
    """CREATE FUNCTION modelwarden_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$""",
    """CREATE TRIGGER ledger_entries_fixed BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION modelwarden_refuse()""",
    """CREATE TRIGGER ledger_entries_kept BEFORE TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION modelwarden_refuse()""",
    """CREATE TRIGGER ledger_head_grows BEFORE UPDATE ON ledger_head
    FOR EACH ROW WHEN (new.size < old.size) EXECUTE FUNCTION modelwarden_refuse()""",
    """CREATE TRIGGER ledger_head_stays BEFORE DELETE ON ledger_head
    FOR EACH ROW EXECUTE FUNCTION modelwarden_refuse()""",
)
