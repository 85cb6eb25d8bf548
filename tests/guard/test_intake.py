"""What arrives counts at once, and goes to disk in its own time (SG-17, SG-21)."""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING

from modelwarden.guard.held import Clocks, Holder
from modelwarden.guard.intake import KEPT_S, LOGGED_S, Intake
from modelwarden.guard.pins import Pins
from modelwarden.guard.snapshot import Floor
from modelwarden.guard.state import StateFolder
from tests.guard.wire import KEY, wire

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Fed:
    """An intake whose clock a test moves."""

    def __init__(self, path: Path) -> None:
        self.now = 1_000.0
        clocks = Clocks(monotonic=lambda: self.now)
        self.folder = StateFolder(
            path, source="https://one", environment="production", model="churn"
        )
        self.intake = Intake(
            model="churn", environment="production", holder=Holder(model="churn", clocks=clocks),
            pins=Pins((KEY.public,)), folder=self.folder, clocks=clocks,
        )  # fmt: skip

    def take(self, generation: int, *, spoil: bytes = b"") -> str | None:
        return self.intake.receive(wire(generation=generation) + spoil, source="stream")

    def held(self) -> int:
        snapshot = self.intake.snapshot
        return 0 if snapshot is None else snapshot.head.at.generation


def test_a_flood_is_held_at_once_and_written_once_a_second(tmp_path: Path) -> None:
    fed = Fed(tmp_path)
    for generation in range(1, 6):
        assert fed.take(generation) is None
        due_s = fed.intake.save()
        assert due_s == (inf if generation == 1 else KEPT_S)
        assert (fed.held(), fed.folder.floor()) == (generation, Floor(1, 1))
    fed.now += KEPT_S
    fed.intake.save()
    assert fed.folder.floor() == Floor(1, 5)


def test_what_waits_is_written_at_the_end(tmp_path: Path) -> None:
    fed = Fed(tmp_path)
    for generation in (1, 2):
        fed.take(generation)
        fed.intake.save()
    fed.intake.save(is_last=True)
    assert fed.folder.floor() == Floor(1, 2)
    begun = Fed(tmp_path)
    begun.intake.load(None)
    assert begun.held() == 2


def test_it_is_known_when_a_snapshot_was_swapped_in(tmp_path: Path) -> None:
    fed = Fed(tmp_path)
    fed.take(1)
    fed.now += 5
    fed.take(1)  # the same again swaps nothing
    assert fed.intake.applied is not None
    assert (fed.intake.applied.at, fed.intake.applied.swapped_at) == (Floor(1, 1), 1_000.0)


def test_refusals_in_turns_are_all_counted_and_logged_once_a_second(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fed = Fed(tmp_path)
    with caplog.at_level(logging.ERROR, "modelwarden.guard"):
        for generation in range(1, 51):
            assert fed.take(generation) is None
            assert fed.take(generation, spoil=b"}") == "malformed"
            fed.now += LOGGED_S / 10
    assert fed.intake.rejections == 50
    assert len(caplog.records) == 5
    assert fed.held() == 50
