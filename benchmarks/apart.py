"""Verify a ledger in a process of its own, so that its memory is that of the verification.

Peak memory is `VmHWM`, which belongs to this program alone; `ru_maxrss` would carry over what the parent had.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelwarden.ledger.keys import parse_vkey
from modelwarden.store.database import Database
from modelwarden.store.verification import verify_ledger

if TYPE_CHECKING:
    from benchmarks.ledgers import Written

MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Verified:
    """What the other process found: best time, peak memory, and peak memory before it began."""

    seconds: float
    peak_mib: float
    before_mib: float


def verified(ledger: Written, *, rounds: int) -> Verified:
    """Verify the ledger in another process."""
    arguments = [ledger.settings.url, ledger.origin, ledger.vkey, str(ledger.size), str(rounds)]
    done = subprocess.run(  # noqa: S603  # this file, as another process
        [sys.executable, "-m", "benchmarks.apart", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return Verified(**json.loads(done.stdout))


def main(url: str, origin: str, vkey: str, size: str, rounds: str) -> None:
    before = peak_mib()
    keys = [parse_vkey(vkey)]
    database = Database(url)
    best = float("inf")
    for _ in range(int(rounds)):
        with database.reading() as connection:
            result = verify_ledger(connection, origin=origin, keys=keys)
        assert result.ok
        assert result.size == int(size)
        best = min(best, result.seconds)
    database.close()
    print(json.dumps({"seconds": best, "peak_mib": peak_mib(), "before_mib": before}))


def peak_mib() -> float:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / MIB


if __name__ == "__main__":
    main(*sys.argv[1:])
