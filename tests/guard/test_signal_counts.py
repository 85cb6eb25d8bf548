"""What a guard counts for triggers, beside what became of each call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modelwarden.guard.breaker import State
from modelwarden.guard.contract import Contract
from modelwarden.guard.told import counted
from tests.guard.hosts import from_file

if TYPE_CHECKING:
    from pathlib import Path


def test_answers_that_are_no_finite_number_are_counted_one_by_one_and_in_batches(
    tmp_path: Path,
) -> None:
    with from_file(tmp_path, outputs=Contract(low=0.0, high=3.0)) as guard:
        answers = iter([1.0, math.nan, math.inf, 2.0])

        @guard.protect(outputs=Contract(low=0.0, high=3.0))
        def predict() -> float:
            return next(answers)

        for _ in range(4):
            predict()
        assert counted(guard._parts)["non_finite"] == 2
        guard.batch(np.array([0.1, math.nan, 0.2, math.inf, -math.inf]))
        assert counted(guard._parts)["non_finite"] == 5


def test_breakers_that_refuse_are_counted_as_they_stand(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:

        @guard.protect
        def predict() -> float:
            return 1.0

        predict()
        (site,) = guard._parts.sites
        breaker = site.place.breaker(None)
        assert breaker is not None
        for state, expected in (
            (State.FORCED_OPEN, 1),
            (State.DISABLED, 0),
            (State.METRICS_ONLY, 0),
        ):
            breaker.set(state)
            assert counted(guard._parts)["open_breakers"] == expected
