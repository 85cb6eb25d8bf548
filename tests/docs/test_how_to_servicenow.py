"""The guide to ServiceNow runs as it stands, while people approve in a stub of an instance."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.ledger.keys import SigningKey
from modelwarden.warden.warden import open_warden
from tests.docs.pages import run_page
from tests.house.source import ROOT
from tests.services.servicenow_stub import CLIENT, SECRET, ServiceNow

if TYPE_CHECKING:
    from pathlib import Path

GUIDE: Final = ROOT / "docs" / "how-to" / "servicenow.md"
PEOPLE: Final = {"ada": "admin", "alice": "developer", "bob": "approver", "olga": "operator"}


def found_company(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"a model")
    with open_warden(f"sqlite:///{folder / 'warden.db'}") as warden:
        for name, role in PEOPLE.items():
            warden.add_user(name, roles=[role])
        key = SigningKey.generate()
        (folder / "bob.pem").write_bytes(key.to_pem(None))
        warden.acting_as("ada").keys.confirm(warden.acting_as("bob").keys.enrol(key).id)
        alice = warden.acting_as("alice")
        purpose = "Find customers who are about to leave."
        alice.models.register("churn", owner="alice", business_purpose=purpose, risk_tier=2)
        alice.versions.register("churn", "1.0.0", artifact=folder / "model.bin")


def approve(stub: ServiceNow, bob: str, server: Path, over: threading.Event) -> None:
    """Do what people there do, once the guide has come to where they do."""
    while not over.wait(0.1):
        if server.exists() and stub.tables["change_request"]:
            change = stub.only_change()
            stub.plan(change, now=datetime.now(UTC))
            stub.answer(change, bob)
            return


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_to_servicenow_runs_as_it_stands(tmp_path: Path) -> None:
    found_company(tmp_path)
    (tmp_path / "servicenow.secret").write_text(SECRET, encoding="utf-8")
    over = threading.Event()
    with ServiceNow().running() as stub:
        bob = stub.user("bob")
        people = threading.Thread(target=approve, args=(stub, bob, tmp_path / "server.pid", over))
        people.start()
        environment = {
            "MODELWARDEN_URL": f"sqlite:///{tmp_path / 'warden.db'}",
            "MODELWARDEN_KEY_PASSPHRASE": "only for this test",
            "MODELWARDEN_SERVICENOW_URL": stub.url,
            "MODELWARDEN_SERVICENOW_CLIENT_ID": CLIENT,
            "MODELWARDEN_SERVICENOW_SECRET_FILE": str(tmp_path / "servicenow.secret"),
            "SERVICENOW": stub.url,
            "BOBS_SYS_ID": bob,
        }
        try:
            run_page(GUIDE, tmp_path, environment=environment)
        finally:
            over.set()
            people.join()
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int((tmp_path / "server.pid").read_text()), signal.SIGTERM)
