"""Each way to fail that the catalogue names is made to happen, and what ought to notice it does (SG-46, "Done when" 4).

Where the catalogue names a fault that a drill can make, a real drill makes it: real guards over HTTP, in staging. The
others are shown by what they are. A mode that is added without a proof here fails.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

import modelwarden as mw
from modelwarden.errors import PredictionBlocked
from modelwarden.guard.breaker import Thresholds
from modelwarden.guard.contract import Contract, Kind, inputs
from modelwarden.guard.faults import FaultKind
from modelwarden.guard.freshness import Fresh
from modelwarden.reactions.triggers import SOURCES
from modelwarden.safeguards.severity.failure_modes import BUILT_IN, NOTICED, failure_modes
from modelwarden.safeguards.triggers.signal import SIGNALS
from modelwarden.values.clock import timestamp
from tests.guard.hosts import soon
from tests.services.fault_proxy import FaultProxy, Mode
from tests.stories.stage import stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelwarden.guard.guard import Guard
    from modelwarden.safeguards.severity.failure_modes import FailureMode
    from tests.stories.stage import Stage

ROW: Final = {"age": 40.0, "income": 3_000.0}
NUMBERS: Final = inputs({name: Contract(kind=Kind.NUMBER) for name in ROW})
REFERENCE: Final = mw.drift_reference({"age": [float(at % 100) for at in range(2_000)]})
CALLS: Final = 40


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("stage")) as made:
        yield made


def scored(row: dict[str, Any]) -> float:
    """Stand for a model whose answer depends on its input."""
    return (row["age"] % 89) / 100 if "age" in row else 0.5


def call(predict: Callable[..., Any], rows: int = CALLS) -> None:
    for number in range(rows):
        with suppress(PredictionBlocked):
            predict({"age": float(number % 100), "income": 3_000.0 + number})


def called(guard: Guard, rows: int = CALLS, **how: Any) -> object:  # noqa: ANN401
    """Call a guarded function, and return it: what is watched is watched while it is there."""
    predict = guard.protect(scored, **({"low": 0.0, "high": 1.0, "breaker": None} | how))
    call(predict, rows)
    return predict


def together(guard: Guard) -> object:
    """Call at the same time what a drill makes slow."""
    predict = guard.protect(scored)
    with ThreadPoolExecutor(10) as pool:
        for each in [pool.submit(call, predict, 1) for _ in range(10)]:
            each.result()
    return predict


def by_drill(
    signal: str, play: Callable[[Guard], object], *, guards: int = 1, struck: int = 1, rows: int = 0
) -> Callable[[Stage, FailureMode], set[str]]:
    """Return a proof: a drill with the mode's own fault runs, and the trigger on a signal fires."""

    def proof(on: Stage, mode: FailureMode) -> set[str]:
        model = named(mode)
        on.model(model)
        on.watch(model, signal)
        with on.guards(model, count=guards) as found:
            drilled(on, mode)
            soon(lambda: all(each._parts.holder.judge().rules.faults for each in found))
            kept = [play(guard) for guard in found]
            on.until(model, lambda heard: all(each.counts["drilled"] >= struck for each in heard))
            soon(lambda: on.rows(model) >= rows)
            on.judging.idle()
            on.pass_a_window()
            del kept
        return seen(on, model)

    return proof


def with_edges(signal: str, calls: int, rows: int) -> Callable[[Stage, FailureMode], set[str]]:
    """Return a proof by what is counted for drift of a tenth of calls, of a version that has a reference."""
    judged = by_drill(signal, lambda guard: called(guard, calls, version="1.0.0"), rows=rows)

    def proof(on: Stage, mode: FailureMode) -> set[str]:
        on.model(named(mode))
        on.case.acting("rita").versions.register(named(mode), "1.0.0", drift_reference=REFERENCE)
        return judged(on, mode)

    return proof


def drilled(on: Stage, mode: FailureMode) -> None:
    """Run the drill that the catalogue names for a mode."""
    assert mode.proving_fault is not None
    on.drill(named(mode), mode.proving_fault)


def named(mode: FailureMode) -> str:
    return mode.name.replace("_", "-")


def seen(on: Stage, model: str) -> set[str]:
    """Return what fired for a model: signals of triggers, and what the program noticed by itself."""
    kinds = {
        "artifact.mismatch_seen": "artifact_mismatch",
        "undeployed.version_seen": "undeployed_version",
        "snapshots.refused": "bad_snapshots",
        "breaker.fleet_opened": "breaker_fleet",
        "switch.unconfirmed": "unconfirmed_switch",
        "guards.fell_silent": "silent_guards",
        "guards.clock_behind": "clock_behind",
    }
    noticed = {BUILT_IN + name for kind, name in kinds.items() if on.told(kind, model)}
    classified = {fact["signal"] for fact in on.told("severity.classified", model)}
    void = {"void_approval"} & classified
    return on.fired(model) | noticed | {BUILT_IN + name for name in void}


def loaded(on: Stage, mode: FailureMode, *, data: bytes | None = None) -> set[str]:
    """Load a registered version that is not deployed, from its own file or another one."""
    model = on.model(named(mode))
    artifact = on.folder / f"{model}.bin"
    artifact.write_bytes(model.encode())
    on.case.acting("rita").versions.register(model, "1.0.0", artifact=artifact)
    if data is not None:
        artifact.write_bytes(data)
    with on.guards(model) as (guard,):
        guard.version("1.0.0", scored, artifact=artifact)
        on.until(model, lambda heard: heard[0].versions)
        on.judging.idle()
    return seen(on, model)


