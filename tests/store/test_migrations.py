"""One schema: what migrations make, what the tables declare, and what a release accepts."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import modelwarden
from modelwarden.errors import SchemaTooNew, SchemaTooOld
from modelwarden.store import migrate
from modelwarden.store.database import Database
from modelwarden.store.governed import place_of
from modelwarden.store.schema.columns import METADATA
from modelwarden.store.tables import all_tables, governed_tables
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROLES = {"governed", "attached", "text", "telemetry", "plumbing"}


@pytest.fixture
def database(bare_url: str) -> Iterator[Database]:
    opened = Database(bare_url)
    migrate.migrate(opened)
    yield opened
    opened.close()


def test_migrations_make_exactly_the_tables_that_are_declared(database: Database) -> None:
    all_tables()
    with database.reading() as connection:
        opts = {"compare_type": True, "include_name": _is_declared}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, METADATA) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    assert migrate.migrate(database) == migrate.NEWEST
    assert migrate.require_current(database)


def test_the_newest_schema_is_the_head_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.NEWEST]


def test_an_empty_database_has_no_schema(bare_url: str) -> None:
    opened = Database(bare_url)
    assert not migrate.require_current(opened)
    opened.close()


def test_a_newer_schema_is_left_alone(database: Database, bare_url: str, tmp_path: Path) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    with pytest.raises(SchemaTooNew):
        migrate.migrate(database)
    with pytest.raises(SchemaTooNew):
        open_warden(bare_url, keys_folder=tmp_path / "keys")


def test_an_older_schema_asks_for_migrate(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "NEWEST", "0002_next")  # as the next release has it
    with pytest.raises(SchemaTooOld):
        migrate.require_current(database)


def test_every_table_says_what_it_is_to_the_ledger() -> None:
    assert {table.info.get("class") for table in all_tables()} <= ROLES


def test_every_governed_table_keeps_the_fields_of_one_class() -> None:
    classes = _classes()
    tables = governed_tables()
    assert len({table.info["kind"] for table in tables}) == len(tables)
    for table in tables:
        (value,) = classes[table.info["value"]]
        place = place_of(value)
        assert place.table is table
        assert "revision" in place.fields


def _is_declared(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out what each database keeps in tables of its own kind (store/words.py, store/use_case_models.py)."""
    return kind != "table" or not str(name).startswith(("ledger_words", "use_case_models"))


def _classes() -> dict[str, set[type[Any]]]:
    found: dict[str, set[type[Any]]] = {}
    for room in (
        "access", "registry", "policies", "approvals", "deployments", "privacy", "notify", "safeguards",
        "sla",
    ):  # fmt: skip
        package = importlib.import_module(f"{modelwarden.__name__}.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, type) and value.__name__ == name:
                    found.setdefault(name, set()).add(value)
    return found
