"""The SQL of use cases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select

from modelwarden.registry.use_case import Impact, UseCase, UseCaseState
from modelwarden.store.schema.use_cases import use_cases
from modelwarden.store.use_case_models import links
from modelwarden.values.clock import maybe_moment, moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Row

    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName, UseCaseName

MOST: Final = 1_000

_ONE: Final = select(use_cases).where(use_cases.c.name == bindparam("name"))
_LOCKED: Final = _ONE.with_for_update()
_AFTER: Final = (
    select(use_cases)
    .where(use_cases.c.name > bindparam("after"))
    .order_by(use_cases.c.name)
    .limit(bindparam("limit"))
)
_AFTER_OF_STATE: Final = _AFTER.where(use_cases.c.state == bindparam("state"))
_AFTER_OF_MODEL: Final = (
    select(use_cases)
    .join(links, links.c.use_case == use_cases.c.name)
    .where(
        links.c.model == bindparam("model"),
        links.c.use_case > bindparam("after"),
        use_cases.c.state.in_(bindparam("states", expanding=True)),
    )
    .order_by(links.c.use_case)
    .limit(bindparam("limit"))
)
_STANDING: Final = (
    select(use_cases)
    .join(links, links.c.use_case == use_cases.c.name)
    .where(links.c.model == bindparam("model"), use_cases.c.state != UseCaseState.DEPRECATED.value)
    .order_by(links.c.use_case)
)
_IMPACTS: Final = (
    select(use_cases.c.impact)
    .distinct()
    .join(links, links.c.use_case == use_cases.c.name)
    .where(
        links.c.model == bindparam("model"),
        use_cases.c.state != UseCaseState.DEPRECATED.value,
        use_cases.c.impact.is_not(None),
    )
    .order_by(use_cases.c.impact)
)
_DUE: Final = (
    select(use_cases.c.name)
    .where(
        use_cases.c.state == UseCaseState.DEPRECATED.value,
        use_cases.c.sunset_at <= bindparam("now"),
        use_cases.c.stopped_at.is_(None),
    )
    .order_by(use_cases.c.sunset_at)
    .limit(MOST)
)


def find_use_case(view: View, name: str, *, lock: bool = False) -> UseCase | None:
    """Return a use case, or None; `lock` holds its row until the commit."""
    row = view.row(_LOCKED if lock else _ONE, {"name": name})
    return None if row is None else _as_use_case(row)


def use_cases_after(
    view: View, after: str, *, model: str | None, state: UseCaseState | None, limit: int
) -> list[UseCase]:
    """Return the use cases whose names follow, in order."""
    params: dict[str, object] = {"after": after, "limit": limit}
    if model is not None:
        states = [one.value for one in UseCaseState if state in {None, one}]
        return _all(view.rows(_AFTER_OF_MODEL, params | {"model": model, "states": states}))
    if state is not None:
        return _all(view.rows(_AFTER_OF_STATE, params | {"state": state.value}))
    return _all(view.rows(_AFTER, params))


def use_cases_of(view: View, model: ModelName) -> list[UseCase]:
    """Return every use case that a model serves, but the deprecated ones."""
    return _all(view.rows(_STANDING, {"model": model}))


def impacts_on(view: View, model: ModelName) -> list[Impact]:
    """Return each impact level of a use case that a model serves, but the deprecated ones."""
    return [Impact(row.impact) for row in view.rows(_IMPACTS, {"model": model})]


def sunset_due(view: View) -> list[UseCaseName]:
    """Return the deprecated use cases whose time has come, the oldest first."""
    return [row.name for row in view.rows(_DUE, {"now": timestamp(view.now)})]


def _all(rows: Iterable[Row[Any]]) -> list[UseCase]:
    return [_as_use_case(row) for row in rows]


def _as_use_case(row: Row[Any]) -> UseCase:
    return UseCase(
        name=row.name,
        owner=row.owner,
        owner_group=row.owner_group,
        created_by=row.created_by,
        created_at=moment(row.created_at),
        authors=tuple(json.loads(row.authors)),
        title=row.title,
        description=row.description,
        models=tuple(json.loads(row.models)),
        impact=None if row.impact is None else Impact(row.impact),
        systems=tuple(json.loads(row.systems)),
        input_schema=row.input_schema,
        output_schema=row.output_schema,
        state=UseCaseState(row.state),
        live_in=tuple(json.loads(row.live_in)),
        request=row.request,
        deprecated_at=maybe_moment(row.deprecated_at),
        replacement=row.replacement,
        sunset_at=maybe_moment(row.sunset_at),
        stopped_at=maybe_moment(row.stopped_at),
        revision=row.revision,
    )
