"""How long the console takes for a page, over a registry and a past that are no toy's.

A real server process on a SQLite file with 100 models of 100 versions each, 1,000 switches in force, 1,000 that ended,
200 guards that counted for an hour, and a trigger on each model. A reader asks for one page after the other over
loopback; a page's time runs from sending the form with the token to having the whole page, so that authenticating,
every read and filling the template in are in it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import httpx

from benchmarks import our_server, table
from benchmarks.propagation import percentile
from benchmarks.row import Row, at_most
from modelwarden.safeguards.fleet.instance import Instance
from modelwarden.safeguards.fleet.reports import keep
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.workbench import Workbench

MODELS, VERSIONS, SWITCHES, GUARDS, MINUTES = 100, 100, 1_000, 200, 60
MOST_MS: Final = 50.0
PAGES: Final = (
    ("Kill switches", "/kill-switches"),
    ("one switch, with its story", "/kill-switches/{switch}"),
    ("the form that stops, with what it hits", "/kill-switches/stop?model=model-007"),
    ("History", "/kill-switches/history"),
    ("Guards", "/guards"),
    ("Coverage", "/guards/coverage"),
    ("Overview", "/"),
    ("Triggers", "/triggers"),
    ("one trigger", "/triggers/errors-007"),
    ("Failure modes", "/failure-modes"),
    ("Drills", "/drills"),
)


def measure(bench: Workbench) -> list[Row]:
    folder = bench.folder_for("console-pages")
    token, switch = _prepared(folder, quick=bench.quick)
    rounds = 20 if bench.quick else 200
    rows = []
    with (
        our_server.served(folder) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as http,
    ):
        for what, path in PAGES:
            times = _times(http, path.format(switch=switch), token, rounds)
            rows += [
                Row(
                    what=f"{what}: median",
                    ours=percentile(times, 0.5),
                    unit="ms",
                    target=at_most(MOST_MS),
                ),
                Row(what=f"{what}: p99", ours=percentile(times, 0.99), unit="ms"),
            ]
    return rows


def _times(http: httpx.Client, path: str, token: str, rounds: int) -> list[float]:
    found = []
    for turn in range(rounds + 3):
        began = time.perf_counter()
        page = http.post(path, data={"token": token})
        spent = (time.perf_counter() - began) * 1e3
        if page.status_code != httpx.codes.OK:
            raise RuntimeError(f"{path}: {page.status_code}")
        if turn > 2:  # the first ones warm
            found.append(spent)
    return found


def _prepared(folder: Path, *, quick: bool) -> tuple[str, str]:
    """Write models, versions, switches and guards; return an operator's token, and a switch."""
    share = 10 if quick else 1
    our_server.prepared(
        folder, {f"model-{number:03}": VERSIONS // share for number in range(MODELS)}
    )
    with open_warden(our_server.url_in(folder)) as warden:
        for name in ("dave", "erin"):
            warden.add_user(name, roles=["operator"])
        dave, erin = (warden.acting_as(name).switches for name in ("dave", "erin"))
        switch = ""
        for number in range(2 * SWITCHES // share):
            scope = {"model": f"model-{number % MODELS:03}", "region": f"region-{number}"}
            switch = dave.activate(scope, reason="drifted", severity="SEV3").id
            if number % 2:
                erin.request_release(switch, notes="right again")
                erin.confirm_release(switch, notes="seen")
        for number in range(MODELS):
            warden.acting_as("dave").triggers.set(
                f"errors-{number:03}", model=f"model-{number:03}", signal="error_rate"
            )
        for back in range(MINUTES, -1, -1):
            guards = [_guard(number, back) for number in range(GUARDS)]
            warden.telemetry(system("bench"), partial(keep, found=guards))
        secret = warden.acting_as("dave").tokens.create().secret
    if secret is None:
        raise RuntimeError("a new token has a secret")
    return secret, switch


def _guard(number: int, back: int) -> Instance:
    """Return what a guard told so many minutes ago."""
    now = datetime.now(UTC) - timedelta(minutes=back)
    counts = {"ok": 900 * (MINUTES - back), "failed": 100 * (MINUTES - back)}
    said: dict[str, Any] = {
        "environment": "production", "model": f"model-{number % MODELS:03}", "actor": "svc_bench",
        "instance": str(UUID(int=number)), "host": f"web-{number}", "pid": number, "epoch": 1,
        "generation": 1, "applied_at": now, "applied_ms": 1, "first_heard_at": now, "heard_at": now,
        "source": "stream", "state": "fresh", "age_s": 0, "versions": (), "counts": counts, "rejected": None,
    }  # fmt: skip
    return Instance(**said)


CLAIM: Final = table.Claim("console_pages", "Pages of the console", measure)

if __name__ == "__main__":
    table.run([CLAIM])
