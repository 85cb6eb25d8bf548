"""Alembic's entry: runs revisions on the connection that `store.migrate` hands over."""

from alembic import context

from modelwarden.store.schema import (
    access,
    approvals,
    deployments,
    keys,
    ledger,
    policies,
    privacy,
    registry,
    witness,
)
from modelwarden.store.schema.columns import METADATA

TABLES = (
    access,
    approvals,
    deployments,
    keys,
    ledger,
    policies,
    privacy,
    registry,
    witness,
)  # importing them fills METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
