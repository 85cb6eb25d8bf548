"""Bringing a database to this release's schema: forward only, and never one that a newer release wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, text

from modelwarden.errors import SchemaTooNew, SchemaTooOld

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from modelwarden.store.database import Database

NEWEST: Final = "0028_use_case_models"
"""The revision that this release works with; a test compares it with Alembic's head."""
_ALONE: Final = text("SELECT pg_advisory_xact_lock(hashtext('modelwarden:migrate'))")
SCRIPTS: Final = Path(__file__).parent / "migrations"


def revision(connection: Connection) -> str | None:
    """Return the schema revision of a database, or None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def require_current(database: Database) -> bool:
    """Return whether the database has a schema at all. Raises SchemaTooOld or SchemaTooNew for any but ours."""
    with database.reading() as connection:
        found = revision(connection)
    if found not in {None, NEWEST}:
        if found in _known():
            raise SchemaTooOld(
                f"the schema is {found}, this release works with {NEWEST}: run `modelwarden migrate`"
            )
        raise SchemaTooNew(f"the schema {found} was made by a newer release; update this one")
    return found is not None


def migrate(database: Database) -> str:
    """Bring the database to the newest schema and return its name. Raises SchemaTooNew."""
    from alembic import command  # noqa: PLC0415  # slow to import, seldom needed
    from alembic.config import Config  # noqa: PLC0415

    with database.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(_ALONE)  # processes that start at once migrate one after the other
        found = revision(connection)
        if found is not None and found not in _known():
            raise SchemaTooNew(f"the schema {found} was made by a newer release; update this one")
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return NEWEST


def _known() -> frozenset[str]:
    return frozenset(path.stem for path in (SCRIPTS / "versions").glob("[0-9]*.py"))
