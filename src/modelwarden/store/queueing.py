"""Changes of one sort that wait for each other, whichever process makes them, until the commit of the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, text

if TYPE_CHECKING:
    from modelwarden.store.change import View

_ALONE: Final = text("SELECT pg_advisory_xact_lock(hashtext(:name))").bindparams(bindparam("name"))


def one_by_one(view: View, name: str) -> None:
    """Wait until no other process is within a change of this name; call it before anything is read that it rests on."""
    if view.connection.dialect.name == "postgresql":  # SQLite has one writer anyhow
        # Apart from the names of followers: a leader holds its lock for as long as it leads.
        view.connection.execute(_ALONE, {"name": f"modelwarden:change:{name}"})
