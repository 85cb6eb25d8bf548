"""A process is killed between ServiceNow's change and our commit: the next one finds that change (RL-62)."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelwarden.warden.warden import open_warden
from tests.services.servicenow_stub import CLIENT, SECRET, ServiceNow

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.warden.warden import Warden

ROOT = Path(__file__).parents[2]
POLICY = "schema: modelwarden.policy/v1\nname: changes\napprovals: {humans: 1, external: {SYSTEM: required}}\n"


def asked(warden: Warden, folder: Path, *, system: str = "servicenow") -> str:
    """Set up a company whose policy wants a change, and ask for a release."""
    for name, role in (("root", "admin"), ("alice", "developer"), ("bob", "approver")):
        warden.add_user(name, roles=[role])
    root, alice = warden.acting_as("root"), warden.acting_as("alice")
    root.policies.publish(POLICY.replace("SYSTEM", system))
    artifact = folder / "model.bin"
    artifact.write_bytes(b"a model")
    purpose = "Find customers who are about to leave."
    alice.models.register("churn", owner="alice", business_purpose=purpose, risk_tier=2)
    alice.versions.register("churn", "1.0.0", artifact=artifact)
    root.policies.assign("changes", model="churn")
    return alice.approvals.request(
        "churn", "1.0.0", justification="It is better than the version before."
    ).id


def until(is_so: Callable[[], bool], *, patience_s: float = 60) -> None:
    ends = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)


@pytest.mark.timeout(180)
def test_a_change_that_stands_there_is_found_by_the_next_process(
    store_url: str, tmp_path: Path
) -> None:
    keys, secret = tmp_path / "keys", tmp_path / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    with open_warden(store_url, keys_folder=keys) as warden:
        request = asked(warden, tmp_path)
    with ServiceNow(delay_after_create_s=60).running() as stub:
        arguments = [store_url, str(keys), stub.url, str(secret)]
        command = [sys.executable, "-m", "tests.faults.servicenow_child", *arguments]
        child = subprocess.Popen(command, cwd=ROOT)  # noqa: S603  # our own program
        try:
            until(lambda: bool(stub.tables["change_request"]))
        finally:
            child.kill()
            child.wait()
        with open_warden(
            store_url,
            keys_folder=keys,
            servicenow_url=stub.url,
            servicenow_client_id=CLIENT,
            servicenow_secret_file=secret,
        ) as warden:
            until(lambda: bool(warden.audit.search(type="servicenow.change_opened").items))
        assert stub.only_change()["correlation_id"] == request
        assert [verb for verb, _, _ in stub.written] == ["POST"]
