"""Tells targets of deployments, to be killed: `python -m tests.faults.target_child URL KEYS`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from modelwarden.warden.warden import open_warden
from tests.deployments.following import ALLOWED


def main(url: str, keys: str) -> None:
    """Send what waits until somebody ends this."""
    with open_warden(url, keys_folder=Path(keys), endpoint_allow=ALLOWED):
        time.sleep(100)


if __name__ == "__main__":
    main(*sys.argv[1:])
