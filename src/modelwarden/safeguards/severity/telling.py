"""The fact that says how bad something is that concerns all traffic of a model, by which rules (SG-52)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.facts.kinds import Code
from modelwarden.facts.triggers import SeverityClassified
from modelwarden.registry.queries import find_model
from modelwarden.safeguards.severity.classify import Concern, classify
from modelwarden.safeguards.triggers.ladder import WHOLE

if TYPE_CHECKING:
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.safeguards.severity.classify import Severities
    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName


def of_all(
    view: View, signal: str, model: ModelName, environment: Environment, severities: Severities
) -> SeverityClassified:
    """Return how bad it is: what concerns a fleet, or a live version, may concern all that a model answers."""
    found = find_model(view, model)
    tier = None if found is None else found.risk_tier
    made = classify(Concern(signal, None, WHOLE, tier), severities(view, model, environment))
    return SeverityClassified(
        firing=None,
        model=model,
        environment=Code(environment.value),
        signal=Code(signal),
        value=None,
        share=WHOLE,
        tier=tier,
        base=Code(made.base.value),
        severity=Code(made.severity.value),
        moved=tuple(Code(word) for word in made.moved),
        rules=made.rules,
        policies=tuple(name for name, _ in made.policies),
        policy_versions=tuple(version for _, version in made.policies),
        reason=None,
    )
