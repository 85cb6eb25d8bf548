"""Does this condition hold? Beside cel-python and the Common Expression Language in Rust, each compiled before.

All three are asked the same three questions of the same values, and have to give the same answers before anything is
timed. CEL knows no unknown value, so nothing is left out. Then twenty checks are evaluated over their evidence, with
what decided: the work of a gate, for which there is no peer.
"""

from __future__ import annotations

import timeit
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import cel
import celpy
from celpy import celtypes

from benchmarks import table
from benchmarks.clockwork import bests
from benchmarks.row import Row, at_most, times_better
from modelwarden.policies.check import Check, Exhibit, Situation
from modelwarden.policies.condition import condition
from modelwarden.policies.evaluate import evaluate
from modelwarden.policies.fields import OF_MODEL
from modelwarden.policies.predicate import holds
from modelwarden.policies.result import Outcome
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.workbench import Workbench

NOW: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
CHECKS: Final = 20
TREE: Final = {
    "any": [
        {"all": [{"field": "model.risk_tier", "lte": 2}, {"field": "model.team", "eq": "risk"}]},
        {"not": {"field": "environment", "in": ["staging", "production"]}},
    ]
}
TEXT: Final = '(risk_tier <= 2 && team == "risk") || !(environment in ["staging", "production"])'
ANSWERS: Final = ((2, "risk", True), (3, "risk", False), (1, "growth", False))


def measure(bench: Workbench) -> list[Row]:
    asked = condition(TREE, fields=OF_MODEL)
    environment = celpy.Environment()
    program = environment.program(environment.compile(TEXT))
    compiled = cel.compile(TEXT)
    for tier, team, answer in ANSWERS:
        given = (
            holds(asked, _ours(tier, team), now=NOW),
            bool(program.evaluate(_celpy(tier, team))),
            compiled.execute(_plain(tier, team)),
        )
        assert given == (answer, answer, answer), (tier, team, given)
    few = 200 if bench.quick else 2_000
    runs: dict[str, Callable[[], object]] = {
        "ours": partial(
            timeit.Timer(partial(holds, asked, _ours(2, "risk"), now=NOW)).timeit, few * 10
        ),
        "celpy": partial(timeit.Timer(partial(program.evaluate, _celpy(2, "risk"))).timeit, few),
        "cel": partial(timeit.Timer(partial(compiled.execute, _plain(2, "risk"))).timeit, few),
        "checks": partial(timeit.Timer(_twenty()).timeit, few // 10),
    }
    found = bests(runs, rounds=3 if bench.quick else 9)
    line = partial(
        Row, what="one condition: five operators", ours=found["ours"] / few / 10 * 1e6, unit="µs"
    )
    return [
        line(beside="cel-python", peer=found["celpy"] / few * 1e6, target=times_better(50)),
        line(beside="common-expression-language (Rust)", peer=found["cel"] / few * 1e6),
        Row(what="20 checks over 20 pieces of evidence", ours=found["checks"] / (few // 10) * 1e6, unit="µs",
            target=at_most(1_000)),
    ]  # fmt: skip


def _ours(tier: int, team: str) -> dict[str, Any]:
    return {"model.risk_tier": tier, "model.team": team, "environment": "production"}


def _plain(tier: int, team: str) -> dict[str, Any]:
    return {"risk_tier": tier, "team": team, "environment": "production"}


def _celpy(tier: int, team: str) -> dict[str, Any]:
    return {
        "risk_tier": celtypes.IntType(tier),
        "team": celtypes.StringType(team),
        "environment": celtypes.StringType("production"),
    }


def _twenty() -> Callable[[], object]:
    checks = [
        Check(
            policy="mine@1",
            id=f"c{n}",
            type="metric",
            params={"metric": f"m{n}", "min": 0.5, "max": 1},
        )
        for n in range(CHECKS)
    ]
    exhibits = tuple(
        Exhibit(id=f"evi_{n}", kind="metric", version="churn@1", produced_at=timestamp(NOW),
                value={"metrics": {f"m{n}": {"value": "0.75"}}})
        for n in range(CHECKS)
    )  # fmt: skip
    read = Situation(version="churn@1", exhibits=exhibits)
    results = evaluate(checks, read, now=NOW)
    assert [result.outcome for result in results] == [Outcome.PASS] * CHECKS
    return partial(evaluate, checks, read, now=NOW)


CLAIM: Final = table.Claim("conditions", "Conditions and checks of policies", measure)

if __name__ == "__main__":
    table.run([CLAIM])