def released(on: Stage) -> str:
    """Take the first version live in production, once."""
    if not on.told("deployment.live", "churn"):
        request = on.case.request()
        on.case.agree(request.id, "xavier", "bob")
        on.case.acting("dave").deployments.start("churn", "1.0.0")
    return "churn"


def approval_void(on: Stage, mode: FailureMode) -> set[str]:
    model = released(on)
    rita = on.case.acting("rita").versions
    rita.record_metrics(model, "1.0.0", {f"{mode.name}": "0.5"}, kind="evaluation")
    soon(lambda: on.told("approval.voided", model))
    return seen(on, model)


def metric_fall(on: Stage, mode: FailureMode) -> set[str]:
    del mode
    model = released(on)
    on.watch(model, "metric_change", environment="production")
    on.case.acting("rita").versions.record_metrics(
        model, "1.0.0", {"roc_auc": "0.6"}, kind="observed"
    )
    on.pass_a_window()
    return seen(on, model)


def forged_snapshot(on: Stage, mode: FailureMode) -> set[str]:
    """Let two guards stand behind somebody who signs snapshots anew."""
    model = on.model(named(mode))
    with FaultProxy(on.url) as proxy, on.guards(model, url=proxy.url, count=2):
        proxy.say(Mode.FORGE)
        on.case.acting("erin").switches.activate(
            {"model": model}, reason="it is time", environment="staging"
        )
        on.until(model, lambda heard: all(each.rejected == "signature_invalid" for each in heard))
        on.judging.idle()
    return seen(on, model)


def unconfirmed(on: Stage, mode: FailureMode) -> set[str]:
    model = on.model(named(mode))
    with FaultProxy(on.url) as proxy, on.guards(model, url=proxy.url):
        proxy.say(Mode.SILENT)
        on.case.acting("erin").switches.activate(
            {"model": model}, reason="it is time", environment="staging"
        )
        on.clock.advance(seconds=31)
        soon(lambda: on.told("switch.unconfirmed", model))
        proxy.say(Mode.PASS)
    return seen(on, model)


def cut_off(on: Stage, mode: FailureMode) -> set[str]:
    model = on.model(named(mode))
    with on.guards(model):
        drilled(on, mode)
        on.until(model, lambda heard: heard[0].state == "stale")
        on.judging.idle()
    return seen(on, model)


def behind(on: Stage, mode: FailureMode) -> set[str]:
    model = on.model(named(mode))
    with on.guards(model):
        drilled(on, mode)
        on.until(model, lambda heard: heard[0].counts.get("clock_is_behind"))
        on.judging.idle()
    return seen(on, model)


def aged(guard: Guard) -> object:
    now = timestamp(datetime.fromtimestamp(guard._parts.clocks.wall(), UTC))
    predict = guard.protect(scored, fresh=Fresh("as_of", warn="1h", fallback="6h"), breaker=None)
    for number in range(CALLS):
        predict({**ROW, "age": float(number), "as_of": now})
    return predict


PROOFS: Final[dict[str, Callable[[Stage, FailureMode], set[str]]]] = {
    "wrong_artifact": lambda on, mode: loaded(on, mode, data=b"another file"),
    "undeployed_version": loaded,
    "approval_void": approval_void,
    "forged_snapshot": forged_snapshot,
    "non_finite_output": by_drill("non_finite", called),
    "schema_change": by_drill("schema", lambda guard: called(guard, inputs=NUMBERS)),
    "stuck_output": by_drill("stuck_output", lambda guard: called(guard, 300), struck=300),
    "fleet_breakers": by_drill(
        "breaker_open", lambda guard: called(guard, breaker=Thresholds()), guards=3
    ),
    "errors": by_drill("error_rate", called),
    "slow_answers": by_drill("latency", together),
    "drift": with_edges("psi", 10_000, rows=650),
    "stale_features": by_drill("stale_inputs", aged),
    "missing_features": with_edges("missing_rate", 1_000, rows=1),
    "ensemble_disagrees": by_drill("disagreement", called),
    "out_of_range": by_drill("clip_rate", called),
    "living_on_fallbacks": by_drill("fallback_share", called),
    "unconfirmed_switch": unconfirmed,
    "metric_fall": metric_fall,
    "dependency_loss": by_drill("error_rate", called),
    "traffic_spike": by_drill("latency", together),
    "control_plane_loss": cut_off,
    "clock_skew": behind,
}


@pytest.mark.parametrize("mode", failure_modes(), ids=lambda mode: mode.name)
def test_each_way_to_fail_is_noticed(on: Stage, mode: FailureMode) -> None:
    fired = PROOFS[mode.name](on, mode)
    assert fired & set(mode.detectors), f"{sorted(fired)} fired, and none of {mode.detectors}"
    fault = (mode.proving_fault or "").partition(":")[0]
    if fault in set(FaultKind):
        started = on.told("drill.started", named(mode))
        assert [fact["fault"].partition(":")[0] for fact in started] == [fault]


def test_nothing_is_a_detector_that_nothing_feeds() -> None:
    named_ones = {each for mode in failure_modes() for each in mode.detectors}
    assert named_ones <= set(SIGNALS) | NOTICED
    assert set(SIGNALS) == set(SOURCES)
    assert PROOFS.keys() == {mode.name for mode in failure_modes()}
