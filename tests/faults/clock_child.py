"""A server whose clock is wrong: `python -m tests.faults.clock_child URL KEYS PORT SECONDS`, ahead by so many."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from modelwarden.config import Settings
from modelwarden.server import create_server_app
from modelwarden.warden.warden import Warden


class Wrong:
    """The clock of the machine, and so much."""

    def __init__(self, seconds: float) -> None:
        self._off = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._off


def main(url: str, keys: str, port: str, seconds: str) -> None:
    settings = Settings(
        url=url, keys_folder=Path(keys), embedded=False, read_rate=0, write_rate=0, port=int(port)
    )
    with Warden(settings, clock=Wrong(float(seconds))) as warden:
        app = create_server_app(settings, warden=warden)
        uvicorn.run(app, host="127.0.0.1", port=int(port), log_config=None, access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
