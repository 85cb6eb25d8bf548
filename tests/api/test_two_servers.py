"""Two server processes on one PostgreSQL: whichever takes the stop, guards at both get the same bytes."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import pytest

from modelwarden.warden.warden import open_warden
from tests import postgres
from tests.safeguards.fleet import ROOT, bearer, guard_token, listening, pinned, taken
from tests.services.own_server import serving

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.guard.snapshot import Snapshot
    from tests.postgres import NewDatabase

PATIENCE_S = 60
PURPOSE = "predicts which customers leave next month"


def stop(address: str, token: str, region: str) -> int:
    body = {"scope": {"model": "churn", "region": region}, "reason": "PSI 0.61"}
    answer = httpx.post(f"{address}{ROOT}/kill-switches", json=body, headers=bearer(token))
    assert answer.status_code == 201
    return int(answer.headers["Governance-Entry"])


@pytest.mark.services
def test_both_push_what_either_took(postgres_url: NewDatabase, tmp_path: Path) -> None:
    url = postgres_url()
    with open_warden(url, keys_folder=tmp_path / "keys") as warden:
        for name, role in (("carol", "admin"), ("dave", "operator"), ("olivia", "developer")):
            warden.add_user(name, roles=[role])
        warden.acting_as("olivia").models.register(
            "churn", owner="olivia", business_purpose=PURPOSE
        )
        guard = guard_token(warden, owner="carol")
        operator = warden.acting_as("dave").tokens.create().secret or ""
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(url, tmp_path)) for _ in range(2)]
        keys = []
        for address in servers:
            with httpx.Client(base_url=address) as http:
                keys.append(pinned(http, guard))
        assert keys[0] == keys[1]

        async def follow() -> list[Snapshot]:
            found = []
            async with listening(servers[0], guard) as one, listening(servers[1], guard) as other:
                for each in (one, other):
                    await asyncio.wait_for(each.next("snapshot"), PATIENCE_S)
                for number in range(4):
                    address = servers[number % 2]
                    entry = await asyncio.to_thread(stop, address, operator, f"r{number}")
                    for each in (one, other):
                        event = await asyncio.wait_for(each.next("snapshot"), PATIENCE_S)
                        assert event.id == f"1.{entry}"
                        found.append(taken(event.data, keys[0]))
            return found

        snapshots = asyncio.run(follow())
    pairs = zip(snapshots[::2], snapshots[1::2], strict=True)
    assert all(one.head.body_sha256 == other.head.body_sha256 for one, other in pairs)
    postgres.drop(url)
