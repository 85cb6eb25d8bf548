"""What tests of a whole guard share: a guard on a server, or on a file, and waiting for what threads do."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard.feed import Pace
from modelwarden.guard.guard import Guard
from tests.guard.wire import BLOCK_EU
from tests.services.snapshot_server import SnapshotServer, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUICK: Final = Pace(
    silence_s=1.0, long_poll_s=1.0, poll_s=0.1, answer_s=2.0, file_s=0.02, report_s=0.1,
    first_back_off_s=0.02, most_back_off_s=0.1, lowered_s=60.0,
)  # fmt: skip
PATIENCE_S: Final = 30.0

BLOCK_ALL: Final = BLOCK_EU | {"id": "swi_all", "scope": {"model": ["churn"]}}
FALL_EU: Final = BLOCK_EU | {"id": "swi_fall", "action": "fallback", "fallback": "chain"}


def soon(holds: Callable[[], object]) -> None:
    """Wait until something holds; fail if it never does."""
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends, "it never came about"
        time.sleep(0.005)


@contextmanager
def guarding(server: SnapshotServer, folder: Path, **options: Any) -> Iterator[Guard]:
    """Return a guard on a server, quick to notice; its state lies in the folder."""
    settings = {"init_wait": 5.0, "state_dir": folder / "state", "pace": QUICK} | options
    guard = Guard(server.url, "churn", **settings)
    try:
        yield guard
    finally:
        guard.close()


@contextmanager
def from_file(folder: Path, *, wire: bytes | None = None, **options: Any) -> Iterator[Guard]:
    """Return a guard on a file that holds `wire`."""
    server = SnapshotServer()
    path = folder / "snapshot.json"
    fields = options.pop("body", {"switches": []})
    path.write_bytes(signed(server.key, **fields) if wire is None else wire)
    settings = {
        "init_wait": 30.0, "state_dir": folder / "state", "pace": QUICK, "keys": server.key.public.pem,
    } | options  # fmt: skip
    guard = Guard(path, "churn", **settings)
    guard.signing_key = server.key  # type: ignore[attr-defined]
    try:
        yield guard
    finally:
        guard.close()


def put(guard: Guard, folder: Path, **fields: Any) -> None:
    """Replace the file of a guard, and wait until it is held."""
    generation = fields["generation"]
    path = folder / "next.json"
    path.write_bytes(signed(guard.signing_key, **fields))  # type: ignore[attr-defined]
    path.replace(folder / "snapshot.json")
    soon(lambda: guard.status()["generation"] == generation)
