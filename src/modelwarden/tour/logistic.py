"""A logistic regression as a small JSON document: what the tour trains, registers and serves. Pure.

Reading it runs no code of the artifact's, as a pickle would. Only the standard library is needed to answer.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from modelwarden.errors import ValueInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

FORM: Final = "modelwarden-tour.logistic/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic:
    """Features in order, a weight for each, and from which probability on the answer is yes."""

    features: tuple[str, ...]
    weights: tuple[float, ...]
    intercept: float
    threshold: float

    def probability(self, case: Mapping[str, float]) -> float:
        """Return how likely the answer is yes. Raises KeyError for a feature that is not given."""
        weighted = (
            weight * case[name] for name, weight in zip(self.features, self.weights, strict=True)
        )
        logit = self.intercept + math.fsum(weighted)
        less = math.exp(-abs(logit))  # at most 1: the other way round overflows for numbers far out
        return 1 / (1 + less) if logit >= 0 else less / (1 + less)

    def answer(self, case: Mapping[str, float]) -> bool:
        """Return yes or no."""
        return self.probability(case) >= self.threshold

    def to_bytes(self) -> bytes:
        """Return the artifact."""
        document = {
            "form": FORM,
            "features": list(self.features),
            "weights": list(self.weights),
            "intercept": self.intercept,
            "threshold": self.threshold,
        }
        return (json.dumps(document, indent=2) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read an artifact. Raises ValueInvalid."""
        try:
            document = json.loads(data)
        except ValueError as error:
            raise ValueInvalid("artifact", f"a {FORM} document") from error
        match document:
            case {
                "form": "modelwarden-tour.logistic/v1",
                "features": [*features],
                "weights": [*weights],
                "intercept": float(intercept),
                "threshold": float(threshold),
            } if len(features) == len(weights):
                return cls(
                    features=tuple(str(name) for name in features),
                    weights=tuple(float(weight) for weight in weights),
                    intercept=intercept,
                    threshold=threshold,
                )
            case _:
                raise ValueInvalid("artifact", f"a {FORM} document")
