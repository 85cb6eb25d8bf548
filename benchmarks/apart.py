"""Verify a ledger, or an export of it, in a process of its own, so that its memory is that of the verification.

Peak memory is `VmHWM`, which belongs to this program alone; `ru_maxrss` would carry over what the parent had.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelwarden.audit.offline import verify_export
from modelwarden.ledger.keys import parse_vkey
from modelwarden.store.database import Database
from modelwarden.store.verification import verify_ledger
from modelwarden.store.workers import Work

if TYPE_CHECKING:
    from benchmarks.ledgers import Written

MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Verified:
    """What the other process found: best time, peak memory, and peak memory before it began."""

    seconds: float
    peak_mib: float
    before_mib: float


def verified(
    ledger: Written, *, rounds: int, jobs: int = 1, export: Path | None = None
) -> Verified:
    """Verify the ledger, or an export of it, in another process, which may start more."""
    place = ledger.settings.url if export is None else str(export)
    numbers = (str(ledger.size), str(rounds), str(jobs))
    arguments = [place, ledger.origin, ledger.vkey, *numbers]
    done = subprocess.run(  # noqa: S603  # this file, as another process
        [sys.executable, "-m", "benchmarks.apart", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return Verified(**json.loads(done.stdout))


def main(place: str, origin: str, vkey: str, *numbers: str) -> None:
    size, rounds, jobs = map(int, numbers)
    before = peak_mib()
    verify = _export if Path(place).exists() else _database
    best = min(verify(place, origin, vkey, size=size, jobs=jobs) for _ in range(rounds))
    peak = max(peak_mib(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / MIB)
    print(json.dumps({"seconds": best, "peak_mib": peak, "before_mib": before}))


def _database(url: str, origin: str, vkey: str, *, size: int, jobs: int) -> float:
    database = Database(url)
    with database.reading() as connection:
        started = time.perf_counter()
        result = verify_ledger(connection, origin=origin, keys=[parse_vkey(vkey)], work=Work(jobs))
        spent = time.perf_counter() - started
    database.close()
    assert result.ok
    assert result.size == size
    return spent


def _export(place: str, _origin: str, vkey: str, *, size: int, jobs: int) -> float:
    found = verify_export(Path(place), trusted=[vkey], jobs=jobs)
    assert found.ok
    assert found.size == size
    return found.seconds


def peak_mib() -> float:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / MIB


if __name__ == "__main__":
    main(*sys.argv[1:])
