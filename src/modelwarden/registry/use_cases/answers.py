"""Use cases as callers get them, with handles and words filled in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modelwarden.access.accounts import handle_of
from modelwarden.registry.use_case import TIER
from modelwarden.store.erasing import shown
from modelwarden.values.use_cases import UseCaseAnswer

if TYPE_CHECKING:
    from modelwarden.registry.use_case import UseCase
    from modelwarden.store.change import View
    from modelwarden.values.ids import Commitment


def use_case_answer(view: View, found: UseCase) -> UseCaseAnswer:
    """Return a use case as callers see it."""
    return UseCaseAnswer(
        usecase=found.name,
        name=shown(view, found.title),
        description=shown(view, found.description),
        owner=found.owner_group or handle_of(view, found.owner),
        owner_person=handle_of(view, found.owner),
        models=found.models,
        input_schema=_schema(view, found.input_schema),
        output_schema=_schema(view, found.output_schema),
        impact_level=None if found.impact is None else found.impact.value,
        risk_tier=None if found.impact is None else TIER[found.impact],
        affected_systems=found.systems,
        status=found.state.value,
        live_in=found.live_in,
        request=found.request,
        created_by=handle_of(view, found.created_by),
        created_at=found.created_at,
        deprecated_at=found.deprecated_at,
        replacement=found.replacement,
        sunset_at=found.sunset_at,
        stopped_at=found.stopped_at,
        revision=found.revision,
    )


def _schema(view: View, text: Commitment | None) -> dict[str, Any] | None:
    words = view.words(text)
    return None if words is None else json.loads(words)
