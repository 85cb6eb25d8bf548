"""From counts that guards send to a switch on one region: the real source of drift, the real judge, no value given."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.reactions.triggers import SOURCES, JudgeTriggers
from tests.safeguards.desk import Desk
from tests.safeguards.drifting import REFERENCE, elsewhere, flush, like_before
from tests.safeguards.judges import EPOCH, Judge
from tests.safeguards.test_drift import now, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINUTE = timedelta(minutes=1)


@pytest.fixture
def judge(tmp_path: Path, store_url: str) -> Iterator[Judge]:
    found = Judge(Desk.opened(store_url, tmp_path))
    found.desk.acting("olivia").versions.register("churn", "2", drift_reference=REFERENCE)
    found.judging = JudgeTriggers(found.desk.warden, sources=SOURCES, every_s=0.0)
    with found.desk.warden:
        yield found


def pass_window(judge: Judge, **regions: Any) -> None:  # noqa: ANN401 - cells by feature
    """Let a minute pass in which a guard counts so, and judge it."""
    clock = judge.desk.clock
    clock.time = EPOCH + (clock.time - EPOCH) // MINUTE * MINUTE + timedelta(seconds=30)
    told(judge.desk, flush(regions, minute=now(judge.desk)))
    clock.time += MINUTE
    judge.judging.idle()


def test_counts_of_one_region_switch_that_region_alone(judge: Judge) -> None:
    judge.automatic(
        name="drift", signal="psi", by="region", window_s=60, n_min=500, consecutive=3,
        ladder=({"step": "switch", "threshold": "0.5", "clear": "0.2"},),
    )  # fmt: skip
    for _ in range(2):
        pass_window(judge, eu=elsewhere(), us=like_before(9_000))
    assert judge.fired("drift") == []
    pass_window(judge, eu=elsewhere(), us=like_before(9_000))
    (fired,) = judge.fired("drift")
    assert (fired.by_value, fired.act, fired.share) == ("eu", "switched", 1_000)
    (switch,) = judge.desk.switches("dave").active().items
    assert (dict(switch.scope), switch.fallback) == (
        {"model": ["churn"], "region": ["eu"]},
        ("chain",),
    )
    assert switch.lkg_before == fired.first_at  # what answers there was made before the drift


def test_fifty_rows_that_lie_elsewhere_switch_nothing(judge: Judge) -> None:
    judge.automatic(name="drift", signal="psi", by="region", window_s=60, n_min=500, consecutive=1)
    for _ in range(4):
        pass_window(judge, eu=elsewhere(50), us=like_before())
    assert judge.fired("drift") == []
    assert judge.desk.switches("dave").active().items == ()
