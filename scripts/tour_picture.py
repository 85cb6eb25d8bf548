"""Run the tour and draw docs/assets/tour.svg from what it told: `python scripts/tour_picture.py [OUTPUT]`.

The picture holds the steps that matter most, drawn by the code that draws them on a terminal. It loads no font from
anywhere: a reader's own fixed-width font is used.
"""

# ruff: noqa: INP001  # a program, no package

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from modelwarden.tour import folder, story
from modelwarden.tour.screen import TourScreen

if TYPE_CHECKING:
    from modelwarden.tour.story import Chapter
    from modelwarden.tour.telling import Step, Telling

PICTURE: Final = Path(__file__).resolve().parents[1] / "docs" / "assets" / "tour.svg"
SHOWN: Final = frozenset({"refusals", "approval", "deployment", "rollback", "altered-ledger"})
COLUMNS: Final = 96
FONTS: Final = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
THEME: Final = TerminalTheme(
    (252, 252, 250),
    (38, 38, 36),
    [
        (38, 38, 36), (180, 58, 48), (46, 125, 80), (150, 105, 20),
        (50, 90, 150), (120, 70, 130), (30, 120, 125), (90, 90, 86),
    ],
    [
        (128, 128, 122), (180, 58, 48), (46, 125, 80), (150, 105, 20),
        (50, 90, 150), (120, 70, 130), (30, 120, 125), (38, 38, 36),
    ],
)  # fmt: skip
"""Ink on paper: red and green for state alone, as in the console."""


class Picture(TourScreen):
    """A screen that draws some of the steps."""

    def end(self, chapter: Chapter, number: int, step: Step, telling: Telling) -> None:
        """Draw the step, if it is one of those shown or went wrong."""
        if chapter.name in SHOWN or not step.ok:
            super().end(chapter, number, step, telling)


def draw() -> str:
    """Run the tour in a temporary folder and return the picture. Exits when the tour does not hold."""
    console = Console(
        file=io.StringIO(), record=True, width=COLUMNS, force_terminal=True, highlight=False
    )
    screen, place = Picture(console), Path(folder.DEFAULT)
    with tempfile.TemporaryDirectory() as temporary:
        before = Path.cwd()
        os.chdir(temporary)
        try:
            screen.open(place)
            outcome = story.run(folder.prepare(place, again=False), screen)
            screen.close(outcome, place)
        finally:
            os.chdir(before)
    if not outcome.ok:
        sys.exit(str(outcome.steps[-1].evidence))
    drawn = console.export_svg(title="modelwarden tour", theme=THEME, unique_id="tour")
    return FONTS.sub("", drawn)


def main() -> None:
    """Write the picture."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
