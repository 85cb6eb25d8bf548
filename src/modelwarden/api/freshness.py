"""Routes of datasets that arrive: what they have to be like, and whether they are (SG-44)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.shapes import Moment, Shape, Word, answers, page, pages
from modelwarden.permissions import Permission
from modelwarden.safeguards import actions
from modelwarden.safeguards.triggers.answers import dataset_answer
from modelwarden.values.pages import Page
from modelwarden.values.triggers import DatasetAnswer

router = APIRouter(prefix="/api/governance/freshness", route_class=StrictRoute, tags=["freshness"])

Reader = Annotated[Caller, may(Permission.SWITCH_READ)]
Seconds = Annotated[int, Field(ge=1, le=2**31 - 1)]
Rows = Annotated[int, Field(ge=0, le=10**15)]
Columns = (
    Annotated[list[Word], Field(max_length=2_000)]
    | Annotated[dict[Word, Word], Field(max_length=2_000)]
)


class ExpectedBody(Shape):
    """Body of PUT freshness/{dataset}: columns are names, or name → type."""

    cadence_s: Seconds
    max_age_s: Seconds
    min_rows: Rows = 0
    columns: Columns | None = None


class ArrivedBody(Shape):
    """Body of POST freshness/{dataset}: what arrives; what is left out is not known."""

    as_of: Moment | None = None
    rows: Rows | None = None
    columns: Columns | None = None


@router.get("", responses=pages(DatasetAnswer))
async def datasets(caller: Reader, part: Annotated[Page, Depends(page)]) -> Response:
    """List datasets, by name."""
    return await caller.page(partial(actions.datasets, page=part), dataset_answer, name="freshness")


@router.get("/{dataset}", responses=answers(DatasetAnswer))
async def show(dataset: str, caller: Reader) -> Response:
    """Say how fresh a dataset is now; silence of 1.5 times its cadence is unknown."""
    return await caller.read(partial(actions.dataset, name=dataset), dataset_answer)


@router.put("/{dataset}", responses=answers(DatasetAnswer))
async def put(
    dataset: str, body: ExpectedBody, caller: Annotated[Caller, may(Permission.TRIGGER_WRITE)]
) -> Response:
    """Say what a dataset has to be like."""
    expected = actions.Expected(
        cadence_s=body.cadence_s,
        max_age_s=body.max_age_s,
        min_rows=body.min_rows,
        columns=body.columns,
    )
    action = partial(actions.set_freshness, name=dataset, expected=expected)
    return await caller.write(action, dataset_answer, again=partial(_again, name=dataset))


@router.post("/{dataset}", responses=answers(DatasetAnswer))
async def gate(
    dataset: str, body: ArrivedBody, caller: Annotated[Caller, may(Permission.FRESHNESS_RECORD)]
) -> Response:
    """Check a dataset that arrives, and record what is found."""
    arrived = actions.Arrived(as_of=body.as_of, rows=body.rows, columns=body.columns)
    action = partial(actions.gate_freshness, name=dataset, arrived=arrived)
    return await caller.write(action, dataset_answer, again=partial(_again, name=dataset))


def _again(view: Any, _found: str, *, name: str) -> DatasetAnswer:  # noqa: ANN401  # a view
    return dataset_answer(view, actions.dataset(view, name))
