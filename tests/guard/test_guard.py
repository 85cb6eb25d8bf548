"""A guard around functions: what is answered, by whom and why (SG-24 to SG-27)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import PredictionBlocked, ValueInvalid
from modelwarden.guard.contract import probability
from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Baseline, Custom, Default, LastKnownGood
from tests.guard.hosts import FALL_EU, from_file, put
from tests.guard.wire import BLOCK_EU

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "ab" * 32
VERSION = {"label": "1.4.0", "sha256": DIGEST, "baseline": False, "outputs": None}


def score(
    features: dict[str, float], *, customer_id: str = "c-1", region: str | None = "us"
) -> float:
    _ = customer_id, region
    return features["score"]


def test_a_clean_answer_is_ok(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        decision = guard.protect(score, low=0.0, high=1.0, version="1.4.0")({"score": 0.4})
        assert (decision.value, decision.status, decision.version) == (0.4, Status.OK, "1.4.0")
        assert (decision.generation, decision.reasons) == (1840, ())
        assert 0 <= decision.stale_s < 3_600
        assert guard.last() == decision


def test_a_switch_blocks_its_region_alone(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        predict = guard.protect(score)
        blocked = predict({"score": 0.4}, region="EU")
        assert (blocked.value, blocked.status, blocked.reasons) == (
            None,
            Status.BLOCKED,
            ("switched_off",),
        )
        assert blocked.switches == ("swi_eu",)
        assert predict({"score": 0.4}, region="us").value == 0.4


def test_values_raise_where_there_is_none(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        predict = guard.protect(score, returns="value", low=0.0, high=1.0)
        assert predict({"score": 0.4}) == 0.4
        last = guard.last()
        assert last is not None
        assert (last.value, last.status, last.generation) == (0.4, Status.OK, 1840)
        with pytest.raises(PredictionBlocked) as raised:
            predict({"score": 0.4}, region="eu")
        assert raised.value.switches == ("swi_eu",)
        last = guard.last()
        assert last is not None
        assert last.status is Status.BLOCKED


def test_a_missing_context_value_never_slips_past_a_block_and_is_counted(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        assert guard.protect(score)({"score": 0.4}, region=None).status is Status.BLOCKED

        @guard.protect
        def unaware(features: dict[str, float]) -> float:
            return features["score"]

        assert unaware({"score": 0.4}).status is Status.BLOCKED
        assert guard.status()["counts"]["unknown_context"] == 2  # type: ignore[index]
        with guard.context(region="us"):
            assert unaware({"score": 0.4}).value == 0.4
        assert unaware({"score": 0.4}).status is Status.BLOCKED


def test_bound_values_settle_what_functions_do_not_name(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:

        def unaware(features: dict[str, float]) -> float:
            return features["score"]

        assert guard.bind(region="us").protect(unaware)({"score": 0.4}).value == 0.4
        assert guard.bind(region="eu").protect(unaware)({"score": 0.4}).status is Status.BLOCKED
        decision = guard.bind(region="us").protect(score)({"score": 0.4}, region="eu")
        assert decision.status is Status.BLOCKED  # what is given counts


def test_an_endpoint_is_a_dimension(tmp_path: Path) -> None:
    switch = BLOCK_EU | {"scope": {"endpoint": "batch"}}
    with from_file(tmp_path, body={"switches": [switch]}, endpoint="online") as guard:
        assert guard.protect(score)({"score": 0.4}).value == 0.4
        assert guard.protect(score, endpoint="batch")({"score": 0.4}).status is Status.BLOCKED


def test_out_of_range_is_clipped_and_said(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        decision = guard.protect(score, low=0.0, high=1.0)({"score": 1.5})
        assert (decision.value, decision.status, decision.clipped_from) == (
            1.0,
            Status.CLIPPED,
            1.5,
        )
        assert decision.reasons == ("above_high",)


def test_what_cannot_be_clipped_falls_back_or_is_blocked(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        predict = guard.protect(score, low=0.0, high=1.0, key="customer_id")
        nan = float("nan")
        exhausted = predict({"score": nan}, customer_id="c-9")
        assert (exhausted.status, exhausted.reasons[0]) == (Status.BLOCKED, "not_finite")
        assert predict({"score": 0.3}, customer_id="c-9").status is Status.OK
        fallen = predict({"score": nan}, customer_id="c-9")
        assert (fallen.value, fallen.status, fallen.step) == (
            0.3,
            Status.LAST_KNOWN_GOOD,
            "last_known_good",
        )
        assert fallen.age is not None
        assert predict({"score": nan}, customer_id="c-8").status is Status.BLOCKED


def test_a_contract_may_ask_to_raise(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        predict = guard.protect(score, low=0.0, high=1.0, on_violation="raise")
        with pytest.raises(PredictionBlocked, match="above_high"):
            predict({"score": 2.0})


def test_a_falling_switch_lets_the_chain_answer_in_its_order(tmp_path: Path) -> None:
    asked = []

    def instead(features: dict[str, float], **_: object) -> float:
        asked.append(features)
        return 0.2

    with from_file(tmp_path, body={"switches": [FALL_EU]}) as guard:
        chain = [LastKnownGood("1h"), Custom(instead, name="rule"), Default(0.5)]
        predict = guard.protect(score, fallback=chain)
        decision = predict({"score": 0.9}, region="eu")
        assert (decision.value, decision.step, decision.status) == (0.2, "rule", Status.DEFAULT)
        assert decision.reasons == ("switched_off", "last_known_good:no_key")
        assert asked == [{"score": 0.9}]
        assert predict({"score": 0.9}, region="us").value == 0.9


def test_a_switch_may_allow_some_steps_only(tmp_path: Path) -> None:
    switch = FALL_EU | {"fallback": ["default"]}
    with from_file(tmp_path, body={"switches": [switch]}) as guard:
        both = guard.protect(score, fallback=[Custom(lambda *_, **__: 0.1), Default(0.5)])
        assert both({"score": 0.9}, region="eu").step == "default"
        neither = guard.protect(score, fallback=[Custom(lambda *_, **__: 0.1)])
        assert neither({"score": 0.9}, region="eu").status is Status.BLOCKED


def test_an_answer_of_a_switched_off_version_is_not_recalled(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        assert guard.remember("c-1", 0.3, version="1.4.0")
        assert guard.recall("c-1").value == 0.3
        killed = BLOCK_EU | {"scope": {"version": "1.4.0"}, "lkg_before": None}
        falls = FALL_EU | {"lkg_before": None}
        put(guard, tmp_path, switches=[falls, killed], generation=1841)
        decision = guard.recall("c-1", region="eu", version="1.5.0")
        assert decision.status is Status.BLOCKED
        assert "last_known_good:version_switched_off" in decision.reasons


def test_answers_from_after_the_evidence_began_are_not_recalled(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        guard.remember("c-1", 0.3)
        old = FALL_EU | {"lkg_before": "2026-01-01T00:00:00.000000Z"}
        put(guard, tmp_path, switches=[old], generation=1841)
        assert guard.recall("c-1", region="eu").status is Status.BLOCKED
        assert guard.recall("c-1", region="us").value == 0.3
        new = FALL_EU | {"lkg_before": "2999-01-01T00:00:00.000000Z"}
        put(guard, tmp_path, switches=[new], generation=1842)
        assert guard.recall("c-1", region="eu").value == 0.3


def test_approved_limits_are_tightened_by_code_and_never_loosened(tmp_path: Path) -> None:
    approved = VERSION | {"outputs": {"kind": "number", "low": "0.2", "high": "0.8"}}
    with from_file(tmp_path, body={"switches": [], "versions": [approved]}) as guard:
        predict = guard.protect(score, low=0.0, high=0.5, version="1.4.0")
        assert [predict({"score": s}).value for s in (0.0, 0.3, 0.9)] == [0.2, 0.3, 0.5]
        other = guard.protect(score, low=0.9, high=1.0, version="1.4.0")
        assert other({"score": 0.95}).reasons[0] == "limits_conflict"
        unread = VERSION | {"outputs": {"kind": "number", "lowest": 0}}
        put(guard, tmp_path, switches=[], versions=[unread], generation=1841)
        assert predict({"score": 0.3}).reasons[0] == "limits_unreadable"


def test_a_baseline_answers_if_it_is_approved_as_one(tmp_path: Path) -> None:
    baseline = VERSION | {"label": "1.3.0", "baseline": True}
    with from_file(
        tmp_path, body={"switches": [FALL_EU], "versions": [VERSION, baseline]}
    ) as guard:
        guard.version("1.3.0", lambda features, **_: features["score"] / 2)
        predict = guard.protect(score, fallback=[Baseline("1.3.0")], version="1.4.0")
        decision = predict({"score": 0.8}, region="eu")
        assert (decision.value, decision.status, decision.version) == (
            0.4,
            Status.BASELINE,
            "1.3.0",
        )
        put(
            guard,
            tmp_path,
            switches=[FALL_EU],
            versions=[VERSION, VERSION | {"label": "1.3.0"}],
            generation=1841,
        )
        assert predict({"score": 0.8}, region="eu").reasons[1] == "baseline:baseline_not_approved"


def test_an_artifact_of_another_digest_is_not_served(tmp_path: Path) -> None:
    artifact = tmp_path / "model.bin"
    artifact.write_bytes(b"not what was approved")
    with from_file(tmp_path, body={"switches": [], "versions": [VERSION]}) as guard:
        predict = guard.protect(score, version="1.4.0", fallback=[Default(0.1)])
        assert predict({"score": 0.4}).value == 0.4
        guard.version("1.4.0", score, artifact=artifact)
        assert predict({"score": 0.4}).reasons[0] == "artifact_mismatch"
        guard.version("9.9.9", score)
        stranger = guard.protect(score, version="9.9.9")
        assert stranger({"score": 0.4}).reasons[0] == "not_deployed"


def test_a_route_chooses_the_version_by_key_and_leaves_one_that_is_switched_off(
    tmp_path: Path,
) -> None:
    route = {
        "deployment": "dep_1", "strategy": "canary", "salt": "00" * 16, "by": "key", "stable": "1.4.0",
        "shares": {"1.5.0": 5_000}, "shadow": None,
    }  # fmt: skip
    versions = [VERSION, VERSION | {"label": "1.5.0"}]

    def served(guard: Any) -> set[str]:
        predict = guard.protect(score, key="customer_id", returns="value")
        found = set()
        for n in range(60):
            predict({"score": 0.5}, customer_id=f"c-{n}")
            found.add(guard.last().version)
        return found

    with from_file(tmp_path, body={"switches": [], "route": route, "versions": versions}) as guard:
        guard.version("1.4.0", lambda *_, **__: 0.4)
        guard.version("1.5.0", lambda *_, **__: 0.5)
        assert served(guard) == {"1.4.0", "1.5.0"}
        killed = BLOCK_EU | {"scope": {"version": "1.5.0"}}
        put(guard, tmp_path, switches=[killed], route=route, versions=versions, generation=1841)
        assert served(guard) == {"1.4.0"}


def test_a_guarded_block_does_what_a_guarded_function_does(tmp_path: Path) -> None:
    with from_file(
        tmp_path, body={"switches": [BLOCK_EU]}, outputs=probability(), fallback=[Default(0.1)]
    ) as guard:
        with guard.call(region="us", key="c-1") as call:
            assert call.proceeds
            call.value = 1.7
        assert (call.value, call.decision.status) == (1.0, Status.CLIPPED)
        with guard.call(region="eu") as call:
            assert not call.proceeds
            call.value = 0.5  # too late
        assert (call.value, call.decision.status) == (None, Status.BLOCKED)
        with guard.call(region="us") as call:
            raise OSError
        assert (call.decision.value, call.decision.reasons) == (0.1, ("raised:OSError",))
        with guard.call(region="us") as call:
            pass
        assert call.decision.reasons == ("no_value",)
        with pytest.raises(RuntimeError):
            _ = guard.call(region="us").decision


def test_a_block_whose_exception_nothing_answers_lets_it_go_on(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        mine = OSError()
        with pytest.raises(OSError) as raised, guard.call():  # noqa: PT011
            raise mine
        assert raised.value is mine


def test_validate_judges_without_a_fallback(tmp_path: Path) -> None:
    with from_file(
        tmp_path, body={"switches": [FALL_EU]}, outputs=probability(), fallback=[Default(0.1)]
    ) as guard:
        assert guard.validate(0.4, region="us") == (True, 0.4, None)
        assert guard.validate(1.4, region="us") == (True, 1.0, "above_high")
        assert guard.validate(float("nan"), region="us") == (False, None, "not_finite")
        assert guard.validate(0.4, region="eu") == (False, None, "switched_off")
        assert guard.validate(0.4) == (False, None, "switched_off")
        counts: Any = guard.status()["counts"]
        assert (counts["ok"], counts["clipped"], counts["blocked"]) == (1, 1, 3)


def test_only_what_passes_unclipped_is_remembered(tmp_path: Path) -> None:
    with from_file(tmp_path, outputs=probability()) as guard:
        assert guard.remember("c-1", 0.4)
        assert not guard.remember("c-2", 1.4)
        assert not guard.remember("", 0.4)
        assert guard.recall("c-1").value == 0.4
        assert guard.recall("c-2").status is Status.BLOCKED
        with pytest.raises(PredictionBlocked):
            guard.recall("c-2", returns="value")
        assert guard.forget("c-1")
        assert guard.recall("c-1").status is Status.BLOCKED


def test_a_key_has_to_be_a_parameter(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        with pytest.raises(ValueInvalid):
            guard.protect(score, key="customer")
        with pytest.raises(ValueInvalid):
            guard.protect(score, low=0.0, outputs=probability())
        with pytest.raises(ValueInvalid):
            guard.protect(score, returns="both")  # type: ignore[arg-type]
        with pytest.raises(ValueInvalid):
            guard.bind(model="other")
