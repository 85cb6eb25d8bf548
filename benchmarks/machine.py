"""What was measured on: figures without it say nothing."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final

ROUNDS: Final = 200
PAGE: Final = bytes(4096)


def facts() -> dict[str, object]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_at_the_end": load(),
    }


def line() -> str:
    known = facts()
    return (
        f"Measured on {known['cores']} cores of {known['processor']}, Python {known['python']};"
        f" load of the machine, in 1, 5 and 15 minutes: {load()}."
    )


def load() -> str:
    """Return the average number of processes that wanted a core: of 1, 5 and 15 minutes."""
    return " ".join(f"{number:.2f}" for number in os.getloadavg())


def sync_pages(folder: Path) -> None:
    """Append pages to a file, each made durable before the next: the floor of a commit."""
    path = folder / "pages"
    with path.open("wb", buffering=0) as file:
        for _ in range(ROUNDS):
            file.write(PAGE)
            os.fdatasync(file.fileno())
    path.unlink()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((text.partition(": ")[2] for text in lines if text.startswith("model name")), "?")
