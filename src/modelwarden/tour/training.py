"""Training the tour's two models, and measuring them on later years (DATA-2).

The figures are measured here, by plain counting. No check of a policy weighs them yet: that comes with compliance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.errors import TourFailed
from modelwarden.tour.arrests import FEATURES
from modelwarden.tour.logistic import Logistic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.tour.arrests import Arrest

THRESHOLD: Final = 0.8
"""From this probability on, the model advises release."""
CLOSE: Final = 1e-9
ALL_FEATURES: Final = FEATURES
WITHOUT_CITIZEN: Final = tuple(name for name in FEATURES if name != "citizen")
"""Citizenship divides the groups more than any other feature, and adds least to the order of cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A model on cases it has not seen.

    Attributes:
        auc: area under the receiver operating characteristic.
        accuracy: share of answers that are right.
        released: share of each colour that it advises to release.
    """

    auc: float
    accuracy: float
    released: Mapping[str, float]

    @property
    def difference(self) -> float:
        """Return the demographic parity difference: the widest gap between groups; 0 is none."""
        return max(self.released.values()) - min(self.released.values())

    @property
    def ratio(self) -> float:
        """Return the demographic parity ratio: lowest over highest; 1 is equal."""
        return min(self.released.values()) / max(self.released.values())

    def metrics(self) -> dict[str, str]:
        """Return the figures as they are registered: decimal text."""
        return {
            "roc_auc": f"{self.auc:.3f}",
            "accuracy": f"{self.accuracy:.3f}",
            "parity_difference_colour": f"{self.difference:.3f}",
            "parity_ratio_colour": f"{self.ratio:.3f}",
        }


def train(rows: Sequence[Arrest], features: tuple[str, ...]) -> Logistic:
    """Fit a logistic regression that sees these features alone.

    Raises TourFailed if what would be served answers otherwise than what scikit-learn fitted.
    """
    from sklearn.linear_model import (  # type: ignore[import-untyped]  # noqa: PLC0415  # the extra `demo`, slow to import
        LogisticRegression,
    )

    seen = [[row.features[name] for name in features] for row in rows]
    fitted = LogisticRegression(max_iter=1_000).fit(seen, [row.released for row in rows])
    model = Logistic(
        features=features,
        weights=tuple(float(weight) for weight in fitted.coef_[0]),
        intercept=float(fitted.intercept_[0]),
        threshold=THRESHOLD,
    )
    expected = [float(pair[1]) for pair in fitted.predict_proba(seen)]
    served = Logistic.from_bytes(model.to_bytes())
    worst = max(
        abs(served.probability(row.features) - wanted)
        for row, wanted in zip(rows, expected, strict=True)
    )
    if worst > CLOSE:
        raise TourFailed(f"the written model answers otherwise than the fitted one, by {worst}")
    return model


def measure(model: Logistic, rows: Sequence[Arrest]) -> Measured:
    """Count what a model does on these rows."""
    from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]  # noqa: PLC0415

    scores = [model.probability(row.features) for row in rows]
    answers = [score >= model.threshold for score in scores]
    labels = [row.released for row in rows]
    pairs = list(zip(rows, answers, strict=True))
    groups = sorted({row.colour for row in rows})
    released = {
        group: _share([answer for row, answer in pairs if row.colour == group]) for group in groups
    }
    return Measured(
        auc=float(roc_auc_score(labels, scores)),
        accuracy=_share([row.released == answer for row, answer in pairs]),
        released=released,
    )


def _share(answers: Sequence[bool]) -> float:
    return sum(answers) / len(answers)
