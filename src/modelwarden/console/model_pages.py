"""The pages of models: which there are and what is live of each; and one with its versions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from modelwarden.console.desk import Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.deployments import actions as releases
from modelwarden.registry import actions
from modelwarden.registry.answers import model_answer, version_answer
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.answers import ModelAnswer, VersionAnswer
from modelwarden.values.pages import Listing, Page

ROWS: Final = 25
STATUSES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "archived": ("mut", "Retired"),
        "deployed_production": ("ok", "Live in production"),
        "deployed_staging": ("ok", "Live in staging"),
        "rolled_back": ("warn", "Rolled back"),
        "approved": ("ok", "Approved"),
        "pending": ("info", "Waits for approval"),
        "rejected": ("bad", "Rejected"),
        "registered": ("mut", "Registered"),
    }
)


class Row(NamedTuple):
    """A model with the version that is live in each environment, None where none is."""

    model: ModelAnswer
    live: Mapping[str, str | None]


def read_models(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return a page of models."""
    page = Page(limit=ROWS, cursor=query.get("cursor"))
    found = actions.models(view, page, wanted=_wanted(query))
    rows = [Row(model_answer(view, each), live_of(view, each.name)) for each in found.items]
    return {"rows": rows, "more": found.next_cursor}


def model_rows(view: Any, query: Fields, page: Page) -> Listing[ModelAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of models."""
    found = actions.models(view, page, wanted=_wanted(query))
    return Listing(tuple(model_answer(view, each) for each in found.items), found.next_cursor)


def read_model(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return a model with a page of its versions. Raises ModelNotFound."""
    found = version_rows(view, query, Page(limit=ROWS, cursor=query.get("cursor")))
    return {
        "m": model_answer(view, actions.model(view, query["model"])),
        "live": live_of(view, query["model"]),
        "rows": [(each, STATUSES[each.status]) for each in found.items],
        "more": found.next_cursor,
    }


def version_rows(view: Any, query: Fields, page: Page) -> Listing[VersionAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of a model's versions."""
    status = actions.version_status(query.get("status"))
    found = actions.versions(view, query["model"], page, status=status)
    return Listing(tuple(version_answer(view, each) for each in found.items), found.next_cursor)


def live_of(view: Any, model: str) -> Mapping[str, str | None]:  # noqa: ANN401  # a view
    """Return which version is live in each environment."""
    found = {place.value: releases.live(view, model, environment=place) for place in Environment}
    return {place: None if one is None else one.label for place, one in found.items()}


def _wanted(query: Fields) -> actions.ModelFilter:
    return actions.model_filter(
        text=query.get("text"), tag=query.get("tag"), status=query.get("status")
    )


MODELS: Final = Sheet(
    template="models.html",
    title="Models",
    place="/models",
    read=read_models,
    names=("text", "tag", "status", "cursor"),
    rows=model_rows,
)
MODEL: Final = Sheet(
    template="model.html",
    title="Model",
    place="/models/{model}",
    read=read_model,
    names=("status", "cursor"),
    rows=version_rows,
)
