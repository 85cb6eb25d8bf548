"""Opens changes in ServiceNow, to be killed: `python -m tests.faults.servicenow_child URL KEYS AT SECRET`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from modelwarden.warden.warden import open_warden
from tests.services.servicenow_stub import CLIENT


def main(url: str, keys: str, at: str, secret: str) -> None:
    """Look at changes until somebody ends this."""
    with open_warden(
        url,
        keys_folder=Path(keys),
        servicenow_url=at,
        servicenow_client_id=CLIENT,
        servicenow_secret_file=Path(secret),
    ):
        time.sleep(100)


if __name__ == "__main__":
    main(*sys.argv[1:])
