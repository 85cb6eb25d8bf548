"""A real guard under each fault of a drill answers as it promises, and a fault bypasses nothing (SG-53)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import PredictionBlocked
from modelwarden.guard.breaker import State as BreakerState
from modelwarden.guard.breaker import Thresholds
from modelwarden.guard.contract import Contract, inputs
from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Default, LastKnownGood
from modelwarden.guard.freshness import Fresh
from modelwarden.guard.held import Clocks
from modelwarden.guard.site import NEVER
from modelwarden.values.clock import timestamp
from tests.guard.hosts import BLOCK_ALL, from_file, put, soon
from tests.guard.test_faults import rule
from tests.services.snapshot_server import SnapshotServer, signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.guard.guard import Guard


def in_minutes(minutes: float) -> str:
    return timestamp(datetime.now(UTC) + timedelta(minutes=minutes))


def body(fault: str, **fields: Any) -> dict[str, Any]:
    one = rule(fault=fault, until=in_minutes(10)) | fields
    return {"switches": [], "faults": [one]}


@contextlib.contextmanager
def drilled(folder: Path, fault: str, *, rules: Any = None, **options: Any) -> Iterator[Guard]:
    chosen = {"body": body(fault, **(rules or {})), "drills": True, "fallback": [Default(0.1)]}
    with from_file(folder, **(chosen | options)) as guard:
        yield guard


@dataclass
class Hands:
    """Clocks that a test moves."""

    monotonic_s: float = 1_000.0
    wall_s: float = field(default_factory=time.time)

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.monotonic_s, lambda: self.wall_s)

    def pass_by(self, seconds: float, *, wall: float | None = None) -> None:
        self.monotonic_s += seconds
        self.wall_s += seconds if wall is None else wall


def counted(guard: Guard) -> dict[str, int]:
    counts = guard.status()["counts"]
    assert isinstance(counts, dict)
    return counts


# --- each fault --------------------------------------------------------------------------------------


def test_nan_falls_back(tmp_path: Path) -> None:
    with drilled(tmp_path, "nan") as guard:
        found = guard.protect(lambda: 0.4, low=0.0, high=1.0)()
        assert (found.value, found.status, found.drill) == (0.1, Status.DEFAULT, True)
        assert found.reasons[0] == "not_finite"
        assert counted(guard)["drilled_fell"] == 1


def test_out_of_range_is_clipped(tmp_path: Path) -> None:
    with drilled(tmp_path, "out_of_range") as guard:
        found = guard.protect(lambda: 0.4, low=0.0, high=1.0)()
        assert (found.value, found.status, found.clipped_from) == (1.0, Status.CLIPPED, 2.0)
        assert found.drill


def test_errors_open_the_breaker(tmp_path: Path) -> None:
    with drilled(tmp_path, "error") as guard:
        predict = guard.protect(lambda: 0.4)
        reasons = [predict().reasons[0] for _ in range(30)]
        assert reasons[0] == "raised:DrillError"
        assert reasons[-1] == "breaker_open"


def test_an_error_never_reaches_the_host(tmp_path: Path) -> None:
    with drilled(tmp_path, "error", fallback=[]) as guard:
        assert guard.protect(lambda: 0.4)().status is Status.BLOCKED
        with pytest.raises(PredictionBlocked):
            guard.protect(lambda: 0.4, returns="value")()


def test_an_error_of_the_host_itself_is_still_its_own(tmp_path: Path) -> None:
    def broken() -> float:
        raise KeyError("age")

    with drilled(tmp_path, "constant", fallback=[]) as guard, pytest.raises(KeyError):
        guard.protect(broken)()


def test_latency_is_slow_and_opens_the_breaker(tmp_path: Path) -> None:
    with drilled(tmp_path, "latency:20ms") as guard:
        thresholds = Thresholds(slow_s=0.01, least=5)
        predict = guard.protect(lambda: 0.4, breaker=thresholds)
        found = [predict() for _ in range(8)]
        assert found[0].value == 0.4
        assert found[0].drill
        assert found[-1].reasons == ("breaker_open",)


def test_latency_lets_other_tasks_run(tmp_path: Path) -> None:
    order: list[str] = []

    async def predict() -> float:
        order.append("model")
        return 0.4

    async def both(guard: Guard) -> Any:
        late = asyncio.create_task(guard.protect(predict)())
        await asyncio.sleep(0)
        order.append("other")
        return await late

    with drilled(tmp_path, "latency:50ms") as guard:
        assert asyncio.run(both(guard)).drill
        assert order == ["other", "model"]


def test_a_constant_is_the_first_answer_over_and_over(tmp_path: Path) -> None:
    with drilled(tmp_path, "constant") as guard:
        predict = guard.protect(lambda x: x, returns="value")
        assert [predict(x / 10) for x in range(5)] == [0.0] * 5


def test_stale_inputs_fall_back(tmp_path: Path) -> None:
    with drilled(tmp_path, "stale_inputs") as guard:
        predict = guard.protect(lambda row: row["x"], fresh=Fresh("as_of", fallback="6h"))
        found = predict({"x": 0.4, "as_of": time.time()})
        assert (found.value, found.status) == (0.1, Status.DEFAULT)
        without = guard.protect(lambda row: row["x"])
        assert without({"x": 0.4}).value == 0.4


def test_a_missing_feature_falls_back(tmp_path: Path) -> None:
    with drilled(tmp_path, "missing_feature") as guard:
        wanted = inputs({"age": Contract(), "income": Contract()})
        predict = guard.protect(lambda row: row["income"], inputs=wanted)
        given = {"age": 40, "income": 0.4}
        assert predict(given).reasons[0].startswith("inputs:")
        assert predict(row=given).reasons[0].startswith("inputs:")
        assert given == {"age": 40, "income": 0.4}


def test_drift_shifts_what_the_model_is_given(tmp_path: Path) -> None:
    with drilled(tmp_path, "drift:0.5") as guard:
        given = {"income": 10.0}
        found = guard.protect(lambda row: row["income"])(given)
        assert (found.value, found.drill, given) == (15.0, True, {"income": 10.0})


def test_disagreement_falls_back(tmp_path: Path) -> None:
    with drilled(tmp_path, "disagree") as guard:
        found = guard.protect(lambda: 0.4)()
        assert (found.value, found.reasons) == (0.1, ("disagreement",))


def test_an_open_breaker_falls_back_and_closes_with_the_drill(tmp_path: Path) -> None:
    with drilled(tmp_path, "breaker_open") as guard:
        predict = guard.protect(lambda: 0.4)
        assert predict().reasons == ("breaker_open",)
        (site,) = guard._parts.sites
        assert {each.state for each in site.place.breakers().values()} == {BreakerState.CLOSED}
        put(guard, tmp_path, switches=[], generation=1841)
        assert predict().value == 0.4


def test_a_control_plane_that_is_down_is_stale_and_closed_blocks(tmp_path: Path) -> None:
    with drilled(tmp_path, "control_plane_down") as guard:
        found = guard.protect(lambda: 0.4)()
        assert (found.value, found.drill, guard.state, guard.is_ready) == (
            0.4,
            True,
            "stale",
            False,
        )
    with drilled(tmp_path, "control_plane_down", fail="closed") as guard:
        found = guard.protect(lambda: 0.4)()
        assert (found.value, found.reasons[0], found.drill) == (0.1, "stale_snapshot", True)
        put(guard, tmp_path, switches=[], generation=1841)
        assert guard.protect(lambda: 0.4)().value == 0.4
        assert guard.is_ready


def test_a_control_plane_that_is_said_to_be_down_is_heard_when_it_stops_a_model(
    tmp_path: Path,
) -> None:
    with drilled(tmp_path, "control_plane_down") as guard:
        more = body("control_plane_down") | {"switches": [BLOCK_ALL]}
        put(guard, tmp_path, generation=1841, **more)
        assert guard.protect(lambda: 0.4)().switches == ("swi_all",)
        assert guard.state == "stale"


def test_a_skewed_clock_is_counted_and_then_ignored(tmp_path: Path) -> None:
    with drilled(tmp_path, "clock_skew:90s") as guard:
        found = guard.protect(lambda: 0.4)()
        assert (found.value, found.drill, guard.state) == (0.4, True, "fresh")
        assert counted(guard)["clock_behind"] > 0


# --- what a fault bypasses: nothing ------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["constant", "latency:1ms", "nan", "error", "disagree"])
def test_a_switch_blocks_what_a_fault_strikes(fault: str, tmp_path: Path) -> None:
    chosen = body(fault) | {"switches": [BLOCK_ALL]}
    with drilled(tmp_path, fault, body=chosen) as guard:
        found = guard.protect(lambda: 0.4)()
        assert (found.status, found.switches, found.drill) == (Status.BLOCKED, ("swi_all",), True)


def test_a_kill_during_a_late_call_stops_its_answer(tmp_path: Path) -> None:
    with drilled(tmp_path, "latency:1ms") as guard:

        def slow() -> float:
            put(
                guard,
                tmp_path,
                generation=1841,
                **(body("latency:1ms") | {"switches": [BLOCK_ALL]}),
            )
            return 0.4

        assert guard.protect(slow)().status is Status.BLOCKED


def test_what_a_fault_made_is_never_remembered(tmp_path: Path) -> None:
    with drilled(tmp_path, "drift:0.5", fallback=[LastKnownGood()]) as guard:
        predict = guard.protect(lambda amount, customer: amount, key="customer", low=0.0, high=99.0)
        assert predict(10.0, customer="c-1").value == 15.0
        assert guard.recall("c-1").status is Status.BLOCKED


def test_callers_outside_the_scope_and_the_share_are_spared(tmp_path: Path) -> None:
    rules = {"scope": {"model": ["churn"], "region": ["eu"]}}
    with drilled(tmp_path, "nan", rules=rules) as guard:
        predict = guard.protect(lambda region: 0.4, low=0.0, high=1.0)
        assert predict(region="EU").drill
        for region in ("us", None):
            spared = predict(region=region)
            assert (spared.value, spared.drill) == (0.4, False)
    with drilled(tmp_path, "nan", rules={"share": 500}) as guard:
        predict = guard.protect(lambda customer: 0.4, key="customer", low=0.0, high=1.0)
        struck = {key for key in range(2_000) if predict(customer=key).drill}
        assert 50 < len(struck) < 150
        assert {key for key in range(2_000) if predict(customer=key).drill} == struck
        assert counted(guard)["drilled"] == 2 * len(struck)


def test_blocks_of_code_and_values_from_elsewhere_are_struck_too(tmp_path: Path) -> None:
    with drilled(tmp_path, "nan", outputs=Contract(low=0.0, high=1.0)) as guard:
        with guard.call(region="eu") as call:
            call.value = 0.4
        assert (call.value, call.decision.drill) == (0.1, True)
        assert guard.validate(0.4).reason == "not_finite"


def test_a_late_block_of_code_is_slow(tmp_path: Path) -> None:
    async def block(guard: Guard) -> Any:
        async with guard.call() as call:
            call.value = 0.4
        return call.decision

    with drilled(tmp_path, "latency:1ms") as guard:
        with guard.call() as call:
            call.value = 0.4
        assert call.decision.drill
        assert asyncio.run(block(guard)).drill


# --- who honours it, and for how long ----------------------------------------------------------------


def test_only_staging_is_drilled_unless_the_guard_allows_it(tmp_path: Path) -> None:
    with drilled(tmp_path, "nan", drills=None) as guard:
        assert not guard.protect(lambda: 0.4)().drill
    with drilled(tmp_path, "nan", drills=False) as guard:
        assert not guard.protect(lambda: 0.4)().drill
    staging = body("nan") | {"environment": "staging"}
    with drilled(tmp_path, "nan", drills=None, environment="staging", body=staging) as guard:
        assert guard.protect(lambda: 0.4, low=0.0, high=1.0)().drill
    with drilled(tmp_path, "nan", drills=False, environment="staging", body=staging) as guard:
        assert not guard.protect(lambda: 0.4)().drill


def ends(folder: Path, hands: Hands, **by: float) -> tuple[bool, bool]:
    """Return whether a call is struck before and after time has passed by."""
    with drilled(folder, "nan", clocks=hands.clocks()) as guard:
        predict = guard.protect(lambda: 0.4)
        before = predict().drill
        hands.pass_by(**by)
        return before, predict().drill


def test_a_guard_that_hears_nothing_ends_a_drill_by_itself(tmp_path: Path) -> None:
    assert ends(tmp_path, Hands(), seconds=599) == (True, True)
    assert ends(tmp_path, Hands(), seconds=601) == (True, False)


def test_a_wall_clock_that_is_set_back_prolongs_no_drill(tmp_path: Path) -> None:
    assert ends(tmp_path, Hands(), seconds=601, wall=-3_600.0) == (True, False)


def test_a_wall_clock_that_jumps_ahead_ends_it(tmp_path: Path) -> None:
    assert ends(tmp_path, Hands(), seconds=1, wall=700.0) == (True, False)


def test_once_a_drill_is_over_calls_take_the_short_way_again(tmp_path: Path) -> None:
    hands = Hands()
    with drilled(tmp_path, "nan", clocks=hands.clocks()) as guard:
        predict = guard.protect(lambda: 0.4)
        assert predict().drill
        hands.pass_by(700.0)
        assert predict().value == 0.4
        (site,) = guard._parts.sites
        assert site.ready[1] > NEVER


def test_a_snapshot_from_the_disk_strikes_nobody(tmp_path: Path) -> None:
    with drilled(tmp_path, "nan") as guard:
        assert guard.protect(lambda: 0.4)().drill
    (tmp_path / "snapshot.json").unlink()
    server = SnapshotServer()
    server.key = guard.signing_key  # type: ignore[attr-defined]
    wire = signed(server.key, **body("nan"))
    with from_file(tmp_path, wire=b"{", drills=True, keys=server.key.public.pem) as again:
        assert again.status()["source"] == "persisted"
        predict = again.protect(lambda: 0.4)
        assert not predict().drill
        (tmp_path / "snapshot.json").write_bytes(wire)
        soon(lambda: predict().drill)


def test_a_new_snapshot_without_the_drill_ends_it_at_once(tmp_path: Path) -> None:
    with drilled(tmp_path, "nan") as guard:
        predict = guard.protect(lambda: 0.4)
        assert predict().drill
        put(guard, tmp_path, switches=[], generation=1841)
        assert not predict().drill
