"""Which use cases name a model: what `use_cases.models` says, the other way round, so that nothing reads all of them.

Derived, and no part of the metadata: a trigger of the database keeps it with each row that is written, whichever
release writes. A backup need not carry it. Verification compares it with the rows; a row that was altered into no list
of models is named there, and hinders nothing here.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import orjson
from sqlalchemy import Text, bindparam, column, select, table

from modelwarden.store.schema.use_cases import use_cases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from modelwarden.ledger.result import Findings

PAGE: Final = 500

links: Final = table("use_case_models", column("model", Text), column("use_case", Text))

TABLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "sqlite": (
            """CREATE TABLE use_case_models (model TEXT NOT NULL, use_case TEXT NOT NULL,
            PRIMARY KEY (model, use_case)) STRICT, WITHOUT ROWID""",
            "CREATE INDEX ix_use_case_models_use_case ON use_case_models (use_case)",
            """CREATE TRIGGER use_case_models_begin AFTER INSERT ON use_cases BEGIN
            INSERT OR IGNORE INTO use_case_models SELECT value, new.name
            FROM json_each(iif(json_valid(new.models), new.models, '[]')); END""",
            """CREATE TRIGGER use_case_models_follow AFTER UPDATE OF models ON use_cases
            WHEN old.models IS NOT new.models BEGIN
            DELETE FROM use_case_models WHERE use_case = new.name;
            INSERT OR IGNORE INTO use_case_models SELECT value, new.name
            FROM json_each(iif(json_valid(new.models), new.models, '[]')); END""",
            "INSERT INTO use_case_models SELECT value, name FROM use_cases, json_each(use_cases.models)",
        ),
        "postgresql": (
            """CREATE TABLE use_case_models (model TEXT NOT NULL, use_case TEXT NOT NULL,
            PRIMARY KEY (model, use_case))""",
            "CREATE INDEX ix_use_case_models_use_case ON use_case_models (use_case)",
            """CREATE FUNCTION keep_use_case_models() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            DELETE FROM use_case_models WHERE use_case = new.name;
            INSERT INTO use_case_models
            SELECT DISTINCT value, new.name FROM jsonb_array_elements_text(new.models::jsonb);
            RETURN NULL; EXCEPTION WHEN data_exception THEN RETURN NULL; END $$""",
            """CREATE TRIGGER use_case_models_begin AFTER INSERT ON use_cases
            FOR EACH ROW EXECUTE FUNCTION keep_use_case_models()""",
            """CREATE TRIGGER use_case_models_follow AFTER UPDATE OF models ON use_cases
            FOR EACH ROW WHEN (old.models IS DISTINCT FROM new.models)
            EXECUTE FUNCTION keep_use_case_models()""",
            """INSERT INTO use_case_models
            SELECT value, name FROM use_cases, jsonb_array_elements_text(use_cases.models::jsonb)""",
        ),
    }
)

_ROWS: Final = (
    select(use_cases.c.name, use_cases.c.models)
    .where(use_cases.c.name > bindparam("after"))
    .order_by(use_cases.c.name)
    .limit(PAGE)
)
_LINKS: Final = select(links).where(links.c.use_case.in_(bindparam("names", expanding=True)))


def check(connection: Connection, findings: Findings) -> None:
    """Name each use case whose models are found otherwise than its row says."""
    after = ""
    while rows := connection.execute(_ROWS, {"after": after}).all():
        found: dict[str, set[str]] = {row.name: set() for row in rows}
        for link in connection.execute(_LINKS, {"names": list(found)}):
            found[link.use_case].add(link.model)
        for row in rows:
            if found[row.name] != set(_models(row.models)):
                detail = f"use_case {row.name}: it is not found by the models that it names"
                findings.add("state_mismatch", -1, detail)
        after = rows[-1].name


def _models(text: str) -> list[str]:
    try:
        named = orjson.loads(text)
    except orjson.JSONDecodeError:  # an altered row, which is named for that
        return []
    return named if isinstance(named, list) else []
