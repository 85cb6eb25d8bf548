"""Checks as pages show them: what each came to, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from modelwarden.policies.check_answers import check_answer, verdict
from modelwarden.values.checks import CheckAnswer

OUTCOMES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "pass": ("ok", "Passed"),
        "fail": ("bad", "Failed"),
        "unknown": ("warn", "Unknown"),
        "stale": ("warn", "Too old"),
        "error": ("bad", "Error"),
        "waived": ("warn", "Waived"),
        "not_applicable": ("mut", "Does not apply"),
    }
)


class Checked(NamedTuple):
    """A check run with each result in words; `at` is when it was evaluated."""

    id: str
    environment: str
    occasion: str
    verdict: str
    at: datetime
    results: tuple[tuple[CheckAnswer, tuple[str, str]], ...]


def checked(run: Any) -> Checked:  # noqa: ANN401  # a check run
    """Return a run for a page."""
    answers = [check_answer(result) for result in run.found]
    return Checked(
        id=run.id,
        environment=run.environment.value,
        occasion=run.occasion.value,
        verdict=verdict(run.found),
        at=run.evaluated_at,
        results=tuple((each, OUTCOMES[each.outcome]) for each in answers),
    )
