"""Tessera's fsck as a second opinion on a static log: Go, built once a session from pinned modules.

It re-derives every tile from the entries and shares no line with ours. It needs Go 1.24 or newer, and Go's module proxy
the first time; `reason_for_none` says what is missing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.shortcuts import outside

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE: Final = Path(__file__).parent / "tiles_oracle"
OLDEST: Final = (1, 24)


def reason_for_none() -> str | None:
    """Return why it can't be built here, or None if it can."""
    go = _go()
    if go is None:
        return "Tessera's fsck needs go on the PATH"
    found = re.search(r"go([0-9]+)\.([0-9]+)", _said([go, "env", "GOVERSION"]))
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        return "Tessera's fsck needs Go 1.24 or newer"
    return None


def built(folder: Path) -> Oracle:
    """Build it. Raises CalledProcessError."""
    program = folder / "tiles_oracle"
    command = [str(_go()), "build", "-mod=readonly", "-buildvcs=false", "-o", str(program), "."]
    subprocess.run(command, cwd=SOURCE, env=outside(), check=True, capture_output=True, text=True)  # noqa: S603
    return Oracle(program)


class Oracle:
    """The built program."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def complaint(self, vkey: str, place: str, *more: str) -> str | None:
        """Check the log at a URL by a key; return what is wrong, or None."""
        key = self._program.with_name("log.vkey")
        key.write_text(f"{vkey}\n", "utf-8")
        done = _run([str(self._program), str(key), place, *more])
        return None if done.returncode == 0 else done.stderr


@cache
def _go() -> str | None:
    return shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))


def _said(command: Sequence[str]) -> str:
    return _run(command).stdout


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own
