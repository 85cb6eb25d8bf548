"""Tables of actors, rights and credentials."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Index, Integer, Text

from modelwarden.store.schema.columns import attached, governed, other

actors: Final = governed(
    "actors",
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("handle", Text, nullable=False),
    Column("handle_index", Text, nullable=False, unique=True),
    Column("email", Text),
    Column("email_index", Text),
    Column("details", Text),
    Column("owner", Text),
    Column("created_at", Text, nullable=False),
    Column("erased_at", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_actors_person", "person"),
    Index("ix_actors_email_index", "email_index"),
    Index("ix_actors_owner", "owner"),
    kind="actor",
    value="Actor",
)
bindings: Final = governed(
    "bindings",
    Column("id", Text, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("not_before", Text),
    Column("expires_at", Text),
    Column("granted_by", Text, nullable=False),
    Column("granted_person", Text, nullable=False),
    Column("reason", Text),
    Column("created_at", Text, nullable=False),
    Column("revoked_at", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_bindings_actor", "actor"),
    Index("ix_bindings_role", "role"),
    kind="binding",
    value="Binding",
)
roles: Final = governed(
    "roles",
    Column("name", Text, primary_key=True),
    Column("permissions", Text, nullable=False),
    Column("includes", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    kind="role",
    value="Role",
)
tokens: Final = governed(
    "tokens",
    Column("id", Text, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("secret_digest", Text, nullable=False, unique=True),
    Column("scopes", Text),
    Column("networks", Text, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("revoked_at", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_tokens_actor", "actor"),
    kind="token",
    value="Token",
)
person_keys: Final = governed(
    "person_keys",
    Column("id", Text, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("pem", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("valid_from", Text, nullable=False),
    Column("valid_to", Text, nullable=False),
    Column("confirmed_by", Text),
    Column("lent_by", Text),
    Column("revoked_at", Text),
    Column("revoked_as", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_person_keys_actor", "actor"),
    kind="key",
    value="PersonKey",
)
permits: Final = governed(
    "permits",
    Column("id", Text, primary_key=True),
    Column("action", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("spent_at", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_permits_requester", "requester", "action"),
    kind="permit",
    value="Permit",
)
identities: Final = governed(
    "identities",
    Column("id", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_index", Text, nullable=False, unique=True),
    Column("actor", Text, nullable=False),
    Column("mapped_by", Text, nullable=False),
    Column("mapped_at", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_identities_actor", "actor"),
    kind="identity",
    value="Identity",
)
groups: Final = governed(
    "groups",
    Column("name", Text, primary_key=True),
    Column("members", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    kind="group",
    value="PeopleGroup",
)
delegations: Final = governed(
    "delegations",
    Column("id", Text, primary_key=True),
    Column("delegator", Text, nullable=False),
    Column("delegate", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("starts_at", Text, nullable=False),
    Column("ends_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("revision", Integer, nullable=False),
    Index("ix_delegations_delegator", "delegator"),
    Index("ix_delegations_delegate", "delegate"),
    kind="delegation",
    value="Delegation",
)
person_links: Final = attached(
    "person_links",
    Column("previous", Text, primary_key=True),
    Column("person", Text, nullable=False),
)
epochs: Final = other(
    "actor_epochs",
    Column("actor", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),
    role="plumbing",
)
token_uses: Final = other(
    "token_uses",
    Column("token", Text, primary_key=True),
    Column("minute", Text, nullable=False),
    role="telemetry",
)
challenges: Final = other(
    "key_challenges",
    Column("id", Text, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("used", Boolean, nullable=False),
    role="plumbing",
    kept=("sessions", "expires_at"),
)
set_up_links: Final = other(
    "set_up_links",
    Column("secret_digest", Text, primary_key=True),
    Column("expires_at", Text, nullable=False),
    Column("used", Boolean, nullable=False),
    role="plumbing",
    kept=("sessions", "expires_at"),
)
bootstrap: Final = other(
    "bootstrap",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("until", Text, nullable=False),
    Column("ended", Boolean, nullable=False),
    role="plumbing",
)
