"""A check run: what was asked, what there was, what came of it; it can be computed again (EVAL-6). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from modelwarden.policies.check import situation
from modelwarden.policies.evaluate import VERSION, evaluate
from modelwarden.policies.predicate import Seen
from modelwarden.policies.result import Outcome, Result, results_text
from modelwarden.values.canonical import encode_any, parse
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from modelwarden.policies.check import Check
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import ActorId, CheckRunId, EvidenceId, ModelName, VersionName


class Occasion(StrEnum):
    """Why checks were evaluated."""

    ASKED = "asked"
    REQUEST = "request"
    GATE = "gate"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """One evaluation of all checks that govern a version in an environment.

    Attributes:
        policies: the governing policies: name, version, hash.
        enforced: whether none of them merely observed or warned (RL-12).
        types: which version of the check types weighed it (POL-10).
        digests: of the version: artifact, evaluation, parameters.
        evidence: ids of the stored evidence that decided.
        ledger_size: how many entries the newest signed checkpoint covered.
        situation, results: canonical JSON of what was read, and of what came of it.
        digest: SHA-256 over all of this, which approvers sign.
    """

    id: CheckRunId
    occasion: Occasion
    model: ModelName
    version: VersionName
    environment: Environment
    policies: tuple[Mapping[str, str | int], ...]
    enforced: bool
    types: int
    digests: Mapping[str, str]
    evidence: tuple[EvidenceId, ...]
    ledger_size: int
    situation: str
    results: str
    digest: Digest
    evaluated_by: ActorId
    evaluated_at: datetime
    revision: int = 0

    @property
    def found(self) -> tuple[Result, ...]:
        """Return the results as values."""
        return read_results(self.results)

    def is_reproduced(self, checks: Iterable[Check]) -> bool:
        """Tell whether evaluating these checks again over what was read gives the same bytes.

        Types that are newer than these can't be weighed here; older ones still mean the same (POL-10).
        """
        if self.types > VERSION:
            return False
        again = evaluate(checks, situation(self.situation), now=self.evaluated_at)
        return results_text(again) == self.results


def run_digest(
    *,
    version: str,
    environment: str,
    policies: Iterable[Mapping[str, str | int]],
    situation: str,
    results: str,
    at: datetime,
) -> Digest:
    """Return what approvers sign of a run: under which policies, over what, with which results, when."""
    body = {
        "version": version,
        "environment": environment,
        "policies": [dict(policy) for policy in policies],
        "situation": situation,
        "results": results,
        "at": timestamp(at),
        "types": VERSION,
    }
    return Digest(sha256(encode_any(body)).hexdigest())


def read_results(text: str) -> tuple[Result, ...]:
    """Return results that were kept as `results_text`."""
    tree: Any = parse(text.encode())
    return tuple(
        Result(
            **{
                **each,
                "outcome": Outcome(each["outcome"]),
                "atoms": tuple(
                    Seen(a["subject"], a["operator"], a["limit"], a.get("value"))
                    for a in each["atoms"]
                ),
                "evidence": tuple(each["evidence"]),
                **({"underlying": Outcome(each["underlying"])} if "underlying" in each else {}),
            }
        )
        for each in tree
    )
