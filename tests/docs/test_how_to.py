"""The guides for the command line run as they stand, in a company that is set up; the long ones in `.ci/run` alone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.ledger.keys import SigningKey
from modelwarden.warden.warden import open_warden
from tests.docs.pages import run_page
from tests.guard.wire import BLOCK_EU
from tests.house.source import ROOT
from tests.services.github_state import APP, INSTALLATION, REPOSITORY
from tests.services.github_stub import github
from tests.services.snapshot_server import signed

if TYPE_CHECKING:
    from pathlib import Path

GUIDES: Final = ROOT / "docs" / "how-to"
PEOPLE: Final = {
    "ada": ["admin"],
    "alice": ["developer"],
    "bob": ["approver"],
    "carol": ["approver"],
    "olga": ["operator"],
    "frank": [],
}


def found_company(folder: Path, *, with_keys: bool) -> dict[str, str]:
    """Set up people, a model and an open request in a folder; return what its commands need to know."""
    (folder / "model.bin").write_bytes(b"a model")
    with open_warden(f"sqlite:///{folder / 'warden.db'}") as warden:
        for name, roles in PEOPLE.items():
            warden.add_user(name, roles=roles)
        for name in ("bob", "carol") if with_keys else ():
            key = SigningKey.generate()
            (folder / f"{name}.pem").write_bytes(key.to_pem(None))
            warden.acting_as("ada").keys.confirm(warden.acting_as(name).keys.enrol(key).id)
        alice = warden.acting_as("alice")
        purpose = "Find customers who are about to leave."
        alice.models.register("churn", owner="alice", business_purpose=purpose, risk_tier=2)
        alice.versions.register("churn", "1.0.0", artifact=folder / "model.bin")
        alice.approvals.request("churn", "1.0.0", justification="Better than the rule before.")
    return {
        "MODELWARDEN_URL": f"sqlite:///{folder / 'warden.db'}",
        "MODELWARDEN_KEY_PASSPHRASE": "only for this test",
    }


@pytest.mark.whole
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("page", "with_keys"),
    [
        ("sign-approvals.md", False),
        ("sign-artifacts.md", False),
        ("policies.md", True),
        ("checks.md", True),
        ("waive-a-check.md", True),
        ("sensitive-actions.md", True),
        ("personal-data.md", True),
        ("rotate-keys.md", True),
        ("roll-out.md", True),
        ("emergency-change.md", True),
        ("stop-a-model.md", False),
        ("snapshots.md", False),
        ("triggers.md", False),
        ("drills.md", False),
    ],
)
def test_a_guide_runs_as_it_stands(page: str, *, with_keys: bool, tmp_path: Path) -> None:
    environment = found_company(tmp_path, with_keys=with_keys)
    run_page(GUIDES / page, tmp_path, environment=environment)


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_to_use_cases_runs_as_it_stands(tmp_path: Path) -> None:
    environment = found_company(tmp_path, with_keys=False)
    with open_warden(environment["MODELWARDEN_URL"]) as warden:
        warden.acting_as("alice").use_cases.create("calls", models=["churn"])
    run_page(GUIDES / "use-cases.md", tmp_path, environment=environment)


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_to_github_runs_as_it_stands(tmp_path: Path) -> None:
    environment = found_company(tmp_path, with_keys=True)
    lock = tmp_path / "release.lock.json"
    with github() as stub:
        stub.now = datetime.now(UTC) + timedelta(minutes=4)
        key = tmp_path / "app.pem"
        key.write_text(stub.pem)
        key.chmod(0o600)
        asked = {"context": "modelwarden/release", "integration_id": int(APP)}
        stub.rules = [
            {"type": "required_status_checks", "parameters": {"required_status_checks": [asked]}}
        ]
        before = stub._found

        def reviewed(request: Any) -> Any:  # noqa: ANN401  # what people do at GitHub once there is a lock
            if lock.exists() and not stub.pulls:
                pull = stub.open(json.loads(lock.read_bytes())["request"], lock.read_bytes(), by=11)
                stub.review(pull, 14)
            return before(request)

        stub._found = reviewed  # type: ignore[method-assign]
        environment |= {
            "ISSUER": stub.base,
            "MODELWARDEN_GITHUB_URL": stub.base,
            "MODELWARDEN_GITHUB_REPOSITORY": REPOSITORY,
            "MODELWARDEN_GITHUB_APP": APP,
            "MODELWARDEN_GITHUB_INSTALLATION": INSTALLATION,
            "MODELWARDEN_GITHUB_KEY": f"file:{key}",
        }
        run_page(GUIDES / "github.md", tmp_path, environment=environment)
        assert stub.faults == []


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_to_backups_runs_as_it_stands(tmp_path: Path) -> None:
    found_company(tmp_path, with_keys=False)
    relative = {"MODELWARDEN_URL": "sqlite:///warden.db"}
    run_page(GUIDES / "backup-and-restore.md", tmp_path, environment=relative)


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_to_an_outside_witness_runs_as_it_stands(tmp_path: Path) -> None:
    found_company(tmp_path, with_keys=False)
    relative = {"MODELWARDEN_URL": "sqlite:///warden.db"}
    try:
        run_page(GUIDES / "outside-witness.md", tmp_path, environment=relative)
    finally:
        for each in tmp_path.glob("*.pid"):  # a page that fails half way leaves them running
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(each.read_text()), signal.SIGTERM)


@pytest.mark.timeout(300)
def test_the_guide_to_records_of_other_systems_runs_as_it_stands(tmp_path: Path) -> None:
    relative = {"MODELWARDEN_URL": "sqlite:///warden.db"}
    run_page(GUIDES / "record-from-other-systems.md", tmp_path, environment=relative)


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_to_search_and_reports_runs_as_it_stands(tmp_path: Path) -> None:
    record_decisions(tmp_path)
    relative = {"MODELWARDEN_URL": "sqlite:///warden.db"}
    run_page(GUIDES / "search-and-report.md", tmp_path, environment=relative)


def record_decisions(folder: Path) -> None:
    """Record three decisions of another system; eve audits, rita reads personal texts."""
    base = {"event_type": "RISK_DECISION", "component": "RiskAgent", "action": "BLOCK_TRADE"}
    with open_warden(f"sqlite:///{folder / 'warden.db'}") as warden:
        warden.add_user("ada", roles=["admin"])
        warden.add_user("eve", roles=["auditor"])
        warden.add_user("rita", roles=[])
        ada = warden.acting_as("ada")
        ada.roles.define("reader", permissions=["audit.read", "personal.read"])
        ada.roles.grant("rita", "reader", reason="she answers to the regulator")
        details = {"why": "volatility too high"}
        warden.audit.append(
            [
                base | {"ref": "1", "severity": "HIGH", "details": details},
                base | {"ref": "2", "compliance_tags": ["MIFID_II"]},
                base | {"ref": "3", "component": "Pricer"},
            ]
        )
        deadline = time.monotonic() + 60
        while (warden.audit.search(text="pricer").indexed_to or 0) < warden.audit.checkpoint().size:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [pytest.param("deploy.md", marks=pytest.mark.whole), "flask.md"])
def test_a_guide_to_running_it_runs_as_it_stands(page: str, tmp_path: Path) -> None:
    run_page(GUIDES / page, tmp_path, environment={"MODELWARDEN_URL": "sqlite:///warden.db"})


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_to_alerts_runs_as_it_stands(tmp_path: Path) -> None:
    found_company(tmp_path, with_keys=False)
    relative = {"MODELWARDEN_URL": "sqlite:///warden.db"}
    run_page(GUIDES / "alerts.md", tmp_path, environment=relative)


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_to_measuring_runs_as_it_stands(tmp_path: Path) -> None:
    found_company(tmp_path, with_keys=False)
    run_page(
        GUIDES / "measure.md", tmp_path, environment={"MODELWARDEN_URL": "sqlite:///warden.db"}
    )


@pytest.mark.timeout(300)
def test_the_guide_to_guarding_a_prediction_runs_as_it_stands(tmp_path: Path) -> None:
    key = SigningKey.generate()
    (tmp_path / "warden.pem").write_text(key.public.pem, encoding="ascii")
    for name, switches in (("churn", []), ("later", [BLOCK_EU])):
        generation = 1 if name == "churn" else 2
        wire = signed(key, switches=switches, generation=generation)
        (tmp_path / f"{name}.snapshot.json").write_bytes(wire)
    environment = {"MODELWARDEN_STATE_DIR": str(tmp_path / "state")}
    run_page(GUIDES / "guard-a-prediction.md", tmp_path, environment=environment)


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_to_drift_runs_as_it_stands(tmp_path: Path) -> None:
    found_company(tmp_path, with_keys=False)
    environment = {
        "MODELWARDEN_URL": "sqlite:///warden.db",
        "MODELWARDEN_STATE_DIR": str(tmp_path / "state"),
    }
    try:
        run_page(GUIDES / "watch-drift.md", tmp_path, environment=environment)
    finally:
        for each in tmp_path.glob("*.pid"):  # a page that fails half way leaves it running
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(each.read_text()), signal.SIGTERM)


def test_the_guide_to_serving_behind_the_guard_runs_as_it_stands(tmp_path: Path) -> None:
    key = SigningKey.generate()
    (tmp_path / "warden.pem").write_text(key.public.pem, encoding="ascii")
    wire = signed(key, switches=[BLOCK_EU], generation=1)
    (tmp_path / "churn.snapshot.json").write_bytes(wire)
    environment = {"MODELWARDEN_STATE_DIR": str(tmp_path / "state")}
    run_page(GUIDES / "serve-behind-the-guard.md", tmp_path, environment=environment)


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_the_guide_from_scripts_runs_as_it_stands(tmp_path: Path) -> None:
    found_company(tmp_path, with_keys=False)
    key = SigningKey.generate()
    (tmp_path / "warden.pem").write_text(key.public.pem, encoding="ascii")
    outputs = {"low": 0, "high": 1}
    version = {"label": "1.0.0", "sha256": "ab" * 32, "baseline": False, "outputs": outputs}
    wire = signed(key, switches=[], versions=[version])
    (tmp_path / "churn.snapshot.json").write_bytes(wire)
    environment = {
        "MODELWARDEN_URL": "sqlite:///warden.db",
        "MODELWARDEN_STATE_DIR": str(tmp_path / "state"),
    }
    run_page(GUIDES / "from-scripts.md", tmp_path, environment=environment)
