"""What a verification found, as callers see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.values.answers import ProblemAnswer, StepAnswer, VerificationAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.result import Problem, Result
    from modelwarden.ledger.steps import Step


def verification_answer(result: Result, steps: Sequence[Step] = ()) -> VerificationAnswer:
    """Return a result, and what each step came to, in plain values."""
    return VerificationAnswer(
        ok=result.ok,
        first=result.first,
        last=result.last,
        size=result.size,
        root="" if result.root is None else result.root.hex(),
        signer=result.signer,
        problems=_plain(result.problems),
        warnings=_plain(result.warnings),
        not_checked=result.not_checked,
        uncovered=result.uncovered,
        seconds=result.seconds,
        steps=tuple(
            StepAnswer(number=number, name=name, status=str(status), detail=detail)
            for number, name, status, detail in steps
        ),
    )


def _plain(problems: Sequence[Problem]) -> tuple[ProblemAnswer, ...]:
    return tuple(
        ProblemAnswer(code=code, seq=seq if seq >= 0 else None, detail=detail)
        for code, seq, detail in problems
    )
