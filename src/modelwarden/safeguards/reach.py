"""Which models a switch names, and which it may touch. Pure: nothing is asked but the switch and the model.

The guard decides what a switch does to one call; this answers for all calls of a model, so what it can't know matches.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.guard.scope import FOLDED, Form, normalise, read_condition
from modelwarden.values.ids import MODEL_NAME, ModelName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.guard.scope import Condition
    from modelwarden.safeguards.switch import Switch

MODEL: Final = "model"
TYPE: Final = "model_type"
OF_MODEL: Final = frozenset({MODEL, TYPE})


class Reach(NamedTuple):
    """Where a switch applies; a condition that can't be read any more is None, and holds."""

    scope: Mapping[str, Condition | None]
    exception: Mapping[str, Condition | None]

    @property
    def models(self) -> tuple[ModelName, ...]:
        """The models that it names one by one; none where it says which ones it leaves out, or how they begin."""
        condition = self.scope.get(MODEL)
        if condition is None or condition.form is not Form.ANY_OF:
            return ()
        return tuple(ModelName(value) for value in condition.values)

    def may_touch(self, model: str, model_type: str | None) -> bool:
        """Tell whether some call of this model may match. A type that is not known may be any (SG-4)."""
        values = {MODEL: model, TYPE: model_type or None}
        within = all(
            holds(self.scope[name], values[name], name) for name in OF_MODEL & {*self.scope}
        )
        return within and not self._carves_out(values)

    def _carves_out(self, values: Mapping[str, str | None]) -> bool:
        """Tell whether every call of the model falls under the exception."""
        names = {*self.exception}
        return (
            bool(names)
            and names <= OF_MODEL
            and all(
                (condition := self.exception[name]) is not None
                and values[name] is not None
                and holds(condition, values[name], name)
                for name in names
            )
        )


def reach_of(switch: Switch) -> Reach:
    """Return where a switch applies."""
    return Reach(_read(switch.scope), _read(switch.exception))


def may_touch(switch: Switch, model: str, model_type: str | None) -> bool:
    """Tell whether some call of this model may match the switch."""
    return reach_of(switch).may_touch(model, model_type)


def holds(condition: Condition | None, value: str | None, dimension: str) -> bool:
    """Tell whether a value fulfils a condition; one that is not known does, and any does where it can't be read."""
    text = None if value is None else normalise(value, folds=dimension in FOLDED)
    if condition is None or text is None:
        return True
    match condition.form:
        case Form.ANY_OF:
            return text in condition.values
        case Form.NONE_OF:
            return text not in condition.values
        case Form.PREFIX:
            return text.startswith(condition.values[0])


def registrable(names: tuple[ModelName, ...]) -> tuple[ModelName, ...]:
    """Return the names that a model could have, for entries of the ledger; others may be anybody's words."""
    return tuple(name for name in names if MODEL_NAME.fullmatch(name))


def _read(text: str) -> dict[str, Condition | None]:
    return {name: read_condition(name, raw) for name, raw in json.loads(text).items()}
