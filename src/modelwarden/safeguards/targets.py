"""What a scope names has to be there: a typing error would look like a stop and stop nothing (SG-3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import readable
from modelwarden.errors import UnknownTarget
from modelwarden.guard.scope import Form
from modelwarden.permissions import Permission
from modelwarden.registry.reads import resource_of
from modelwarden.safeguards import queries
from modelwarden.safeguards.reach import MODEL

if TYPE_CHECKING:
    from modelwarden.guard.scope import Condition, Scope
    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName

VERSION: Final = "version"


def check_targets(view: View, scope: Scope, exception: Scope) -> None:
    """Look up the models and versions that a new switch names, also those that it leaves out.

    Raises UnknownTarget for one that is not registered, or that the caller can't read: the two look alike (AC-13).
    """
    for part in (scope, exception):
        conditions = _by_dimension(part)
        named = _check_models(view, conditions.get(MODEL))
        if VERSION in conditions:
            _check_versions(view, conditions[VERSION], named or _named(scope))


def _check_models(view: View, condition: Condition | None) -> tuple[ModelName, ...]:
    """Return the names that were looked up."""
    if condition is None:
        return ()
    if condition.form is Form.PREFIX:
        if not queries.some_model_begins(view, condition.values[0]):
            raise UnknownTarget(MODEL, [f"{condition.values[0]}…"])
        return ()
    found = queries.models_named(view, condition.values)
    unknown = [
        name
        for name in condition.values
        if name not in found
        or not readable(view, Permission.MODEL_READ, on=resource_of(found[name]))
    ]
    if unknown:
        raise UnknownTarget(MODEL, unknown)
    return _names(condition)


def _check_versions(view: View, condition: Condition, models: tuple[ModelName, ...]) -> None:
    """Look labels up among the versions of these models, or of all where none is named."""
    if condition.form is Form.PREFIX:
        if not queries.some_label_begins(view, condition.values[0], models):
            raise UnknownTarget(VERSION, [f"{condition.values[0]}…"])
        return
    known = queries.labels_known(view, condition.values, models)
    unknown = [label for label in condition.values if label not in known]
    if unknown:
        raise UnknownTarget(VERSION, unknown)


def _named(scope: Scope) -> tuple[ModelName, ...]:
    return _names(_by_dimension(scope).get(MODEL))


def _by_dimension(scope: Scope) -> dict[str, Condition]:
    return {condition.dimension: condition for condition in scope.conditions}


def _names(condition: Condition | None) -> tuple[ModelName, ...]:
    if condition is None or condition.form is not Form.ANY_OF:
        return ()
    return condition.values  # type: ignore[return-value]  # names of models that were found
