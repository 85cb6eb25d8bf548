"""A guard around a batch: each row is answered as it would be alone (SG-28)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwarden.errors import PredictionBlocked, ValueInvalid
from modelwarden.guard.contract import Contract, OnViolation, probability
from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Default
from tests.guard.hosts import FALL_EU, from_file, put
from tests.guard.wire import BLOCK_EU

if TYPE_CHECKING:
    from pathlib import Path

NAN = float("nan")
FALL_US = FALL_EU | {"id": "swi_us", "scope": {"region": "us"}, "lkg_before": None}


def answered(value: float, region: object, segment: object) -> float:
    _ = region, segment
    return value


def columns(values: list[float]) -> dict[str, Any]:
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    return {
        "list": values,
        "tuple": tuple(values),
        "numpy": np.array(values),
        "float32": np.array(values, np.float32),
        "pandas": pd.Series(values, index=[f"r{n}" for n in range(len(values))], name="score"),
        "polars": polars.Series("score", values),
        "arrow": pyarrow.array(values),
    }


def plain(values: Any) -> list[float | None]:
    listed = values.to_pylist() if hasattr(values, "to_pylist") else list(values)
    return [None if v is None or v != v else round(float(v), 5) for v in listed]  # noqa: PLR0124 - NaN


@pytest.mark.parametrize("kind", ["list", "tuple", "numpy", "float32", "pandas", "polars", "arrow"])
def test_a_regional_switch_changes_its_rows_only_and_keeps_the_type(
    kind: str, tmp_path: Path
) -> None:
    given = [0.1, 0.2, 1.5, NAN]
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}, outputs=probability()) as guard:
        values = columns(given)[kind]
        before = plain(values)
        batch = guard.batch(values, context={"region": ["us", "EU", "us", "us"]})
        assert batch.status.tolist() == [Status.OK, Status.BLOCKED, Status.CLIPPED, Status.BLOCKED]
        assert plain(batch.values) == [0.1, None, 1.0, None]
        assert batch.reasons == {1: "switched_off", 2: "above_high", 3: "not_finite"}
        assert batch.summary == {"ok": 1, "clipped": 1, "blocked": 2}
        assert type(batch.values) is type(values)
        assert getattr(batch.values, "dtype", None) == getattr(values, "dtype", None)
        assert plain(values) == before
        assert batch.status.dtype == np.uint8
        if kind == "pandas":
            assert list(batch.values.index) == list(values.index)


def test_a_clean_batch_that_nothing_concerns_is_what_came(tmp_path: Path) -> None:
    values = np.array([0.1, 0.2])
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}, outputs=probability()) as guard:
        assert guard.batch(values, context={"region": "us"}).values is values
        assert (
            guard.batch(values).status.tolist() == [Status.BLOCKED] * 2
        )  # a missing region never slips past
        assert guard.bind(region="us").batch(values).values is values


def test_good_rows_are_remembered_by_key_and_others_fall_back_to_them(tmp_path: Path) -> None:
    with from_file(tmp_path, outputs=probability()) as guard:
        keys = np.array([1, 2, 3])
        assert guard.batch(np.array([0.1, 0.2, 1.7]), key=keys).status.tolist() == [0, 0, 1]
        fallen = guard.batch(np.array([NAN, 0.3, NAN]), key=keys)
        assert fallen.status.tolist() == [Status.LAST_KNOWN_GOOD, Status.OK, Status.BLOCKED]
        assert plain(fallen.values) == [0.1, 0.3, None]
        assert guard.recall(2).value == 0.3


def test_a_wrong_number_of_rows_fails_whole(tmp_path: Path) -> None:
    for number, options in enumerate(({}, {"outputs": probability()})):
        folder = tmp_path / str(number)
        folder.mkdir()
        with from_file(folder, **options) as guard:
            batch = guard.batch([0.1, 0.2], context={"region": ["us"] * 3})
            assert (batch.values, batch.status.tolist()) == (None, [Status.FAILED] * 3)
            assert batch.reasons[0] == "wrong_rows"
            with pytest.raises(ValueInvalid):
                guard.batch([0.1], context={"region": ["us"], "segment": ["a", "b"]})


def test_integers_words_and_tables_have_blanks_of_their_own_type(tmp_path: Path) -> None:
    region = {"region": ["us", "eu"]}
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        assert guard.batch(np.array([7, 8]), context=region).values.tolist() == [7, 0]
        assert guard.batch(np.array(["a", "b"]), context=region).values.tolist() == ["a", ""]
        assert guard.batch(["a", "b"], context=region).values == ["a", None]
        table = np.array([[0.1, 0.9], [0.2, 0.8]])
        assert plain(guard.batch(table, context=region).values.ravel()) == [0.1, 0.9, None, None]
        frame = guard.batch(pd.DataFrame({"a": [0.1, 0.2], "b": [1, 2]}), context=region).values
        assert (plain(frame["a"]), frame["b"].tolist()) == ([0.1, None], [1, 0])
        times = np.array(["2026-01-01", "2026-01-02"], "datetime64[D]")
        assert np.isnat(guard.batch(times, context=region).values).tolist() == [False, True]


def test_a_contract_may_ask_a_batch_to_raise(tmp_path: Path) -> None:
    strict = Contract(low=0, high=1, on_violation=OnViolation.RAISE)
    with (
        from_file(tmp_path, outputs=strict) as guard,
        pytest.raises(PredictionBlocked, match="above_high"),
    ):
        guard.batch([0.1, 7.0])


def test_a_ramp_holds_a_row_by_its_key(tmp_path: Path) -> None:
    ramped = BLOCK_EU | {"scope": {"region": "eu"}, "held": 5_000, "salt": "00" * 16}
    with from_file(tmp_path, body={"switches": [ramped]}) as guard:
        keys = [f"c-{n}" for n in range(50)]
        batch = guard.batch([0.5] * 50, key=keys, context={"region": "eu"})
        alone = [guard.check(region="eu", key=key).diverts for key in keys]
        assert (batch.status == Status.BLOCKED).tolist() == alone
        assert set(alone) == {True, False}


def test_closed_and_stale_a_batch_falls_back_whole(tmp_path: Path) -> None:
    with from_file(tmp_path, wire=b"nothing", fail="closed", fallback=[Default(0.1)]) as guard:
        batch = guard.batch(np.array([0.4, 0.5]))
        assert (batch.values.tolist(), batch.status.tolist()) == ([0.1, 0.1], [Status.DEFAULT] * 2)
        assert batch.reasons == {0: "no_snapshot", 1: "no_snapshot"}


def test_a_version_that_is_killed_has_its_rows_blocked(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        assert guard.batch([0.4], version="1.4.0").status.tolist() == [0]
        killed = BLOCK_EU | {"scope": {"version": "1.4.0"}}
        put(guard, tmp_path, switches=[killed], generation=1841)
        assert guard.batch([0.4], version="1.4.0").status.tolist() == [Status.BLOCKED]
        assert guard.batch([0.4], version="1.5.0").status.tolist() == [Status.OK]
        assert guard.batch([0.4]).status.tolist() == [Status.BLOCKED]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.1, -0.5, 1.5, NAN, float("inf"), 0.0]),
            st.sampled_from(["us", "eu", "EU ", "asia", None, "", 7]),
            st.sampled_from(["vip", None, "x"]),
        ),
        max_size=12,
    )
)
def test_a_batch_is_its_rows_one_by_one(rows: list[tuple[float, object, object]]) -> None:
    guard = ONE["guard"]
    values = [value for value, _, _ in rows]
    context = {"region": [r for _, r, _ in rows], "segment": [s for _, _, s in rows]}
    batch = guard.batch(values, context=context)
    predict = guard.protect(answered, outputs=probability(), breaker=None)
    alone = [predict(*row) for row in rows]
    assert batch.status.tolist() == [one.status for one in alone]
    assert plain(batch.values) == plain([one.value for one in alone])
    assert [batch.reasons.get(n) for n in range(len(rows))] == [
        next(iter(one.reasons), None) for one in alone
    ]


ONE: dict[str, Any] = {}


@pytest.fixture(autouse=True, scope="module")
def _guard(tmp_path_factory: pytest.TempPathFactory) -> Any:
    vip = BLOCK_EU | {"id": "swi_vip", "scope": {"region": "asia", "segment": {"not_in": ["vip"]}}}
    switches = [BLOCK_EU, FALL_US | {"except": {"segment": "vip"}}, vip]
    with from_file(
        tmp_path_factory.mktemp("one"),
        body={"switches": switches},
        outputs=probability(),
        fallback=[Default(0.7)],
    ) as guard:
        ONE["guard"] = guard
        yield


def test_zeros_of_either_sign_and_an_empty_batch_are_clean(tmp_path: Path) -> None:
    with from_file(tmp_path, outputs=Contract(low=0, high=-0.0)) as guard:
        for kind in (np.float64, np.float32, np.float16):
            for values, status in (([0.0, -0.0], [0, 0]), ([0.5, -0.5, 0.0], [1, 1, 0]), ([], [])):
                assert guard.batch(np.array(values, kind)).status.tolist() == status
    with from_file(tmp_path, outputs=Contract(low=0)) as guard:
        values = np.array([np.inf, NAN, -1e-320, 1e308])
        assert guard.batch(values).status.tolist() == [Status.BLOCKED] * 2 + [Status.CLIPPED, 0]


CONSUMERS = [f"c-{n % 300}" for n in range(900)]
CONTEXTS: dict[str, Any] = {
    "list": list,
    "numpy": np.array,
    "objects": lambda column: np.array(column, object),
    "pandas": pd.Series,
    "categories": lambda column: pd.Series(column, dtype="category"),
    "polars": pl.Series,
    "polars categories": lambda column: pl.Series(column, dtype=pl.Categorical),
    "arrow": pa.array,
    "arrow chunks": lambda column: pa.chunked_array([column[:7], column[7:]]),
    "arrow dictionary": lambda column: pa.array(column).dictionary_encode(),
    "arrow dictionaries": lambda column: pa.chunked_array(
        [pa.array(column[:7]).dictionary_encode(), pa.array(column[7:]).dictionary_encode()]
    ),
}


@pytest.mark.parametrize("kind", CONTEXTS)
@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "with gaps"])
def test_columns_of_any_kind_match_as_their_rows_do(tmp_path: Path, kind: str, gaps: bool) -> None:
    """Hundreds of switches, each for a consumer of its own, make more kinds of values than a byte holds."""
    if gaps and kind == "numpy":
        pytest.skip("an array of texts has no gaps")
    each = [
        BLOCK_EU | {"id": f"swi_{n}", "scope": {"consumer": f"c-{n}", "region": ["eu", "asia"]}}
        for n in range(280)
    ]
    regions = [None if gaps and n % 13 == 0 else ("eu", "US", " Asia")[n % 3] for n in range(900)]
    with from_file(tmp_path, body={"switches": each}) as guard:
        for start in (0, 450):  # another batch finds what the first has left
            part = slice(start, start + 450)
            region = CONTEXTS[kind](regions[part])
            consumer = CONTEXTS[kind](CONSUMERS[part])
            batch = guard.batch([0.5] * 450, context={"region": region, "consumer": consumer})
            pairs = zip(regions[part], CONSUMERS[part], strict=True)
            alone = [guard.check(region=r, consumer=c).diverts for r, c in pairs]
            assert (batch.status == Status.BLOCKED).tolist() == alone
            assert set(batch.reasons) == {row for row, stopped in enumerate(alone) if stopped}
            assert guard.status()["counts"]["faults"] == 0  # type: ignore[index]


def test_one_true_and_the_text_of_one_are_told_apart(tmp_path: Path) -> None:
    one = BLOCK_EU | {"scope": {"consumer": ["1"]}, "unknown": "pass"}
    with from_file(tmp_path, body={"switches": [one]}) as guard:
        mixed: list[object] = ["1", 1, True, 1.0, [1], None, np.int64(1), np.str_("1")]
        expected = [Status.BLOCKED] * 2 + [Status.OK] * 4 + [Status.BLOCKED] * 2
        for _ in range(2):
            assert guard.batch([0.5] * 8, context={"consumer": mixed}).status.tolist() == expected
            assert (
                guard.batch([0.5] * 8, context={"consumer": mixed[::-1]}).status.tolist()
                == (expected[::-1])
            )


def test_rows_without_a_key_do_not_share_a_value_that_can_be_changed(tmp_path: Path) -> None:
    with from_file(tmp_path, fallback=[Default([0.5])], body={"switches": [FALL_EU]}) as guard:
        batch = guard.batch([[0.1], [0.2]], context={"region": "eu"})
        assert batch.values == [[0.5], [0.5]]
        assert batch.values[0] is not batch.values[1]
