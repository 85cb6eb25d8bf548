"""Recording another system's decisions: what a call of `AuditTrail.record` costs the caller, and what a server takes.

Beside the hot path stands the standard library's `QueueHandler`, which also hands a message to another thread. On the
server, batches of 1,000 stand beside one record a call, from 16 callers at once.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import queue
from itertools import count
from typing import TYPE_CHECKING, Final

from benchmarks import our_server, table
from benchmarks.clockwork import Work, bests, rates
from benchmarks.requests import post, send_all
from benchmarks.row import RATE, Row, at_most, times_better
from modelwarden.integrations.audit_trail import AuditTrail, Limits
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.workbench import Workbench

CALLS: Final = 20_000
BATCH: Final = 1_000
RECORDS: Final = "/api/governance/audit-log"
DETAILS: Final = {"symbol": "AAPL", "score": 0.25, "limit": 100, "reason": "VaR exceeded"}
MICRO: Final = 1e6


class Nowhere:
    """Takes records and keeps none."""

    def append(self, records: Sequence[object]) -> None:
        """Forget them."""


def measure(bench: Workbench) -> list[Row]:
    return [*_hot_path(bench), *_server(bench)]


def _hot_path(bench: Workbench) -> Iterator[Row]:
    """Nothing is sent meanwhile: only what the caller waits for is counted."""
    calls = CALLS // 10 if bench.quick else CALLS
    limits = Limits(size=10**9, batch=10**9, age_s=3_600.0)
    trail = AuditTrail(Nowhere(), component="RiskAgent", limits=limits)
    logger = logging.getLogger("bench.ingestion")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    handler = logging.handlers.QueueHandler(queue.SimpleQueue())
    logger.addHandler(handler)

    def ours() -> None:
        for _ in range(calls):
            trail.record("RISK_DECISION", "BLOCK_TRADE", details=DETAILS, severity="HIGH")

    def peer() -> None:
        for _ in range(calls):
            logger.info("BLOCK_TRADE %s", DETAILS)

    with contextlib.suppress(Exception):
        trail.record("RISK_DECISION", "BLOCK_TRADE")  # opens what is opened once
    best = bests({"ours": ours, "peer": peer}, rounds=3 if bench.quick else 9)
    logger.removeHandler(handler)
    trail.close(30.0)
    yield Row(
        what="record a decision, in the caller's thread",
        ours=best["ours"] / calls * MICRO,
        unit="µs",
        beside="logging's QueueHandler",
        peer=best["peer"] / calls * MICRO,
        target=at_most(20),
    )


def _server(bench: Workbench) -> Iterator[Row]:
    batches, rounds = (3, 2) if bench.quick else (10, 5)
    folder = bench.folder_for("ingestion")
    token = _recorder(folder)
    numbers = count()
    with our_server.served(folder) as server:

        def whole() -> None:
            calls = [_post(_records(numbers, BATCH), token) for _ in range(batches)]
            send_all(server.port, calls, connections=1)

        def single() -> None:
            calls = [_post(_records(numbers, 1), token) for _ in range(BATCH // 2)]
            send_all(server.port, calls)

        works = {"batches": Work(batches * BATCH, whole), "one": Work(BATCH // 2, single)}
        found = rates(works, rounds=rounds)
    yield Row(
        what="records over HTTP, 1,000 a call, 1 client",
        ours=found["batches"],
        unit=RATE,
        beside="ours, one a call, 16 clients",
        peer=found["one"],
        target=times_better(3),
    )


def _recorder(folder: Path) -> str:
    with open_warden(our_server.url_in(folder)) as warden:
        warden.add_user("carol", roles=["admin"])
        warden.add_user("alice", roles=["developer"])
        carol = warden.acting_as("carol")
        carol.roles.define("recorder", permissions=["audit.append"])
        carol.roles.grant("alice", "recorder", reason="her program records")
        secret = warden.acting_as("alice").tokens.create().secret
    if secret is None:
        raise RuntimeError("a new token has a secret")
    return secret


def _records(numbers: Iterator[int], many: int) -> list[object]:
    said = {
        "event_type": "RISK_DECISION",
        "component": "RiskAgent",
        "action": "BLOCK_TRADE",
        "severity": "HIGH",
        "compliance_tags": ["MIFID_II"],
        "user_id": "trader1",
        "details": DETAILS,
    }
    return [{**said, "ref": f"r-{next(numbers)}"} for _ in range(many)]


def _post(records: list[object], token: str) -> bytes:
    return post(RECORDS, json.loads(json.dumps(records)), token=token)


CLAIM: Final = table.Claim("ingestion", "Recording what other systems decide", measure)

if __name__ == "__main__":
    table.run([CLAIM])
