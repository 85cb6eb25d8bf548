"""A batch is its rows one by one, under switches, drills, approved limits and ages (SG-28, SG-34, SG-44, SG-53)."""

from __future__ import annotations

import contextlib
import math
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwarden.guard.contract import probability
from modelwarden.guard.fallback import Default, LastKnownGood
from modelwarden.guard.faults import OF_GUARD, FaultKind
from modelwarden.guard.freshness import Fresh
from modelwarden.guard.held import Clocks
from modelwarden.values.clock import timestamp
from tests.guard.hosts import FALL_EU, from_file
from tests.guard.test_faults import rule
from tests.guard.wire import BLOCK_EU

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pytest

    from modelwarden.guard.batch import Batch
    from modelwarden.guard.decision import Decision
    from modelwarden.guard.guard import Guard

NAN = float("nan")
NOW = time.time()
HOUR = 3_600
VERSION = {"label": "1.4.0", "sha256": "ab" * 32, "baseline": False, "outputs": None}
SWITCHES = [
    BLOCK_EU | {"except": {"segment": "vip"}},
    FALL_EU | {"scope": {"region": "us", "segment": ["a"]}, "lkg_before": None},
    BLOCK_EU | {"id": "swi_ramp", "scope": {"region": "asia"}, "held": 5_000, "salt": "07" * 16},
]
AMOUNTS = {FaultKind.LATENCY: "latency:1ms", FaultKind.DRIFT: "drift:0.4"}
ALL_FAULTS = [AMOUNTS.get(kind, kind) for kind in FaultKind if kind not in OF_GUARD]


def until(minutes: float) -> str:
    return timestamp(datetime.now(UTC) + timedelta(minutes=minutes))


def drill(fault: str, **fields: Any) -> dict[str, Any]:
    return rule(fault=fault, until=until(60), share=6_000) | fields


def limit(**fields: Any) -> dict[str, Any]:
    return {"version": "1.4.0", "rate": "30/h", "burst": 30, "key": "consumer"} | fields


def fresh(**fields: Any) -> dict[str, Any]:
    return {
        "version": "1.4.0", "field": "as_of", "warn_s": 60, "fallback_s": HOUR, "block_s": 6 * HOUR, "skew_s": 30,
    } | fields  # fmt: skip


def answered(  # noqa: PLR0913, PLR0917 - each is a column of a batch
    features: object, value: float, region: object, segment: object, consumer: object, customer: object, as_of: object
) -> float:  # fmt: skip
    _ = features, region, segment, consumer, customer, as_of
    return value


NAMES = ("value", "region", "segment", "consumer", "customer", "as_of")
ROWS = st.lists(
    st.tuples(
        st.sampled_from([0.1, 0.5, -0.5, 1.5, NAN, float("inf"), 0.0]),
        st.sampled_from(["us", "eu", "EU ", "asia", "africa", None, 7]),
        st.sampled_from(["vip", "a", None]),
        st.sampled_from(["shop", "app", None]),
        st.sampled_from(["c-1", "c-2", 3, 4, None, ""]),
        st.sampled_from([NOW, NOW - 120, NOW - 2 * HOUR, NOW - 9 * HOUR, NOW + 300, None, "soon", NAN]),
    ),
    min_size=1,
    max_size=16,
)  # fmt: skip
Row = tuple[float, object, object, object, object, object]


@contextlib.contextmanager
def guarding(folder: Path, body: dict[str, Any], **options: Any) -> Iterator[Guard]:
    chosen = {
        "outputs": probability(), "fallback": [Default(0.7)], "drills": True,
        "clocks": Clocks(lambda: 1_000.0, lambda: NOW),
    }  # fmt: skip
    with from_file(folder, body={"switches": SWITCHES} | body, **(chosen | options)) as guard:
        yield guard


def as_batch(guard: Guard, rows: Sequence[Row], values: Any = None, **options: Any) -> Batch:
    columns = dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True))
    own, key = columns.pop("value"), columns.pop("customer")
    return guard.batch(
        own if values is None else values, key=key, context=columns, version="1.4.0", **options
    )


def one_by_one(guard: Guard, rows: Sequence[Row], **options: Any) -> list[Decision]:
    outputs = options.pop("outputs", probability())
    predict = guard.protect(
        answered, outputs=outputs, breaker=None, version="1.4.0", key="customer", **options
    )
    return [predict({"x": 1.0}, *row) for row in rows]


def plain(values: Sequence[Any]) -> list[Any]:
    return [None if v is None or math.isnan(v) else float(v) for v in values]


