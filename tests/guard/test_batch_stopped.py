"""A batch under drills, approved rates, ages and contracts, in the containers that hosts hand in (SG-28, SG-53)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from modelwarden.errors import PredictionBlocked
from modelwarden.guard.batch_drills import Strikes
from modelwarden.guard.contract import Contract, OnViolation
from modelwarden.guard.decision import Status
from modelwarden.guard.drilling import Struck
from modelwarden.guard.fallback import Default, LastKnownGood
from modelwarden.guard.faults import Rule, parse_fault
from tests.guard.test_batch_by_row import (
    NOW,
    SWITCHES,
    VERSION,
    counted,
    drill,
    fresh,
    guarding,
    limit,
    plain,
)
from tests.guard.wire import BLOCK_EU

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3_600
KINDS: dict[str, Any] = {
    "numpy": np.array,
    "float32": lambda v: np.array(v, np.float32),
    "pandas": pd.Series,
    "polars": pl.Series,
    "arrow": pa.array,
    "tuple": tuple,
}


@pytest.mark.parametrize("fault", ["nan", "out_of_range", "constant", "error"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_drill_changes_no_type_and_no_input(kind: str, fault: str, tmp_path: Path) -> None:
    values = KINDS[kind]([0.25, 0.5, 0.75] * 20)
    keys = [f"c-{n}" for n in range(60)]
    with guarding(tmp_path, {"switches": [], "faults": [drill(fault)]}) as guard:
        batch = guard.batch(values, key=keys)
        assert 0 < batch.drill.sum() < 60
        assert type(batch.values) is type(values)
        assert getattr(batch.values, "dtype", None) == getattr(values, "dtype", None)
        assert plain(list(values.to_pylist() if kind == "arrow" else values)) == [0.25, 0.5, 0.75] * 20  # fmt: skip
        expected = {
            "nan": Status.DEFAULT, "out_of_range": Status.CLIPPED, "constant": Status.OK, "error": Status.DEFAULT,
        }  # fmt: skip
        assert set(batch.status[batch.drill].tolist()) == {expected[fault]}
        assert not batch.status[~batch.drill].any()


def test_what_a_column_can_not_hold_is_no_answer(tmp_path: Path) -> None:
    """A whole number can't be NaN, nor one of 8 bits a million millions; lists hold anything."""
    keys = [f"c-{n}" for n in range(8)]
    options: dict[str, Any] = {"outputs": None, "fallback": [Default(3)]}
    for number, (fault, of) in enumerate((("nan", np.int64), ("out_of_range", np.int8))):
        folder = tmp_path / str(number)
        folder.mkdir()
        body = {"switches": [], "faults": [drill(fault, share=10_000)]}
        with guarding(folder, body, **options) as guard:
            batch = guard.batch(np.arange(8, dtype=of), key=keys)
            assert (batch.values.dtype, set(batch.values.tolist())) == (np.dtype(of), {3})
            assert set(batch.reasons.values()) == {"not_finite"}
            assert guard.batch([1, 2], key=["a", "b"]).status.tolist() == [Status.OK] * 2


def test_the_same_callers_are_struck_as_in_single_calls(tmp_path: Path) -> None:  # fmt: skip
    keys = [f"c-{n}" for n in range(300)]
    with guarding(tmp_path, {"switches": [BLOCK_EU], "faults": [drill("constant", share=3_000)]}) as guard:  # fmt: skip
        regions = ["eu", "us", "asia"] * 100
        batch = guard.batch(np.full(300, 0.5), key=keys, context={"region": regions})
        again = guard.batch(np.full(300, 0.5), key=keys, context={"region": regions})
        assert batch.drill.tolist() == again.drill.tolist()
        assert 60 < batch.drill.sum() < 120
        assert (batch.status == Status.BLOCKED).tolist() == [region == "eu" for region in regions]
        counts = counted(guard)
        assert counts["drilled"] == 2 * int(batch.drill.sum())
        assert guard._parts.counts.drilled_stopped == 2 * int(batch.drill[::3].sum())


def test_rows_without_a_key_are_drawn(tmp_path: Path) -> None:
    with guarding(tmp_path, {"switches": [], "faults": [drill("nan", share=5_000)]}) as guard:
        batch = guard.batch(np.full(2_000, 0.5))
        assert 800 < batch.drill.sum() < 1_200


def test_a_guard_that_honours_no_drills_is_not_struck(tmp_path: Path) -> None:
    body = {"switches": [], "faults": [drill("nan", share=10_000)]}
    with guarding(tmp_path, body, drills=False) as guard:
        batch = guard.batch(np.full(10, 0.5))
        assert not batch.drill.any()
        assert batch.summary == {"ok": 10}


def test_a_delay_is_waited_for_once(tmp_path: Path) -> None:
    slow = drill("latency:50ms", share=10_000)
    with guarding(tmp_path, {"switches": [], "faults": [slow]}) as guard:
        began = time.monotonic()
        batch = guard.batch(np.full(1_000, 0.5))
        took = time.monotonic() - began
        assert batch.drill.all()
        assert took >= 0.05
        assert batch.summary == {"ok": 1_000}


# --- limits, ages and contracts ------------------------------------------------------------------------


