"""What the gate says as SARIF 2.1.0, for whoever shows findings of pipelines (RL-49)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelwarden.values.answers import GateAnswer

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
SHOWN_AT: Final = "release.lock.json"
"""The file to which findings are pinned: GitHub shows none without a place."""


def sarif_of(found: GateAnswer) -> dict[str, object]:
    """Return a log of one run: a result for each reason against, none where the gate allows."""
    at = {"artifactLocation": {"uri": SHOWN_AT}, "region": {"startLine": 1}}
    name = f"{found.model}@{found.version} to {found.environment}"
    results = [
        {
            "ruleId": reason.code,
            "level": "error",
            "message": {"text": f"{name}: {reason.detail}"},
            "locations": [{"physicalLocation": at}],
        }
        for reason in found.reasons
    ]
    rules = [{"id": code} for code in dict.fromkeys(reason.code for reason in found.reasons)]
    driver = {"name": "modelwarden", "rules": rules}
    run = {"tool": {"driver": driver}, "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
