"""A process that writes and sends to an endpoint, to be killed: `python -m tests.faults.endpoint_child URL KEYS N`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from modelwarden.warden.warden import open_warden


def main(url: str, keys: str, count: str) -> None:
    """Add users, and go on sending until somebody ends this."""
    with open_warden(url, keys_folder=Path(keys), endpoint_allow=("127.0.0.0/8",)) as warden:
        os.write(1, b"ready\n")
        for _ in range(int(count)):
            warden.add_user(f"u{os.urandom(6).hex()}")
        os.write(1, b"written\n")
        time.sleep(100)


if __name__ == "__main__":
    main(*sys.argv[1:])
