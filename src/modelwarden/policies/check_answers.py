"""Evidence and check runs as callers get them, with handles filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of
from modelwarden.policies.checking import is_reproduced
from modelwarden.values.checks import CheckAnswer, CheckRunAnswer, EvidenceAnswer, SeenAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.policies.check_run import CheckRun
    from modelwarden.policies.evidence import Evidence
    from modelwarden.policies.result import Result
    from modelwarden.store.change import View


def evidence_answer(view: View, evidence: Evidence) -> EvidenceAnswer:
    """Return a piece of evidence as callers see it."""
    return EvidenceAnswer(
        id=evidence.id,
        kind=evidence.kind.value,
        model=evidence.model,
        version=evidence.version,
        subject=evidence.subject,
        value=evidence.value,
        value_sha256=evidence.value_sha256,
        tool=evidence.tool,
        inputs=evidence.inputs,
        assurance=evidence.assurance.value,
        produced_at=evidence.produced_at,
        recorded_by=handle_of(view, evidence.recorded_by),
        recorded_at=evidence.recorded_at,
    )


def run_answer(view: View, run: CheckRun) -> CheckRunAnswer:
    """Return a check run as callers see it, computed again to see that it holds."""
    found = run.found
    return CheckRunAnswer(
        id=run.id,
        verdict=verdict(found),
        occasion=run.occasion.value,
        model=run.model,
        version=run.version,
        environment=run.environment.value,
        checks=tuple(check_answer(result) for result in found),
        policies=run.policies,
        evidence=run.evidence,
        digests=run.digests,
        digest=run.digest,
        ledger_size=run.ledger_size,
        reproduced=is_reproduced(view, run),
        evaluated_by=handle_of(view, run.evaluated_by),
        evaluated_at=run.evaluated_at,
    )


def check_answer(result: Result) -> CheckAnswer:
    """Return one result as callers see it."""
    return CheckAnswer(
        policy=result.policy,
        check=result.check,
        type=result.type,
        outcome=result.outcome.value,
        effect=result.effect,
        seen=tuple(SeenAnswer(**atom._asdict()) for atom in result.atoms),
        evidence=result.evidence,
        next=result.next,
        underlying=None if result.underlying is None else result.underlying.value,
        waiver=result.waiver,
    )


def verdict(results: Sequence[Result]) -> str:
    """Return `blocked`, `unknown` or `clear`: the worst of what the checks do."""
    if any(result.fails for result in results):
        return "blocked"
    return "unknown" if any(result.blocks for result in results) else "clear"
