"""Whether data that arrives passes, warns, fails or is unknown; and what silence makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import NotFound, NotPermitted, ValueInvalid
from modelwarden.safeguards.freshness.gate import (
    RANK,
    Arrival,
    Dataset,
    Freshness,
    check,
    fields_digest,
    standing,
)
from modelwarden.values.ids import ActorId, DatasetName
from tests.safeguards.desk import Desk

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.values.ids import Digest

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = 86_400
GOOD = fields_digest(["amount", "id"])
OTHER = fields_digest(["amount", "id", "note"])


def dataset(**fields: Any) -> Dataset:  # noqa: ANN401 - fields of the value
    made: dict[str, Any] = {
        "name": DatasetName("orders"), "cadence_s": DAY, "max_age_s": 2 * DAY, "min_rows": 1_000, "fields": "[]",
        "fields_sha256": GOOD, "set_by": ActorId("usr_1"), "set_at": NOW,
    }  # fmt: skip
    return Dataset(**(made | fields))


@pytest.mark.parametrize(
    ("age_s", "rows", "columns", "verdict", "reasons"),
    [
        (60, 1_000, GOOD, "pass", ()),
        (DAY + 60, 1_000, GOOD, "warn", ("late",)),
        (2 * DAY + 1, 1_000, GOOD, "fail", ("too_old",)),
        (60, 999, GOOD, "fail", ("too_few_rows",)),
        (60, 1_000, OTHER, "fail", ("other_columns",)),
        (60, None, GOOD, "unknown", ("rows_unknown",)),
        (60, 1_000, None, "unknown", ("columns_unknown",)),
        (None, 1_000, GOOD, "fail", ("no_time",)),
        (-31, 1_000, GOOD, "fail", ("from_the_future",)),
        (-29, 1_000, GOOD, "pass", ()),
        (2 * DAY + 1, None, OTHER, "fail", ("other_columns", "rows_unknown", "too_old")),
    ],
    ids=[
        "good", "late", "old", "few", "columns", "rows-unknown", "columns-unknown", "no-time", "future", "skew", "all",
    ],
)  # fmt: skip
def test_the_gravest_counts(
    age_s: int | None,
    rows: int | None,
    columns: Digest | None,
    verdict: str,
    reasons: tuple[str, ...],
) -> None:
    as_of = None if age_s is None else NOW - timedelta(seconds=age_s)
    found = check(dataset(), Arrival(as_of, rows, columns), NOW)
    assert (found.verdict, found.reasons) == (verdict, reasons)


@given(
    age=st.one_of(st.none(), st.integers(-100, 3 * DAY)),
    rows=st.one_of(st.none(), st.integers(0, 2_000)),
    columns=st.sampled_from([None, GOOD, OTHER]),
    silent=st.integers(-100, 3 * DAY),
)
def test_time_alone_never_makes_it_better(
    age: int | None, rows: int | None, columns: Digest | None, silent: int
) -> None:
    as_of = None if age is None else NOW - timedelta(seconds=age)
    arrival = Arrival(as_of, rows, columns)
    found = check(dataset(), arrival, NOW)
    kept = dataset().checked(arrival, found, by=ActorId("usr_1"), at=NOW)
    later = standing(kept, NOW + timedelta(seconds=silent))
    if silent > 1.5 * DAY or silent < -30:
        assert later.verdict is Freshness.UNKNOWN
    elif silent >= 0:
        assert RANK.index(later.verdict) >= RANK.index(found.verdict)


def test_a_check_is_recorded_and_silence_is_unknown(store_url: str, tmp_path: Path) -> None:
    desk = Desk.opened(store_url, tmp_path)
    with desk.warden:
        dave, olivia = desk.acting("dave").freshness, desk.acting("olivia").freshness
        made = dave.set(
            "orders", cadence_s=DAY, max_age_s=2 * DAY, min_rows=10, columns=["id", "amount"]
        )
        assert (made.verdict, made.reasons, made.columns) == (
            "unknown",
            ("never_checked",),
            ["amount", "id"],
        )
        assert (
            dave.set(
                "orders", cadence_s=DAY, max_age_s=2 * DAY, min_rows=10, columns=["amount", "id"]
            )
            == made
        )
        found = olivia.gate("orders", as_of=desk.clock.now(), rows=10, columns=["amount", "id"])
        assert (found.verdict, found.checked_by, found.rows) == ("pass", "olivia", 10)
        worse = olivia.gate(
            "orders", as_of=desk.clock.now(), rows=9, columns={"id": "int", "amount": "float"}
        )
        assert (worse.verdict, worse.reasons) == ("fail", ("other_columns", "too_few_rows"))
        assert [fact["verdict"] for fact in desk.facts("freshness.checked")] == ["pass", "fail"]
        desk.clock.advance(seconds=1.5 * DAY + 1)
        assert dave.show("orders").reasons == ("silent",)
        assert [each.name for each in dave.list().items] == ["orders"]


def test_who_may_not_check_or_set_does_not(desk: Desk) -> None:
    with pytest.raises(NotPermitted):
        desk.acting("olivia").freshness.set("orders", cadence_s=60, max_age_s=60)
    with pytest.raises(NotFound):
        desk.acting("olivia").freshness.gate("orders", rows=1)
    desk.acting("dave").freshness.set("orders", cadence_s=60, max_age_s=60)
    desk.join("frank", "auditor")
    with pytest.raises(NotPermitted):
        desk.acting("frank").freshness.gate("orders", rows=1)
    assert desk.acting("frank").freshness.show("orders").verdict == "unknown"


@pytest.mark.parametrize(
    "fields",
    [
        {"cadence_s": 0}, {"cadence_s": 61}, {"min_rows": -1}, {"columns": ["a", "a"]}, {"columns": [""]},
        {"columns": ["a\nb"]}, {"columns": {"a": ""}}, {"columns": [f"c{each}" for each in range(2_001)]},
    ],
    ids=["never", "beyond-age", "rows", "twice", "empty", "control", "no-type", "many"],
)  # fmt: skip
def test_expectations_of_another_form_are_none(desk: Desk, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueInvalid):
        desk.acting("dave").freshness.set("orders", **({"cadence_s": 60, "max_age_s": 60} | fields))
