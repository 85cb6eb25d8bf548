"""The guide to groups and delegates runs as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.ledger.keys import SigningKey
from modelwarden.warden.warden import open_warden
from tests.docs.pages import run_page
from tests.docs.test_how_to import GUIDES, found_company

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_to_seats_and_delegation_runs_as_it_stands(tmp_path: Path) -> None:
    environment = found_company(tmp_path, with_keys=True)
    with open_warden(environment["MODELWARDEN_URL"]) as warden:
        ada = warden.acting_as("ada")
        payload = {"user": "frank", "role": "approver", "scope": {}}
        why = "frank takes over some of the reviews"
        asked = ada.approvals.request_access("role.grant", payload=payload, justification=why)
        for name in ("bob", "carol"):
            key = SigningKey.from_pem((tmp_path / f"{name}.pem").read_bytes(), None)
            warden.acting_as(name).approvals.approve(asked.id, key=key)
        ada.roles.grant("frank", "approver")
        key = SigningKey.generate()
        (tmp_path / "frank.pem").write_bytes(key.to_pem(None))
        ada.keys.confirm(warden.acting_as("frank").keys.enrol(key).id)
    run_page(GUIDES / "seats-and-delegation.md", tmp_path, environment=environment)
