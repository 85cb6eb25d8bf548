"""Use cases are found by an index, by model and by state, however many there are; the index is what the rows say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select, text

from modelwarden.ledger.result import Findings
from modelwarden.registry.use_cases import queries
from modelwarden.store import migrate, use_case_models
from modelwarden.store.database import Database
from modelwarden.store.schema.use_cases import use_cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Select

MANY = 20_000
MODELS = 500
STATEMENTS = {
    "of a model, by name": queries._AFTER_OF_MODEL,
    "of a model, in force": queries._STANDING,
    "impact on a model": queries._IMPACTS,
    "of a state": queries._AFTER_OF_STATE,
    "by name": queries._AFTER,
}
PARAMS = {
    "model": "model-7",
    "after": "case-010000",
    "state": "submitted",
    "states": ["draft", "submitted"],
    "limit": 50,
}


def _row(number: int) -> dict[str, object]:
    models = f'["model-{number % MODELS}"]' if number % 3 else "[]"
    empty = {"owner_group": "", "authors": "[]", "systems": "[]", "live_in": "[]", "revision": 1}
    return empty | {
        "name": f"case-{number:06}",
        "owner": "usr_1",
        "created_by": "usr_1",
        "created_at": "2026-11-20T11:19:40.000000Z",
        "models": models,
        "state": "submitted" if number % 1_000 == 0 else "draft",
    }


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    database = Database(store_url)
    try:
        migrate.migrate(database)
        with database.writing() as opened:
            yield opened
    finally:
        database.close()


def _plan(connection: Connection, statement: Select) -> str:
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    wanted = statement.compile(dialect=connection.dialect).construct_expanded_state(PARAMS)
    order = wanted.positiontup
    params = wanted.parameters if order is None else tuple(wanted.parameters[n] for n in order)
    rows = connection.exec_driver_sql(f"{explain} {wanted.statement}", params)
    return "\n".join(str(row) for row in rows)


def test_an_index_finds_them_among_many(connection: Connection) -> None:
    connection.execute(insert(use_cases), [_row(number) for number in range(MANY)])
    connection.execute(text("ANALYZE"))
    for name, statement in STATEMENTS.items():
        plan = _plan(connection, statement)
        assert "SCAN" not in plan, name
        assert "Seq Scan" not in plan, name
        assert "TEMP B-TREE FOR ORDER BY" not in plan, name
        assert "SEARCH" in plan or "Index" in plan, name


def test_what_is_found_follows_every_write(connection: Connection) -> None:
    connection.execute(insert(use_cases), [_row(number) for number in range(6)])
    by_model = select(use_case_models.links).order_by(use_case_models.links.c.model)
    assert [tuple(row) for row in connection.execute(by_model)] == [
        (f"model-{n}", f"case-00000{n}") for n in (1, 2, 4, 5)
    ]
    moved = use_cases.update().where(use_cases.c.name == "case-000001")
    connection.execute(moved.values(models='["a","b"]', state="submitted"))
    connection.execute(
        use_cases.update().where(use_cases.c.name == "case-000002").values(models="[]")
    )
    found = {tuple(row) for row in connection.execute(by_model)}
    assert found == {
        ("a", "case-000001"), ("b", "case-000001"), ("model-4", "case-000004"), ("model-5", "case-000005"),
    }  # fmt: skip
    findings = Findings()
    use_case_models.check(connection, findings)
    assert findings.problems == []


def test_a_row_that_is_no_list_of_models_hinders_no_write(connection: Connection) -> None:
    """What was altered in the database can still be copied, and verified."""
    for number, models in enumerate(("x", "{", "7", '"model-1"')):
        connection.execute(insert(use_cases), _row(number) | {"models": models})
    connection.execute(use_cases.update().values(models="no"))
    assert connection.execute(select(use_case_models.links)).all() == []
    findings = Findings()
    use_case_models.check(connection, findings)
    assert findings.problems == []  # the row itself is not what its entry recorded: that is said


@pytest.mark.parametrize(
    "altered",
    [
        "DELETE FROM use_case_models WHERE model = 'model-4'",
        "INSERT INTO use_case_models (model, use_case) VALUES ('other', 'case-000003')",
        "UPDATE use_case_models SET model = 'other' WHERE use_case = 'case-000005'",
    ],
)
def test_verification_names_an_index_that_was_altered(connection: Connection, altered: str) -> None:
    connection.execute(insert(use_cases), [_row(number) for number in range(6)])
    connection.execute(text(altered))
    findings = Findings()
    use_case_models.check(connection, findings)
    assert [problem.code for problem in findings.problems] == ["state_mismatch"]
