"""Evaluating the checks that govern a version, and keeping what came of it (EVAL-4, EVAL-6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code
from modelwarden.facts.policies import ChecksEvaluated
from modelwarden.policies import gathering, queries
from modelwarden.policies.check_run import CheckRun, run_digest
from modelwarden.policies.evaluate import VERSION, evaluate, what_was_read
from modelwarden.policies.governing import checks_of
from modelwarden.policies.reads import find_policy_version
from modelwarden.policies.result import Outcome, results_text
from modelwarden.values.ids import CheckRunId, Digest, EvidenceId

if TYPE_CHECKING:
    from modelwarden.policies.check import Exhibit, Situation, Waiver
    from modelwarden.policies.check_run import Occasion
    from modelwarden.policies.gathering import Past
    from modelwarden.policies.governing import Requirements
    from modelwarden.policies.result import Result
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a room above verified the signatures of, for the checks to read: waivers in force, people's statements."""

    waivers: tuple[Waiver, ...] = ()
    statements: tuple[Exhibit, ...] = ()


NOTHING: Final = Verified()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What the checks come to now, and all that they read."""

    results: tuple[Result, ...]
    situation: Situation


def evaluated(
    view: View,
    version: Version,
    *,
    model: Model,
    needs: Requirements,
    verified: Verified = NOTHING,
    past: Past | None = None,
) -> Evaluation:
    """Return what the governing checks come to now, or came to at a moment of the past.

    Asks for no permission: rooms above authorised the model.
    """
    found = gathering.situation(
        view, version, model=model, environment=needs.environment, checks=needs.checks, past=past
    )
    found = replace(
        found, waivers=verified.waivers, exhibits=(*found.exhibits, *verified.statements)
    )
    results = evaluate(needs.checks, found, now=view.now if past is None else past.at)
    return Evaluation(results=results, situation=what_was_read(found, results))


def recorded(
    change: Change,
    version: Version,
    *,
    model: Model,
    needs: Requirements,
    occasion: Occasion,
    verified: Verified = NOTHING,
) -> CheckRun:
    """Keep a run of the governing checks, and tell of it. Asks for no permission."""
    evaluation = evaluated(change, version, model=model, needs=needs, verified=verified)
    pins = needs.pins
    read, results = evaluation.situation.text, results_text(evaluation.results)
    kept = change.save(
        CheckRun(
            id=CheckRunId(change.new_id("run")),
            occasion=occasion,
            model=model.name,
            version=version.name,
            environment=needs.environment,
            policies=pins,
            enforced=needs.enforced,
            types=VERSION,
            digests={
                "subject": gathering.subject_of(version),
                "evaluation": version.evaluation_digest,
                "parameters": version.parameters_digest,
            },
            evidence=_stored(evaluation),
            ledger_size=change.head()[0],
            situation=read,
            results=results,
            digest=run_digest(
                version=version.name,
                environment=needs.environment.value,
                policies=pins,
                situation=read,
                results=results,
                at=change.now,
            ),
            evaluated_by=change.actor,
            evaluated_at=change.now,
        )
    )
    _tell(change, kept, evaluation.results)
    return kept


def is_reproduced(view: View, run: CheckRun) -> bool:
    """Tell whether a run computes to the same bytes again, under the policies that it names (EVAL-6)."""
    governing = []
    for pin in run.policies:
        found = find_policy_version(view, f"{pin['name']}@{pin['version']}")
        if found is None or found.hash != pin["hash"]:
            return False
        governing.append((found.ref, found.parsed))
    return run.is_reproduced(checks_of(governing, run.environment, enforced=run.enforced))


def turned(view: View, digest: str | None, results: tuple[Result, ...]) -> tuple[str, ...]:
    """Name the blocking checks that fail now and did not in the run of this digest (RL-17)."""
    before = None if digest is None else queries.run_of_digest(view, digest)
    failed = frozenset[str]() if before is None else {r.name for r in before.found if r.fails}
    return tuple(result.name for result in results if result.fails and result.name not in failed)


def _tell(change: Change, run: CheckRun, results: tuple[Result, ...]) -> None:
    change.record(
        ChecksEvaluated(
            run=run.id,
            occasion=Code(run.occasion),
            model=run.model,
            version=run.version,
            environment=Code(run.environment),
            policies=tuple(Digest(str(pin["hash"])) for pin in run.policies),
            checks=len(results),
            blocking=sum(result.fails for result in results),
            unknown=sum(result.blocks and not result.fails for result in results),
            waived=sum(result.outcome is Outcome.WAIVED for result in results) or None,
            digest=run.digest,
        )
    )


def _stored(evaluation: Evaluation) -> tuple[EvidenceId, ...]:
    """Return the ids of the stored evidence that decided; what the product knows by itself has no row."""
    ids = {each.id for each in evaluation.situation.exhibits if ":" not in each.id}
    return tuple(EvidenceId(each) for each in sorted(ids))
