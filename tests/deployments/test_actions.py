"""Going live and going back on a real database: the gate stands in every way, and the ledger shows it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.approvals import actions as approvals
from modelwarden.approvals.offline import verify_release
from modelwarden.approvals.signatures import KnownKey
from modelwarden.deployments import actions as deployments
from modelwarden.deployments.rollout import DeploymentKind, DeploymentState, Origin
from modelwarden.errors import (
    ArtifactMismatch,
    ArtifactUnreadable,
    Conflict,
    GateRefused,
    NotFound,
    NothingToRollBackTo,
    NotPermitted,
    ReferenceExists,
    StrategyUnknown,
    ValueInvalid,
)
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.ids import PersonId
from modelwarden.values.pages import Page
from tests.approvals.org import START, WHY, Org

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.deployments.rollout import Deployment


def bodies(org: Org, last: int) -> list[dict[str, object]]:
    with org.warden.store.database.reading() as connection:
        rows = connection.exec_driver_sql(
            f"select body from ledger_entries order by seq desc limit {last}"  # noqa: S608
        ).all()
    return [json.loads(row[0]) for row in reversed(rows)]


def types(org: Org, last: int) -> list[object]:
    return [body["type"] for body in bodies(org, last)]


def live(org: Org, **asked: object) -> Deployment | None:
    found: Deployment | None = org.see("alice", deployments.live, "churn", **asked)
    return found


def refused(org: Org, label: str = "1.0.0", **launch: object) -> set[str]:
    with pytest.raises(GateRefused) as denied:
        org.deploy(label, **launch)
    return set(denied.value.reasons)


def test_an_approved_version_goes_live(org: Org) -> None:
    request = org.approved()
    done = org.deploy(notes="night window", reference="CHG-1")
    assert (done.state, done.request, done.origin) == (
        DeploymentState.LIVE,
        request.id,
        Origin.WARDEN,
    )
    assert org.status() == "deployed_production"
    assert types(org, 4) == [
        "gate.evaluated", "deployment.started", "deployment.live", "route.moved",
    ]  # fmt: skip
    found = live(org)
    assert found is not None
    assert found.id == done.id


def test_a_denied_gate_names_every_reason_and_the_ledger_keeps_them(org: Org) -> None:
    (org.folder / "1.0.0.bin").unlink()
    assert refused(org) == {"not_approved", "artifact_unreadable"}
    (body,) = bodies(org, 1)
    assert (body["type"], body["outcome"]) == ("access.denied", "refused")
    assert body["fact"]["rule"] == "gate_refused"  # type: ignore[index]
    assert set(body["fact"]["reasons"]) == {"not_approved", "artifact_unreadable"}  # type: ignore[index]
    assert {"model:churn", "version:churn@1.0.0"} <= set(body["about"])  # type: ignore[call-overload]
    assert live(org) is None


def test_swapped_bytes_do_not_go_live(org: Org) -> None:
    org.approved()
    (org.folder / "1.0.0.bin").write_bytes(b"something else entirely")
    assert refused(org) == {"artifact_mismatch"}


def test_bytes_swapped_after_hashing_do_not_go_live(org: Org) -> None:
    org.approved()
    prepared = deployments.hashed(
        org.see("dave", deployments.candidate, "churn", "1.0.0"), org.warden.settings
    )
    (org.folder / "1.0.0.bin").write_bytes(b"swapped")
    begin = partial(deployments.start, prepared=prepared)
    with pytest.raises(GateRefused) as denied:
        org.do("dave", begin, "churn", "1.0.0")
    assert denied.value.reasons == ("artifact_unreadable",)


def test_an_old_hash_and_another_versions_hash_do_not_count(org: Org) -> None:
    org.approved()
    org.register("1.1.0")
    candidate = org.see("dave", deployments.candidate, "churn", "1.0.0")
    old = deployments.hashed(
        dataclasses.replace(candidate, at=candidate.at - timedelta(minutes=16)),
        org.warden.settings,
    )
    other = deployments.hashed(
        org.see("dave", deployments.candidate, "churn", "1.1.0"), org.warden.settings
    )
    for prepared in (old, other):
        with pytest.raises(GateRefused) as denied:
            org.do("dave", partial(deployments.start, prepared=prepared), "churn", "1.0.0")
        assert denied.value.reasons == ("artifact_unreadable",)


def test_metrics_changed_after_the_approval_stop_it_at_the_gate(org: Org) -> None:
    org.approved()
    org.warden.acting_as("alice").versions.record_metrics(
        "churn", "1.0.0", metrics={"roc_auc": "0.99"}, kind="evaluation"
    )
    assert refused(org) == {"approval_void"}
    org.system(approvals.void_changed, "churn")
    assert "approval_void" in refused(org)


def test_a_compromised_key_stops_it_at_the_gate(org: Org) -> None:
    org.approved()
    since = org.clock.now() - timedelta(minutes=1)
    org.warden.acting_as("bob").keys.revoke(org.keys["bob"].keyid, cause="compromised", since=since)
    assert refused(org) == {"key_compromised"}


def test_a_key_lost_later_leaves_the_approval_standing(org: Org) -> None:
    org.approved()
    org.clock.advance(minutes=1)
    org.warden.acting_as("bob").keys.revoke(org.keys["bob"].keyid, cause="lost")
    assert org.deploy().state is DeploymentState.LIVE


def test_accounts_linked_after_the_approval_stop_it_at_the_gate(org: Org) -> None:
    org.approved()
    org.warden.acting_as("root").users.link("carol", to="bob")
    assert "same_person" in refused(org)


def test_an_expired_approval_does_not_deploy(org: Org) -> None:
    org.approved()
    org.clock.advance(days=61)
    assert refused(org) == {"approval_expired"}


def test_a_newer_policy_stops_it_at_the_gate(org: Org) -> None:
    org.approved()
    payload = {"policy": "builtin/strict", "model": "churn"}
    request = org.do(
        "root", approvals.request_access, "policy.assign", payload=payload, justification=WHY
    )
    org.approve("bob", request.id)
    org.approve("carol", request.id)
    org.warden.acting_as("root").policies.assign("builtin/strict", model="churn")
    assert {"policy_changed", "not_approved"} <= refused(org)


def test_who_may_not_deploy_is_refused(org: Org) -> None:
    org.approved()
    for name in ("alice", "bob", "root"):
        with pytest.raises(NotPermitted):
            org.deploy(by=name)


def test_a_production_approval_covers_staging(org: Org) -> None:
    org.approved()
    assert org.deploy(environment=Environment.STAGING).environment is Environment.STAGING
    assert org.status() == "deployed_staging"


def test_a_staging_approval_does_not_cover_production(org: Org) -> None:
    request = org.request(environment="staging")
    org.approve("bob", request.id)
    assert refused(org) == {"not_approved"}
    assert org.deploy(environment=Environment.STAGING).request == request.id


def test_where_staging_wants_no_human_the_bytes_still_count(tmp_path: Path) -> None:
    org = Org(tmp_path, policy="builtin/basic")
    done = org.deploy(environment=Environment.STAGING)
    assert (done.state, done.request) == (DeploymentState.LIVE, None)
    org.register("1.1.0").write_bytes(b"other")
    assert refused(org, "1.1.0", environment=Environment.STAGING) == {"artifact_mismatch"}
    org.warden.close()


def test_the_next_version_supersedes_the_one_before(org: Org) -> None:
    org.approved()
    first = org.deploy()
    org.register("1.1.0")
    org.approved("1.1.0")
    second = org.deploy("1.1.0")
    assert second.replaces == first.id
    before = org.see("alice", deployments.deployment, first.id)
    assert (before.state, before.ended_at is not None) == (DeploymentState.SUPERSEDED, True)
    assert (org.status("1.0.0"), org.status("1.1.0")) == ("approved", "deployed_production")


def test_what_is_live_stays_when_started_again(org: Org) -> None:
    org.approved()
    assert org.deploy().id == org.deploy().id


def two_versions_live(org: Org) -> tuple[Deployment, Deployment]:
    org.approved()
    first = org.deploy()
    org.register("1.1.0")
    org.approved("1.1.0")
    return first, org.deploy("1.1.0")


def test_rolling_back_makes_the_version_before_live_again(org: Org) -> None:
    first, second = two_versions_live(org)
    back = org.roll_back()
    assert (back.kind, back.version, back.replaces) == (
        DeploymentKind.ROLLBACK,
        first.version,
        second.id,
    )
    assert (org.status("1.0.0"), org.status("1.1.0")) == ("deployed_production", "rolled_back")
    body, moved = bodies(org, 2)
    assert (body["type"], body["severity"]) == ("deployment.rolled_back", "HIGH")
    assert moved["fact"]["stable"] == first.version  # type: ignore[index]
    assert body["fact"]["expired"] is False  # type: ignore[index]


def test_a_version_that_was_rolled_back_needs_a_new_approval(org: Org) -> None:
    two_versions_live(org)
    org.roll_back()
    assert refused(org, "1.1.0") == {"rolled_back_since"}
    org.approved("1.1.0")
    assert org.deploy("1.1.0").state is DeploymentState.LIVE


def test_rolling_back_to_an_expired_approval_is_allowed_and_recorded(org: Org) -> None:
    two_versions_live(org)
    org.clock.advance(days=61)
    org.roll_back()
    body, _ = bodies(org, 2)
    assert body["fact"]["expired"] is True  # type: ignore[index]


def test_rolling_back_wants_the_same_bytes_and_names_an_older_version(org: Org) -> None:
    two_versions_live(org)
    org.register("1.2.0")
    org.approved("1.2.0")
    org.deploy("1.2.0")
    (org.folder / "1.1.0.bin").write_bytes(b"other")
    with pytest.raises(ArtifactMismatch, match=r"try 1\.0\.0"):
        org.roll_back()
    (org.folder / "1.1.0.bin").unlink()
    with pytest.raises(ArtifactUnreadable):
        org.roll_back()
    assert org.roll_back(to="1.0.0").label == "1.0.0"


def test_there_may_be_nothing_to_roll_back_to(org: Org) -> None:
    with pytest.raises(NothingToRollBackTo):
        org.roll_back()
    org.approved()
    org.deploy()
    with pytest.raises(NothingToRollBackTo):
        org.roll_back()
    with pytest.raises(NotPermitted):
        two_versions_live_again(org)


def two_versions_live_again(org: Org) -> None:
    org.register("1.1.0")
    org.approved("1.1.0")
    org.deploy("1.1.0")
    org.roll_back(by="alice")


def test_a_deployment_made_elsewhere_without_approval_is_a_bypass(org: Org) -> None:
    made = deployments.Made(notes="by hand", reference="CHG-7")
    noted = org.do("dave", deployments.record, "churn", "1.0.0", made=made)
    assert (noted.origin, noted.state) == (Origin.RECORDED, DeploymentState.LIVE)
    recorded, bypass = bodies(org, 2)
    assert (recorded["type"], bypass["type"]) == ("deployment.recorded", "bypass.detected")
    assert bypass["severity"] == "CRITICAL"
    assert bypass["fact"]["reasons"] == ["not_approved"]  # type: ignore[index]
    with pytest.raises(ReferenceExists):
        org.do("dave", deployments.record, "churn", "1.0.0", made=made)


def test_a_deployment_made_elsewhere_with_approval_is_no_bypass(org: Org) -> None:
    org.approved()
    made = deployments.Made(at=org.clock.now())
    org.do("dave", deployments.record, "churn", "1.0.0", made=made)
    assert types(org, 1) == ["deployment.recorded"]
    for at in (org.clock.now() + timedelta(hours=1), START - timedelta(days=1)):
        with pytest.raises(ValueInvalid):
            org.do("dave", deployments.record, "churn", "1.0.0", made=deployments.Made(at=at))


def test_which_version_was_live_at_a_time(org: Org) -> None:
    before = org.clock.now()
    org.clock.advance(hours=1)
    first, second = two_versions_live(org)
    assert first.live_at is not None
    org.clock.advance(hours=1)
    assert live(org, as_of=before) is None
    then = live(org, as_of=first.live_at)
    now = live(org, as_of=org.clock.now())
    assert then is not None
    assert now is not None
    assert (then.id, now.id) == (first.id, second.id)


def test_the_gate_answers_without_deploying(org: Org) -> None:
    answer = org.see("dave", deployments.gate_answer, "churn", "1.0.0")
    assert (answer.verdict.codes, answer.hashed) == (("not_approved",), False)
    org.approved()
    assert org.see("dave", deployments.gate_answer, "churn", "1.0.0").verdict.allow
    mine = org.see("alice", deployments.gate_answer, "churn", "1.0.0")
    assert mine.verdict.codes == ("not_permitted",)


def test_unknown_strategies_and_bad_references_are_refused(org: Org) -> None:
    org.approved()
    with pytest.raises(StrategyUnknown):
        org.deploy(strategy="teleport")
    with pytest.raises(ValueInvalid):
        org.deploy(reference="two words")


def test_deployments_are_listed_newest_first(org: Org) -> None:
    first, second = two_versions_live(org)
    see = partial(org.see, "alice", deployments.deployments)
    page = see(Page(limit=1), model="churn")
    assert [d.id for d in page.items] == [second.id]
    rest = see(Page(limit=5, cursor=page.next_cursor))
    assert [d.id for d in rest.items] == [first.id]
    assert [d.id for d in see(Page(), state=DeploymentState.LIVE).items] == [second.id]
    assert see(Page(), environment=Environment.STAGING).items == ()
    with pytest.raises(NotFound):
        org.see("alice", deployments.deployment, "dep_0")


def test_two_are_never_live_in_one_environment(org: Org) -> None:
    org.approved()
    twin = dataclasses.replace(org.deploy(), id="dep_twin", reference=None, revision=0)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        org.system(lambda change: change.save(twin))


def test_the_release_file_verifies_on_another_machine(org: Org) -> None:
    request = org.approved()
    org.deploy()
    data = org.see("alice", deployments.release_file, request.id)
    server = org.warden.store.around.keyring.server_key
    answer = org.see("alice", approvals.approval, request.id)
    trust = [
        KnownKey(
            keyid=key.keyid, pem=key.public_pem, person=person, valid_from=START, valid_to=None
        )
        for key, person in (
            (server, None),
            *(
                (org.keys[name], PersonId(decision.person))
                for name, decision in zip(("bob", "carol"), answer.decisions, strict=True)
            ),
        )
    ]
    sha256 = hashlib.sha256((org.folder / "1.0.0.bin").read_bytes()).hexdigest()
    check = partial(verify_release, trust=trust, at=org.clock.now(), artifact_sha256=sha256)
    assert len(data.splitlines()) == 3
    assert check(data) == ()
    for place in range(0, len(data), 97):
        altered = bytearray(data)
        altered[place] ^= 1
        assert any(not finding.is_note for finding in check(bytes(altered)))
