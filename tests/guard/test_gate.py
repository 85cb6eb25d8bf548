"""The gate of a web program: what it lets in, what it leaves to guarded calls, and what it lets out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.errors import ValueInvalid
from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Default
from modelwarden.guard.limits import Limits, Rate
from modelwarden.guard.visit import Visit, visit_of, within
from tests.guard.hosts import BLOCK_ALL, BLOCK_EU, FALL_EU, from_file, put

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.guard.gate import Gate

KILL_OLD: Final = BLOCK_EU | {"id": "swi_old", "scope": {"version": ["1.3.0"]}}
SOURCES: Final = {
    "region": lambda asked: asked.get("region"),
    "key": lambda asked: asked.get("key"),
}


def passed(gate: Gate, request: dict[str, Any]) -> Visit:
    """Return a visit whose answer went out, or was stopped."""
    visit = gate.enter(request)
    if visit.refused is None:
        gate.stopped(visit)
    gate.leave(visit)
    return visit


def test_a_switch_blocks_its_region_and_whoever_has_none(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        gate = guard.gate(SOURCES)
        assert passed(gate, {"region": "us"}).refused is None
        for region in ("eu", "EU", " Eu ", None, "", "\u200b", 3.5):
            refused = passed(gate, {"region": region}).refused
            assert refused is not None
            assert (refused.status, refused.reasons) == (Status.BLOCKED, ("switched_off",))
        assert guard.status()["counts"]["blocked"] == 7  # type: ignore[index]
        assert guard.last() is not None


def test_a_reader_that_raises_knows_nothing_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        gate = guard.gate({"region": lambda asked: asked["region"]})
        assert passed(gate, {"region": "us"}).refused is None
        assert passed(gate, {}).refused is not None
        assert passed(gate, {}).refused is not None
        assert caplog.text.count("what reads region off a request raised") == 1
        assert guard.status()["counts"]["faults"] == 0  # type: ignore[index]


def test_a_fallback_is_let_out_only_if_a_guarded_call_decided(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [FALL_EU]}) as guard:
        predict = guard.protect(lambda *, region: 0.4, fallback=[Default(0.1)])
        gate = guard.gate(SOURCES)
        visit = gate.enter({"region": "eu"})
        assert visit.refused is None
        assert predict(region=None).value == 0.1  # the gate knows the region for it
        assert gate.stopped(visit) is None
        assert visit.decision is not None
        assert visit.decision.step == "default"
        gate.leave(visit)
        refused = passed(gate, {"region": "eu"}).refused
        assert refused is not None
        assert refused.switches == ("swi_fall",)
        assert passed(gate, {"region": "us"}).refused is None


def test_what_only_guarded_calls_know_is_left_to_them(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU, KILL_OLD]}) as guard:
        assert passed(guard.gate({}), {}).refused is not None
        left = guard.gate({}, leaves=["region"])
        assert passed(left, {}).refused is not None  # nobody here knows a version
        predict = guard.protect(lambda *, region: 0.4, version="1.4.0")
        assert passed(left, {}).refused is None
        told = guard.gate({"version": lambda _: "1.3.0"}, leaves=["region"])
        bound = guard.bind(version="1.3.0").gate({}, leaves=["region"])
        assert passed(told, {}).refused is not None
        assert passed(bound, {}).refused is not None
        assert predict(region="us").status is Status.OK
        assert predict(region="eu").status is Status.BLOCKED


def test_a_switch_whose_exception_is_left_is_left_too(tmp_path: Path) -> None:
    body = {"switches": [BLOCK_ALL | {"except": {"region": ["us"]}}]}
    with from_file(tmp_path, body=body) as guard:
        predict = guard.protect(lambda *, region: 0.4)
        gate = guard.gate({}, leaves=["region"])
        assert passed(gate, {}).refused is None
        assert passed(guard.gate({}), {}).refused is not None
        assert predict(region="us").status is Status.OK
        assert predict(region="eu").status is Status.BLOCKED


def test_an_answer_that_is_being_computed_is_stopped_by_a_switch(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [], "generation": 1}) as guard:
        gate = guard.gate(SOURCES)
        visits = [gate.enter({"region": region}) for region in ("eu", "us")]
        put(guard, tmp_path, switches=[BLOCK_EU], generation=2)
        stopped = gate.stopped(visits[0])
        assert stopped is not None
        assert stopped.generation == 2
        assert gate.stopped(visits[0]) is None  # once: the refusal itself has to go out
        assert gate.stopped(visits[1]) is None
        for visit in reversed(visits):
            gate.leave(visit)


def test_a_caller_without_a_key_waits_for_a_guarded_call_while_a_release_goes_in_steps(
    tmp_path: Path,
) -> None:
    ramped = BLOCK_ALL | {"held": 1, "salt": "00" * 16}
    with from_file(tmp_path, body={"switches": [ramped]}) as guard:
        predict = guard.protect(lambda customer: 0.4, key="customer")
        assert passed(guard.gate(SOURCES), {"key": "c-1"}).refused is None
        gate = guard.gate({})
        visit = gate.enter({})
        assert visit.refused is None
        assert predict("c-1").status is Status.OK
        assert gate.stopped(visit) is None
        gate.leave(visit)
        assert passed(gate, {}).refused is not None


def test_limits_count_by_what_the_gate_knows_and_in_flight_until_it_leaves(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        gate = guard.gate(SOURCES, limits=Limits([Rate("1/m", key="region")]))
        assert passed(gate, {"region": "eu"}).refused is None
        refused = passed(gate, {"region": "eu"}).refused
        assert refused is not None
        assert refused.status is Status.LIMITED
        assert refused.retry_after_s > 0
        assert passed(gate, {"region": "us"}).refused is None
        narrow = guard.gate(SOURCES, limits=Limits(max_in_flight=1))
        first = narrow.enter({})
        assert passed(narrow, {}).refused is not None
        narrow.leave(first)
        narrow.leave(first)
        assert passed(narrow, {}).refused is None


@pytest.mark.parametrize("fail", ["static", "closed"])
def test_a_fault_in_the_gate_lets_in_or_refuses(tmp_path: Path, fail: str) -> None:
    with from_file(tmp_path, fail=fail) as guard:
        gate = guard.gate(SOURCES, limits=Limits([Rate("1/s")]))
        gate._place.limits.enter = lambda _: 1 / 0  # type: ignore[union-attr, assignment, return-value]
        refused = passed(gate, {}).refused
        assert (refused is None) == (fail == "static")
        assert guard.status()["counts"]["faults"] == 1  # type: ignore[index]


def test_without_a_snapshot_a_closed_gate_wants_a_guarded_call_to_decide(tmp_path: Path) -> None:
    with from_file(tmp_path, wire=b"", fail="closed") as guard:
        predict = guard.protect(lambda: 0.4, fallback=[Default(0.1)])
        gate = guard.gate({})
        refused = passed(gate, {}).refused
        assert refused is not None
        assert refused.reasons == ("no_snapshot",)
        visit = gate.enter({})
        assert predict().value == 0.1
        assert gate.stopped(visit) is None
        gate.leave(visit)


def test_a_visit_keeps_what_was_not_as_the_model_gave_it(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        predict: Any = guard.protect(lambda value: value, low=0.0, high=1.0)
        gate = guard.gate({})
        visit = gate.enter({})
        assert predict(0.5).status is Status.OK
        assert predict(1.5).status is Status.CLIPPED
        with guard.context(region="eu"):
            assert predict(0.5).status is Status.OK
        assert visit.decision is not None
        assert visit.decision.status is Status.CLIPPED
        gate.leave(visit)
        assert predict(2.0).status is Status.CLIPPED
        assert visit.decision.clipped_from == 1.5


def test_visits_within_one_another_are_both_told(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        outer_gate, inner_gate = guard.gate(SOURCES), guard.gate({})
        outer = outer_gate.enter({"region": "eu"})
        inner = inner_gate.enter({})
        assert inner["region"] == "eu"
        guard.protect(lambda: 9.0, high=1.0)()
        for visit in (outer, inner):
            assert visit.decision is not None
            assert visit.decision.status is Status.CLIPPED
        inner_gate.leave(inner)
        outer_gate.leave(outer)


def test_a_visit_is_a_mapping_that_reads_each_value_once() -> None:
    read: list[object] = []
    sources = {"region": lambda asked: read.append(asked) or "eu", "segment": lambda _: None}  # type: ignore[func-returns-value]
    visit = visit_of(sources, 7, {"consumer": "a"})
    assert dict(visit) == {"region": "eu", "consumer": "a"}
    assert visit["region"] == "eu"
    assert len(visit) == 2
    assert read == [7]
    with pytest.raises(KeyError):
        visit["segment"]
    assert dict(within(visit, {"region": "us", "x": 1})) == {
        "region": "us",
        "x": 1,
        "consumer": "a",
    }
    assert within({"a": 1}, {"b": 2}) == {"a": 1, "b": 2}


def test_a_gate_is_of_one_model(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard, pytest.raises(ValueInvalid, match="model"):
        guard.gate({"model": lambda _: "other"})
