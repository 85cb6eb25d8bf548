"""The folder that a tour fills: never over anybody's files, and removed only when a tour made it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from modelwarden.errors import TourFolderTaken

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT: Final = "modelwarden-tour"
MARKER: Final = ".modelwarden-tour"
_SAYS: Final = "A tour made this folder; `modelwarden tour --again` may remove it.\n"


def prepare(folder: Path, *, again: bool) -> Path:
    """Return the folder, empty but for its mark. Raises TourFolderTaken."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise TourFolderTaken(f"{folder} is not a plain folder; name another with --folder")
    if folder.exists() and any(folder.iterdir()):
        _clear(folder, again=again)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text(_SAYS, encoding="utf-8")
    return folder


def _clear(folder: Path, *, again: bool) -> None:
    if not (folder / MARKER).is_file():
        raise TourFolderTaken(f"{folder} holds files that no tour made; name another with --folder")
    if not again:
        raise TourFolderTaken(f"{folder} holds an earlier tour; --again removes it and starts over")
    shutil.rmtree(folder)
