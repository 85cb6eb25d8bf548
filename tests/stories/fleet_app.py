"""A service as fleets run it: as a process of its own, or below gunicorn, which imports it before it forks."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

from modelwarden.guard.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

guard = Guard(
    os.environ["FLEET_ADDRESS"],
    "churn",
    token=os.environ["FLEET_TOKEN"],
    state_dir=os.environ["FLEET_STATE"],
    init_wait=0,
)


@guard.protect(returns="value", low=0.0, high=1.0)
def predict() -> float:
    return 0.4


def app(
    _environ: dict[str, object], start: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(predict()).encode()]


if __name__ == "__main__":
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    threading.Event().wait()
