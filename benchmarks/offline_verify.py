"""A release of five signed answers, verified on files alone, beside securesystemslib doing the signatures alone.

Ours reads the keys, the envelopes and their statements strictly, and compares persons, seats, times, the question and
the policy. The peer has its keys made before, verifies each signature and looks at nothing that was signed. No artifact
is hashed. The command is timed from outside, beside an interpreter that imports the peer and does the same.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks import our_server, table
from benchmarks.clockwork import bests, seconds
from benchmarks.company import ADMIN, Company, policy
from benchmarks.offline_verify_peer import keys_in, signers
from benchmarks.row import Row, at_most, times_the_limit
from modelwarden.approvals.offline import trusted_keys, verify_release
from modelwarden.values.clock import timestamp
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.workbench import Workbench

MODEL: Final = "churn"
PEOPLE: Final = 5
MOST_MS: Final = 100.0
MOST_TIMES: Final = 2.0
RELEASE: Final = "release.intoto.jsonl"
KEYS: Final = "keys.json"
BESIDE: Final = "securesystemslib, the signatures alone"


def measure(bench: Workbench) -> list[Row]:
    folder = bench.folder_for("offline-verify")
    policy_hash = _prepared(folder)
    release, peer_keys = folder / RELEASE, keys_in(folder / KEYS)
    calls, rounds = (20, 5) if bench.quick else (100, 20)
    runs = {
        "ours": lambda: [_ours(folder, policy_hash) for _ in range(calls)],
        "peer": lambda: [signers(release, peer_keys) for _ in range(calls)],
    }
    ours, theirs = (found / calls * 1e3 for found in bests(runs, rounds=rounds).values())
    assert len(signers(release, peer_keys)) == PEOPLE
    command, other = _apart(folder, policy_hash, rounds=3 if bench.quick else 15)
    what = f"verify {PEOPLE} envelopes"
    return [
        Row(
            what=what,
            ours=ours,
            unit="ms",
            beside=BESIDE,
            peer=theirs,
            is_limit=True,
            target=times_the_limit(MOST_TIMES),
        ),
        Row(what=what, ours=ours, unit="ms", target=at_most(MOST_MS)),
        Row(
            what="the command `approvals verify`, with its interpreter",
            ours=command,
            unit="ms",
            beside=f"an interpreter with {BESIDE}",
            peer=other,
            is_limit=True,
        ),
    ]


def _prepared(folder: Path) -> str:
    """Write the release and the keys that an auditor has, and return the hash of the policy."""
    artifact = folder / "model.bin"
    artifact.write_bytes(bytes(64))
    with open_warden(our_server.url_in(folder)) as warden:
        company = Company(warden, approvers=PEOPLE)
        company.govern([policy("five", people=PEOPLE)], model=MODEL)
        company.seat_approvers()
        company.register(MODEL, "1", artifact=artifact)
        request = company.ask(MODEL, "1")
        for name in company.approvers:
            company.approve(name, request)
        root = company.acting_as(ADMIN)
        (folder / RELEASE).write_bytes(root.approvals.envelopes(request))
        listed = [
            {
                "keyid": key.id,
                "pem": key.pem,
                "person": root.users.show(key.user).person,
                "valid_from": timestamp(key.valid_from),
                "valid_to": None if key.valid_to is None else timestamp(key.valid_to),
                "revoked": None,
            }
            for key in root.keys.list().items
        ]
        (folder / KEYS).write_text(json.dumps(listed), encoding="utf-8")
        return root.policies.show("five").hash


def _ours(folder: Path, policy_hash: str) -> None:
    findings = verify_release(
        (folder / RELEASE).read_bytes(),
        trust=trusted_keys((folder / KEYS).read_text(encoding="utf-8")),
        at=datetime.now(UTC),
        policy_hashes=[policy_hash],
    )
    assert not [finding for finding in findings if not finding.is_note]


def _apart(folder: Path, policy_hash: str, *, rounds: int) -> tuple[float, float]:
    """Return the middle of some rounds' milliseconds of the command, and of the peer in an interpreter of its own."""
    release, keys = str(folder / RELEASE), str(folder / KEYS)
    options = ["--trust", keys, "--policy", policy_hash]
    commands = (
        ["modelwarden", "approvals", "verify", release, *options],
        ["benchmarks.offline_verify_peer", release, keys],
    )
    found: tuple[list[float], list[float]] = [], []
    for _ in range(rounds):
        for words, kept in zip(commands, found, strict=True):
            python = [sys.executable, "-m", *words]
            run = partial(subprocess.run, python, check=True, capture_output=True)
            kept.append(seconds(run) * 1e3)
    return statistics.median(found[0]), statistics.median(found[1])


CLAIM: Final = table.Claim("offline_verify", "Verifying a release offline", measure)

if __name__ == "__main__":
    table.run([CLAIM])
