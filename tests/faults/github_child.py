"""Opens pull requests at GitHub, to be killed: `python -m tests.faults.github_child URL KEYS AT KEY`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from modelwarden.warden.warden import open_warden
from tests.services.github_state import APP, INSTALLATION, REPOSITORY


def main(url: str, keys: str, at: str, key: str) -> None:
    """Look at requests until somebody ends this."""
    with open_warden(
        url,
        keys_folder=Path(keys),
        github_url=at,
        github_repository=REPOSITORY,
        github_app=APP,
        github_installation=INSTALLATION,
        github_key=f"file:{key}",
    ):
        time.sleep(100)


if __name__ == "__main__":
    main(*sys.argv[1:])
