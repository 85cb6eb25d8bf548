"""The guide to webhook targets runs as it stands, its receiver included."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.ledger.keys import SigningKey
from modelwarden.warden.warden import open_warden
from tests.docs.pages import run_page
from tests.docs.test_how_to_servicenow import found_company
from tests.house.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path

GUIDE: Final = ROOT / "docs" / "how-to" / "webhook-target.md"


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_to_webhook_targets_runs_as_it_stands(tmp_path: Path) -> None:
    found_company(tmp_path)
    url = f"sqlite:///{tmp_path / 'warden.db'}"
    with open_warden(url, default_policy="builtin/basic") as warden:
        alice, bob = warden.acting_as("alice"), warden.acting_as("bob")
        why = "Better on every figure that we measure."
        asked = alice.approvals.request("churn", "1.0.0", justification=why)
        key = SigningKey.from_pem((tmp_path / "bob.pem").read_bytes(), None)
        bob.approvals.approve(asked.id, key=key)
    environment = {"MODELWARDEN_URL": url, "MODELWARDEN_DEFAULT_POLICY": "builtin/basic"}
    try:
        run_page(GUIDE, tmp_path, environment=environment)
    finally:
        for name in ("server.pid", "target.pid"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int((tmp_path / name).read_text()), signal.SIGTERM)
