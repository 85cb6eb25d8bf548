"""A server's verification, held to what this client knew of the ledger before (step 10 of section 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from modelwarden.client.remembered import Remembered, demand_consistency, first_use
from modelwarden.errors import NotPermitted
from modelwarden.ledger.steps import ELSEWHERE, Status

if TYPE_CHECKING:
    from modelwarden.client.remembered import Memory
    from modelwarden.values.answers import (
        CheckpointAnswer,
        ProblemAnswer,
        StepAnswer,
        VerificationAnswer,
    )

NOT_PERMITTED: Final = "remembered checkpoint: this token may not read checkpoints"


class Shows(Protocol):
    """What is asked of the server's ledger."""

    def checkpoint(self) -> CheckpointAnswer:
        """Return the newest checkpoint."""
        ...

    def keys(self) -> tuple[str, ...]:
        """Return the keys that sign."""
        ...

    def consistency(self, old: int, new: int | None = None) -> str:
        """Return a consistency proof."""
        ...


def held_to_memory(
    audit: Shows, found: VerificationAnswer, *, url: str, memory: Memory
) -> VerificationAnswer:
    """Return the answer with what this client knew before held against the server, and remember its checkpoint."""
    try:
        known = memory.of(url)
        outcome = _outcome(audit, known)
        if isinstance(outcome, Remembered):
            memory.keep(url, outcome)
    except NotPermitted:
        return _noting(found, NOT_PERMITTED)
    except (OSError, ValueError) as error:
        return _noting(found, f"remembered checkpoint: {memory.path} can't be used: {error}")
    if isinstance(outcome, Remembered):
        what = "the first that this client sees" if known is None else "this client's memory"
        return replace(found, steps=_said(found, f"checkpoint: {what}"))
    where = replace(
        outcome,
        detail=f"{outcome.detail} (remembered in {memory.path}; remove its line for {url} to begin anew)",
    )
    return replace(found, ok=False, problems=(*found.problems, where), steps=_failed(found, where))


def _outcome(audit: Shows, known: Remembered | None) -> Remembered | ProblemAnswer:
    shown, keys = audit.checkpoint().note, audit.keys()
    if known is None:
        return first_use(shown, keys)
    return demand_consistency(known, shown, keys=keys, proof_from=audit.consistency)


def _noting(found: VerificationAnswer, text: str) -> VerificationAnswer:
    steps = tuple(
        replace(step, status=str(Status.NOT_CHECKED), detail=text)
        if step.number == ELSEWHERE and step.status != Status.FAILED
        else step
        for step in found.steps
    )
    return replace(found, not_checked=(*found.not_checked, text), steps=steps)


def _said(found: VerificationAnswer, text: str) -> tuple[StepAnswer, ...]:
    return tuple(
        replace(step, detail=f"{step.detail}; {text}" if step.detail else text)
        if step.number == ELSEWHERE
        else step
        for step in found.steps
    )


def _failed(found: VerificationAnswer, problem: ProblemAnswer) -> tuple[StepAnswer, ...]:
    return tuple(
        replace(step, status=str(Status.FAILED), detail=f"{problem.code}: {problem.detail}")
        if step.number == ELSEWHERE
        else step
        for step in found.steps
    )
