"""A process that writes, to be killed: `python -m tests.faults.child URL KEYS NAME COUNT THREADS`.

Each answered receipt goes to the standard output, unbuffered: `seq entry_hash name`. What was printed has to be kept.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from modelwarden.errors import LedgerUnavailable
from modelwarden.warden.warden import Warden, open_warden
from tests.store.deeds import ME, define


def write(warden: Warden, name: str, count: int) -> None:
    """Define roles one after the other, and print each receipt."""
    for n in range(count):
        role = f"{name}.{n}"
        try:
            receipt = warden.submit(ME, define(role)).result(60).receipt
        except LedgerUnavailable as error:
            os.write(1, f"! {error}\n".encode())
            continue
        os.write(1, f"{receipt.seq} {receipt.entry_hash} {role}\n".encode())


def main(url: str, keys: str, name: str, count: str, threads: str) -> None:
    """Write from several threads, so that batches form."""
    with open_warden(url, keys_folder=Path(keys)) as warden:
        os.write(1, b"ready\n")
        writing = [
            threading.Thread(target=write, args=(warden, f"{name}.{n}", int(count)))
            for n in range(int(threads))
        ]
        for thread in writing:
            thread.start()
        for thread in writing:
            thread.join()
    os.write(1, b"closed\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
