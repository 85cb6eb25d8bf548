"""Order is the sequence number; a clock that went back is told (LG-13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.warden.warden import open_warden
from tests.store.deeds import ME, bodies, define, held, submitted, verified

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Clock:
    time: datetime = START

    def now(self) -> datetime:
        return self.time


@pytest.mark.parametrize(("back", "told"), [(4, []), (5, []), (6, [6]), (3_600, [3_600])])
def test_a_clock_that_went_back_over_five_seconds_is_told(
    tmp_path: Path, back: int, told: list[int]
) -> None:
    clock = Clock()
    with open_warden(f"sqlite:///{tmp_path}/warden.db", clock=clock) as warden:
        submitted(warden, define("before"))
        clock.time -= timedelta(seconds=back)
        answer = submitted(warden, define("after"))
        submitted(warden, define("later"))
        found = bodies(warden)
    steps = [body["fact"]["seconds"] for body in found if body["type"] == "clock.stepped"]
    assert steps == told
    assert found[answer.receipt.seq]["fact"]["role"] == "after"


def test_a_step_back_inside_a_batch_leaves_each_receipt_with_its_own_entry(
    tmp_path: Path,
) -> None:
    clock = Clock()
    with open_warden(f"sqlite:///{tmp_path}/warden.db", clock=clock) as warden:
        clock.time -= timedelta(hours=1)
        with held(warden):
            futures = [warden.submit(ME, define(f"role{n}")) for n in range(5)]
        seqs = [future.result(30).receipt.seq for future in futures]
        found = bodies(warden)
        assert [found[seq]["fact"]["role"] for seq in seqs] == [f"role{n}" for n in range(5)]
        assert verified(warden).problems == ()
