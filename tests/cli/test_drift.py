"""Drift as lines for people: worst first, bars that end, and no bar for what is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from modelwarden.cli.drift import SHOWN, WIDTH, bar, lines
from modelwarden.values.drift import DriftAnswer, FeatureDriftAnswer, GroupDriftAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

UNTIL = datetime(2026, 11, 20, 12, tzinfo=UTC)


def answer(*groups: GroupDriftAnswer, by: str | None = "region") -> DriftAnswer:
    return DriftAnswer(
        model="churn", version="2", environment="production", by=by, window_s=600,
        since=UNTIL - timedelta(minutes=10), until=UNTIL, reference_sha256="ab" * 32, groups=groups,
    )  # fmt: skip


def group(value: str | None, indices: Sequence[float | None], state: str) -> GroupDriftAnswer:
    features = tuple(
        FeatureDriftAnswer(feature=f"f{at}", psi=psi, n=700, counts=(700,))
        for at, psi in enumerate(indices)
    )
    return GroupDriftAnswer(
        value=value, state=state, psi=indices[0], n=700, psi_by_window=(), features=features
    )


def test_each_part_of_the_traffic_has_its_features_worst_first() -> None:
    found = answer(group("eu", [0.61, 0.02, None], "trip"), group(None, [None], "unknown"))
    assert lines(found) == [
        "region=eu: trip, PSI 0.610, 700 rows",
        f"  f0    0.610        700  {'█' * WIDTH}",
        "  f1    0.020        700  █",
        "  f2  unknown        700",
        "region=(other): unknown, PSI unknown, 700 rows",
        "  f0  unknown        700",
    ]


def test_all_traffic_is_called_so_and_a_long_list_ends() -> None:
    found = lines(answer(group(None, [0.0] * (SHOWN + 5), "none"), by=None))
    assert found[0].startswith("all: none, PSI 0.000")
    assert len(found) == SHOWN + 1


def test_nothing_counted_is_said() -> None:
    assert lines(answer()) == ["nothing was counted"]


def test_a_bar_never_runs_over() -> None:
    assert [len(bar(psi)) for psi in (None, 0.0, 0.25, 0.5, 13.0)] == [0, 0, 10, 20, 20]