def test_a_batch_is_no_way_around_an_approved_rate(tmp_path: Path) -> None:
    body = {"switches": [], "limits": [limit(key=None, rate="50/h", burst=50)]}
    with guarding(tmp_path, body) as guard:
        batch = guard.batch(np.full(9, 0.5), version="1.4.0")
        assert batch.summary == {"ok": 5, "limited": 4}
        assert plain(batch.values.tolist()) == [0.5] * 5 + [None] * 4
        assert set(batch.reasons.values()) == {"50/h"}
        assert batch.retry_after_s > 0
        bound = guard.bind(version="1.4.0")  # another place, with meters of its own
        assert bound.batch(np.full(9, 0.5)).summary == {"ok": 5, "limited": 4}
        with guard.context(version="1.4.0"):
            assert guard.batch(np.full(2, 0.5)).summary == {"limited": 2}
        assert guard.batch(np.full(9, 0.5), version="2.0.0").summary == {"ok": 9}


def test_an_age_is_read_from_the_features_or_missed(tmp_path: Path) -> None:
    with guarding(tmp_path, {"switches": [], "freshness": [fresh()]}) as guard:
        values = np.full(3, 0.5)
        table = pd.DataFrame({"as_of": pd.to_datetime([NOW, NOW - 2 * HOUR, None], unit="s")})
        batch = guard.batch(values, features=table, version="1.4.0")
        assert batch.status.tolist() == [Status.OK, Status.DEFAULT, Status.BLOCKED]
        assert batch.reasons == {1: "stale", 2: "as_of_missing"}
        for features in (None, table[:2], {"other": [1, 2, 3]}, "no table"):
            batch = guard.batch(values, features=features, version="1.4.0")
            assert batch.summary == {"blocked": 3}
        fixed = guard.batch(values, context={"as_of": NOW - 120}, version="1.4.0")
        assert fixed.summary == {"ok": 3}
        assert (
            counted(guard)["stale_inputs"] == 2 + 4 * 3 + 3
        )  # old, without a time, and those that warn


def test_a_drill_takes_a_feature_away_and_with_it_its_age(tmp_path: Path) -> None:
    body = {
        "switches": [], "freshness": [fresh(block_s=60 * 86_400)],
        "faults": [drill("missing_feature", share=10_000)],
    }  # fmt: skip
    with guarding(tmp_path, body) as guard:
        table = {"as_of": [NOW, NOW], "zip": [1, 2]}
        batch = guard.batch([0.5, 0.5], features=table, version="1.4.0", key=["a", "b"])
        assert batch.reasons == {0: "as_of_missing", 1: "as_of_missing"}
        assert table == {"as_of": [NOW, NOW], "zip": [1, 2]}


def test_an_approved_contract_holds_for_a_batch(tmp_path: Path) -> None:
    approved = VERSION | {"outputs": {"kind": "number", "low": "0.2", "high": "0.8"}}
    with guarding(tmp_path, {"switches": [], "versions": [approved]}) as guard:
        assert guard.batch(np.array([0.1, 0.5]), version="1.4.0").status.tolist() == [1, 0]
        assert guard.batch(np.array([0.1, 0.5]), version="1.5.0").status.tolist() == [0, 0]
    wide = tmp_path / "conflict"
    wide.mkdir()
    body = {"switches": [], "versions": [approved]}
    with guarding(wide, body, outputs=Contract(low=2, high=3)) as guard:
        batch = guard.batch(np.array([2.5, 0.5]), version="1.4.0")
        assert batch.reasons == {0: "limits_conflict", 1: "limits_conflict"}


def test_a_row_that_is_stopped_before_does_not_raise(tmp_path: Path) -> None:
    strict = Contract(low=0, high=1, on_violation=OnViolation.RAISE)
    with guarding(tmp_path, {"switches": [BLOCK_EU]}, outputs=strict) as guard:
        batch = guard.batch(np.array([0.5, 7.0]), context={"region": ["us", "eu"]})
        assert batch.status.tolist() == [Status.OK, Status.BLOCKED]
        with pytest.raises(PredictionBlocked, match="above_high"):
            guard.batch(np.array([7.0, 7.0]), context={"region": ["us", "eu"]})


def test_a_key_of_all_rows_counts_for_each(tmp_path: Path) -> None:
    ramp = SWITCHES[2] | {"scope": {"region": "asia"}}
    with guarding(tmp_path, {"switches": [ramp]}, fallback=[LastKnownGood()]) as guard:
        for key in (f"c-{n}" for n in range(20)):
            alone = guard.check(region="asia", key=key).diverts
            batch = guard.batch([0.5, 0.6], key=key, context={"region": ["asia", "asia"]})
            assert batch.summary == ({"blocked": 2} if alone else {"ok": 2})
            assert guard.recall(key).value == (None if alone else 0.6)


def test_the_features_of_struck_rows_are_shifted_and_what_came_is_not() -> None:
    rule = Rule("dri_1", parse_fault("drift:0.5"), 10_000, NOW + 60)
    strikes = Strikes({1: Struck(rule, {})})
    for build in (list, np.array, pd.Series, pl.Series, pa.array):
        table = {"age": build([10, 20, 30]), "rate": build([0.5, 4.0, 2.0])}
        assert strikes.features(table) == {"age": [10, 30, 30], "rate": [0.5, 6.0, 2.0]}
        assert plain(list(pa.array(table["rate"]).to_pylist())) == [0.5, 4.0, 2.0]
    assert Strikes().features(table) is table
