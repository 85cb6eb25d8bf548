"""Alembic's environment and revisions: one a change, forward only."""
