"""The picture of the README is drawn from a real tour, and loads nothing from anywhere."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modelwarden.tour import story
from tests.house.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.whole  # tests/tour/test_tour.py runs the tour; this one runs it again, to draw it
@pytest.mark.timeout(420)
def test_the_script_draws_the_tour(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, str(ROOT / "scripts" / "tour_picture.py"), str(tmp_path / "tour.svg")],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    _check((tmp_path / "tour.svg").read_text("utf-8"))


def test_the_picture_that_is_shown_was_drawn_by_it() -> None:
    _check((ROOT / "docs" / "assets" / "tour.svg").read_text("utf-8"))


def _check(picture: str) -> None:
    assert picture.startswith("<svg")
    for words in ("self_approval", "staging_missing", "rolled_back_since", "entry_altered"):
        assert words in picture
    assert f"{len(story.CHAPTERS)},&#160;in&#160;" in picture, (
        "draw it again: python scripts/tour_picture.py"
    )
    assert "url(http" not in picture
    assert "@font-face" not in picture
