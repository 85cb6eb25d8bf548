"""What the gate takes to decide, beside one read of a version in MLflow's registry over HTTP, on the same machine.

Three people signed with their own keys, and the evidence that the checks weigh is recorded. In the process, nothing is
hashed anew: the gate holds the registered digests against the signed ones, and verifies the envelopes. Over REST the
artifact, a file of 64 bytes, is hashed for each answer, as this door always does. Nothing is kept between two answers.
One client, one connection, one call after the other; all take their turns in each round.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks import mlflow_peer, our_server, table
from benchmarks.clockwork import seconds
from benchmarks.company import BUILDER, OPERATOR, Company, policy
from benchmarks.propagation import percentile
from benchmarks.requests import times_of
from benchmarks.row import Row, at_most, times_better
from modelwarden.deployments.actions import gate_answer
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.workbench import Workbench
    from modelwarden.values.principal import Principal
    from modelwarden.warden.warden import Warden

Asking = Callable[[int], list[float]]
"""So many answers, one after the other → the milliseconds of each."""

PEOPLE: Final = 3
CASES: Final = {
    "1 check": (1, 1),
    "5 checks": (5, 1),
    "20 checks": (20, 1),
    "5 checks of 5 policies": (5, 5),
}
"""As a row names it → how many checks, of how many policies."""
VERSION: Final = "1"
MOST_MS: Final = 50.0
PEER: Final = "a version read over HTTP"


def measure(bench: Workbench) -> list[Row]:
    rounds, count = (3, 10) if bench.quick else (12, 50)
    with _askings(bench) as askings:
        found: dict[str, list[float]] = {name: [] for name in askings}
        for turn in range(rounds + 1):
            for name, asking in askings.items():
                times = asking(count)
                if turn:  # the first round warms
                    found[name] += times
    peer = percentile(found.pop(PEER), 0.5)
    beside = f"MLflow {mlflow_peer.release(mlflow_peer.with_mlflow())}, {PEER}"
    return [row for name, times in found.items() for row in _rows(name, times, beside, peer)]


def _rows(name: str, times: list[float], beside: str, peer: float) -> Iterator[Row]:
    yield Row(
        what=f"{name}: median",
        ours=percentile(times, 0.5),
        unit="ms",
        beside=beside,
        peer=peer,
        target=times_better(1),
    )
    yield Row(what=f"{name}: p95", ours=percentile(times, 0.95), unit="ms", target=at_most(MOST_MS))


@contextlib.contextmanager
def _askings(bench: Workbench) -> Iterator[Mapping[str, Asking]]:
    inside, served = bench.folder_for("gate"), bench.folder / "gate-served"
    token = _prepared(inside)
    shutil.copytree(inside, served)
    with (
        mlflow_peer.served(
            bench.folder_for("mlflow-gate"), workers=1, python=mlflow_peer.with_mlflow()
        ) as peer,
        our_server.served(served) as server,
        open_warden(our_server.url_in(inside)) as warden,
    ):
        mlflow_peer.add_model(peer, "churn", versions=1)
        askings = {PEER: partial(times_of, peer.port, mlflow_peer.version_path("churn", VERSION))}
        operator = warden.acting_as(OPERATOR).users._bound.principal
        for place, case in enumerate(CASES):
            askings[f"{case}, in the process"] = partial(_times, warden, operator, _model(place))
        for place, case in enumerate(CASES):
            path = f"{our_server.MODELS}/{_model(place)}/versions/{VERSION}/gate"
            askings[f"{case}, over REST"] = partial(times_of, server.port, path, token=token)
        yield askings


def _times(warden: Warden, operator: Principal, model: str, count: int) -> list[float]:
    ask = partial(gate_answer, model=model, version=VERSION)

    def answer() -> None:
        assert warden.view(operator, ask).verdict.allow

    return [seconds(answer) * 1e3 for _ in range(count)]


def _prepared(folder: Path) -> str:
    """Write a model for each case, approved by three and with its evidence, and return the operator's token."""
    artifact = folder / "model.bin"
    artifact.write_bytes(bytes(64))
    with open_warden(our_server.url_in(folder)) as warden:
        company = Company(warden, approvers=PEOPLE)
        for place, (checks, policies) in enumerate(CASES.values()):
            company.govern(_documents(_model(place), checks, policies), model=_model(place))
        company.seat_approvers()
        for place, (checks, _) in enumerate(CASES.values()):
            company.register(_model(place), VERSION, artifact=artifact)
            _record(company, _model(place), checks)
            request = company.ask(_model(place), VERSION)
            for name in company.approvers:
                company.approve(name, request)
            answer = company.acting_as(OPERATOR).deployments.gate(_model(place), VERSION)
            assert answer.allow, answer
        return company.token(OPERATOR)


def _documents(model: str, checks: int, policies: int) -> Iterator[str]:
    """Return policies that share the checks evenly."""
    each = checks // policies
    for number in range(policies):
        numbers = range(number * each, (number + 1) * each)
        yield policy(
            f"{model}-{number}", people=PEOPLE, checks=[_check(n) for n in numbers], model=model
        )


def _check(number: int) -> dict[str, object]:
    """Return a check of a figure, or every other one of a scan."""
    if number % 2:
        params: dict[str, object] = {"source": f"scan-{number}", "max": {"critical": 0, "high": 0}}
        return {"id": f"check.{number}", "type": "findings", "params": params, "max_age": "P30D"}
    params = {"metric": f"score_{number}", "min": 0.75, "dataset_role": "test", "use": "ci_lower"}
    return {"id": f"check.{number}", "type": "metric", "params": params, "max_age": "P30D"}


def _record(company: Company, model: str, checks: int) -> None:
    """Record evidence that each check passes by, one piece for each."""
    record = company.acting_as(BUILDER).evidence.record
    for number in range(checks):
        if number % 2:
            counts = {"critical": 0, "high": 0, "medium": 2, "low": 5}
            found = {"source": f"scan-{number}", "counts": counts}
            record(model, VERSION, kind="findings", value=found, tool="scan")
        else:
            figure = {"value": 0.81, "ci_lower": 0.78, "ci_upper": 0.84}
            figures = {"metrics": {f"score_{number}": figure}, "dataset_role": "test"}
            record(model, VERSION, kind="metric", value=figures, tool="evaluate")


def _model(place: int) -> str:
    return f"model-{place}"


CLAIM: Final = table.Claim("gate", "The gate", measure)

if __name__ == "__main__":
    table.run([CLAIM])
