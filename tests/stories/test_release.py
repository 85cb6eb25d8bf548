"""A version goes live, is replaced and comes back: who agreed, what ran, and a ledger that says all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import ArtifactMismatch, GateRefused, Refusal, SelfApproval
from modelwarden.warden.warden import open_warden
from tests.attack.case import Case
from tests.store.deeds import verified

if TYPE_CHECKING:
    from pathlib import Path


def test_from_the_first_version_to_the_rollback(store_url: str, tmp_path: Path) -> None:
    case = Case.of(store_url, tmp_path)
    olga = case.join("olga", "operator")
    artifact = tmp_path / "1.0.0.bin"

    with pytest.raises(Refusal):
        olga.deployments.start("churn", "1.0.0")
    first = case.request()
    case.agree(first.id, "xavier", "bob")
    assert olga.deployments.start("churn", "1.0.0", notes="first release").state == "live"

    second_artifact = case.register("2.0.0")
    second = case.request("2.0.0")
    case.agree(second.id, "xavier", "bob")
    good = second_artifact.read_bytes()
    second_artifact.write_bytes(b"something else")
    with pytest.raises((ArtifactMismatch, GateRefused)):
        olga.deployments.start("churn", "2.0.0")
    second_artifact.write_bytes(good)
    assert olga.deployments.start("churn", "2.0.0").state == "live"
    olga.deployments.rollback("churn", reason="errors went up")
    assert olga.deployments.live("churn").version == "1.0.0"
    assert artifact.exists()
    case.warden.close()

    with open_warden(store_url, keys_folder=tmp_path / "keys", clock=case.clock) as again:
        case.warden = again
        types = [entry["type"] for entry in case.entries()]
        told = [kind for kind in types if kind.startswith(("approval", "deployment", "version"))]
        assert told == [
            "version.registered",
            "approval.requested",
            "approval.decided",
            "approval.decided",
            "deployment.started",
            "deployment.live",
            "version.registered",
            "approval.requested",
            "approval.decided",
            "approval.decided",
            "deployment.started",
            "deployment.live",
            "deployment.rolled_back",
        ]
        assert types.count("access.denied") == 2
        assert again.acting_as("olga").deployments.live("churn").version == "1.0.0"
        result = verified(again, state=True)
        assert (result.problems, result.size) == ((), len(types))


def test_somebody_who_was_two_people_all_along(store_url: str, tmp_path: Path) -> None:
    """The approval stood until it was found out that an approver is the trainer; then nothing is deployed on it."""
    case = Case.of(store_url, tmp_path)
    olga = case.join("olga", "operator")
    request = case.request()
    case.agree(request.id, "xavier", "bob")
    assert olga.deployments.gate("churn", "1.0.0").allow
    case.acting("root").users.link("tina", to="xavier")
    assert not olga.deployments.gate("churn", "1.0.0").allow
    with pytest.raises(GateRefused):
        olga.deployments.start("churn", "1.0.0")
    case.register("2.0.0")
    again = case.request("2.0.0")
    with pytest.raises(SelfApproval):
        case.approve("xavier", again.id)
    assert verified(case.warden, state=True).problems == ()
    case.warden.close()