def assert_same(batch: Batch, alone: Sequence[Decision]) -> None:
    assert batch.status.tolist() == [int(one.status) for one in alone]
    assert plain(list(batch.values)) == plain([one.value for one in alone])
    assert [batch.reasons.get(row) for row in range(len(alone))] == [
        next(iter(one.reasons), None) for one in alone
    ]
    assert batch.drill.tolist() == [one.drill for one in alone]
    assert batch.retry_after_s == max(one.retry_after_s for one in alone)


def counted(guard: Guard) -> dict[str, int]:
    counts = guard.status()["counts"]
    assert isinstance(counts, dict)
    return {name: n for name, n in counts.items() if name != "drift_faults"}


PROPERTY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def check_both(
    tmp_path_factory: pytest.TempPathFactory, rows: Sequence[Row], body: Any, **options: Any
) -> None:
    """Ask two guards that were told the same: one for the batch, one for its rows; what they count is the same."""
    code = {"fresh": options.pop("fresh")} if "fresh" in options else {}
    with (
        guarding(tmp_path_factory.mktemp("batch"), body, **options) as whole,
        guarding(tmp_path_factory.mktemp("rows"), body, **options) as single,
    ):
        batch = as_batch(whole, rows, **code)
        assert_same(batch, one_by_one(single, rows, **code))
        assert counted(whole) == counted(single)
        assert whole._parts.counts.steps == single._parts.counts.steps
        assert whole._parts.counts.drilled == single._parts.counts.drilled


@PROPERTY
@given(rows=ROWS, fault=st.sampled_from(ALL_FAULTS), share=st.sampled_from([5_000, 10_000]))
def test_under_a_drill(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], fault: str, share: int
) -> None:
    keyed = [(*row[:4], row[4] or "c-9", row[5]) for row in rows]  # without a key it is drawn
    body = {"faults": [drill(fault, share=share)]}
    check_both(tmp_path_factory, keyed, body)
    check_both(tmp_path_factory, keyed, body, fresh=Fresh("as_of", block="90d"))


@settings(PROPERTY, max_examples=5)
@given(rows=ROWS)
def test_under_a_drill_of_the_whole_guard(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    for fault in ("clock_skew:1s", "control_plane_down"):
        check_both(tmp_path_factory, rows, {"faults": [drill(fault, share=10_000)]})


@PROPERTY
@given(rows=ROWS)
def test_under_two_drills_of_different_scopes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    faults = [
        drill("nan", scope={"region": ["us", "africa"]}),
        drill("error", drill="dri_2", scope={"segment": ["vip"]}, share=10_000),
    ]
    keyed = [(*row[:4], row[4] or "c-9", row[5]) for row in rows]
    check_both(tmp_path_factory, keyed, {"faults": faults})


@PROPERTY
@given(rows=ROWS, several=st.booleans())
def test_under_approved_limits(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], several: bool
) -> None:
    more = [limit(key=None, rate="50/h", burst=50)] if several else []
    check_both(tmp_path_factory, rows, {"limits": [limit(), *more]})


@PROPERTY
@given(rows=ROWS)
def test_under_approved_ages_and_those_of_the_code(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    check_both(tmp_path_factory, rows, {"freshness": [fresh()]})
    check_both(tmp_path_factory, rows, {}, fresh=Fresh("as_of", warn="1m", fallback="1h", block="6h"))  # fmt: skip


@PROPERTY
@given(rows=ROWS, fault=st.sampled_from(ALL_FAULTS))
def test_under_all_of_it_at_once(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], fault: str
) -> None:
    approved = VERSION | {"outputs": {"kind": "number", "low": "0.2", "high": "0.9"}}
    body = {
        "versions": [approved], "limits": [limit()], "faults": [drill(fault)],
        "freshness": [fresh(), fresh(field="made", warn_s=None, fallback_s=None, block_s=90 * 86_400)],
    }  # fmt: skip
    keyed = [(*row[:4], row[4] or "c-9", row[5]) for row in rows]
    check_both(tmp_path_factory, keyed, body)
    body["freshness"] = [fresh()]
    check_both(tmp_path_factory, keyed, body, fresh=Fresh("as_of", block="3h"))


@PROPERTY
@given(rows=ROWS, fault=st.sampled_from(["constant", "nan", "stale_inputs"]))
def test_with_answers_that_are_remembered(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], fault: str
) -> None:
    keys = {row[4]: row for row in rows if row[4]}
    once = list(keys.values())  # at one moment no row falls back to another of its batch
    if not once:
        return
    with guarding(
        tmp_path_factory.mktemp("one"), {"faults": [drill(fault)]}, fallback=[LastKnownGood()]
    ) as guard:
        for key in keys:
            guard.remember(key, 0.25)
        batch = as_batch(guard, once)
        remembered = [guard.recall(key).value for key in keys]
        for key in keys:
            guard.remember(key, 0.25)
        assert_same(batch, one_by_one(guard, once))
        assert remembered == [guard.recall(key).value for key in keys]
