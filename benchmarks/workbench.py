"""One run's temporary folder, and the ledgers that more than one file reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks import ledgers

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.ledgers import Written


class Workbench:
    """Where a run works. `quick` asks for fewer rounds and smaller ledgers."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.folder: Final = folder
        self.quick: Final = quick
        self._ledgers: dict[int, Written] = {}

    def folder_for(self, name: str) -> Path:
        """Return a fresh folder of this run; it goes with the run."""
        path = self.folder / name
        path.mkdir(parents=True)
        return path

    def ledger(self, size: int) -> Written:
        """Return a SQLite ledger of this size, written once in a run by the program's own writer."""
        if size not in self._ledgers:
            self._ledgers[size] = ledgers.write(self.folder_for(f"ledger-{size}"), size)
        return self._ledgers[size]
