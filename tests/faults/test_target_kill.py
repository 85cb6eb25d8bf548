"""A process is killed between a message to a target and its answer: the next one goes on with both (RL-40)."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from modelwarden.api.app import create_app
from modelwarden.ledger.keys import SigningKey
from modelwarden.notify.webhook import signed_headers
from modelwarden.warden.warden import open_warden
from tests.api.town import served
from tests.deployments.following import ALLOWED
from tests.faults.test_servicenow_kill import until
from tests.notify.receiver import receiving

if TYPE_CHECKING:
    from modelwarden.warden.warden import Warden

ROOT = Path(__file__).parents[2]
PEOPLE = {"root": "admin", "alice": "developer", "bob": "approver", "olga": "operator"}


def started(warden: Warden, folder: Path, url: str) -> tuple[str, str]:
    """Start a deployment that a target has to follow; return it, and the target's secret."""
    for name, role in PEOPLE.items():
        warden.add_user(name, roles=[role])
    root, alice = warden.acting_as("root"), warden.acting_as("alice")
    key = SigningKey.generate()
    root.keys.confirm(warden.acting_as("bob").keys.enrol(key).id)
    secret = root.notify.add("shop", url, types=["review.recorded"]).secret or ""
    artifact = folder / "model.bin"
    artifact.write_bytes(b"a model")
    purpose = "Find customers who are about to leave."
    alice.models.register("churn", owner="alice", business_purpose=purpose, risk_tier=2)
    alice.versions.register("churn", "1.0.0", artifact=artifact)
    why = "It is better than the version before."
    request = alice.approvals.request("churn", "1.0.0", justification=why)
    warden.acting_as("bob").approvals.approve(request.id, key=key)
    olga = warden.acting_as("olga")
    return olga.deployments.start("churn", "1.0.0", target="shop").id, secret


@pytest.mark.timeout(400)
def test_a_target_is_told_again_after_a_kill_and_its_answer_counts_once(
    store_url: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    with receiving() as receiver:
        receiver.always = "hang"
        settings: dict[str, object] = {"keys_folder": keys, "endpoint_allow": ALLOWED}
        settings["default_policy"] = "builtin/basic"
        with open_warden(store_url, **settings) as warden:
            for follower in warden.followers:
                follower.close()
            deployment, secret = started(warden, tmp_path, receiver.url)
        command = [sys.executable, "-m", "tests.faults.target_child", store_url, str(keys)]
        child = subprocess.Popen(command, cwd=ROOT)  # noqa: S603  # our own program
        try:
            until(lambda: bool(receiver.requests), patience_s=120)
        finally:
            child.kill()  # it waits for the answer to its message
            child.wait()
        receiver.always = 204
        with open_warden(store_url, **settings) as warden, served(create_app(warden)) as url:
            until(lambda: len(receiver.requests) > 1)
            first, again = receiver.requests[:2]
            assert (first.id, first.body) == (again.id, again.body)
            told = {"type": "target.acknowledged"} | {
                name: first.told[name] for name in ("deployment", "step", "sha256")
            }
            body = json.dumps(told).encode()
            headers = signed_headers([secret], "1", body, now=datetime.now(UTC))
            path = f"{url}/api/governance/integrations/targets/shop/acknowledge"
            given = headers | {"content-type": "application/json"}
            for _ in range(2):
                assert httpx.post(path, content=body, headers=given).status_code == 200
            alice = warden.acting_as("alice")
            until(lambda: alice.deployments.show(deployment).state == "live")
            assert len(warden.audit.search(type="target.acknowledged").items) == 1
            assert len(warden.audit.search(type="target.asked").items) == 1
