from __future__ import annotations

from dataclasses import fields, replace
from itertools import product

from sqlalchemy import create_engine, insert, select

from modelwarden.registry import queries
from modelwarden.registry.lifecycle import ApprovalState
from modelwarden.registry.version import Version
from modelwarden.store.governed import as_stored
from modelwarden.store.schema.registry import versions
from tests.registry.sample import NOW, version

COLUMNS = tuple(field.name for field in fields(Version))


def every_state() -> list[Version]:
    states = [None, *(state.value for state in ApprovalState)]
    lives = [(), ("production",), ("staging",), ("production", "staging")]
    made = []
    for production, staging, live, ended, retired in product(
        states, states, lives, ("", "rolled_back"), (None, NOW)
    ):
        asked = {"production": production, "staging": staging}
        approvals = {place: state for place, state in asked.items() if state is not None}
        made.append(
            replace(
                version(str(len(made))),
                approvals=approvals,
                live_in=live,
                last_ended=ended,
                retired_at=retired,
            )
        )
    return made


def test_lists_filter_by_the_status_and_stage_that_a_version_has() -> None:
    made = every_state()
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        versions.create(connection)
        connection.execute(insert(versions), [as_stored(item, COLUMNS) for item in made])
        rows = connection.execute(select(versions.c.name, queries._STATUS, queries._STAGE)).all()
        kept = connection.execute(select(versions)).all()
    engine.dispose()
    assert {tuple(row) for row in rows} == {(v.name, v.status.value, v.stage.value) for v in made}
    assert {row.name: queries.as_version(row) for row in kept} == {v.name: v for v in made}
