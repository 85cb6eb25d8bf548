"""Signed statements, the lineage of a run, and a seat that the policy fills, the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import EvidenceInvalid, GateRefused, KeyNotYours, NotPermitted, SamePerson
from tests.conformance.test_registry import PURPOSE, WHY, permitted

if TYPE_CHECKING:
    from tests.conformance.places import Company

LOCK: Final = "sha256:" + "d" * 64
DATA: Final = "blake3:" + "c" * 64
POLICY: Final = """
schema: modelwarden.policy/v1
name: attested
approvals: {humans: 2, seats: [{role: analyst}, {role: approver}]}
auto_approval: {enabled: true, seat: analyst, when: {all: [{check: valid}]}}
checks:
  - {id: made, type: lineage}
  - {id: valid, type: attestation, params: {statement: validated, by_role: approver, reviewed: true}}
"""


@pytest.fixture(scope="module", autouse=True)
def _governed(company: Company) -> None:
    alice, root = company.as_user("alice"), company.as_user("root")
    alice.models.register("loans", owner="alice", business_purpose=PURPOSE)
    alice.versions.register(
        "loans",
        "1",
        artifact=company.artifact("loans-1"),
        run="run-7",
        source_commit="9f2c1e0",
        datasets=[{"name": "spring", "role": "training", "fingerprints": [DATA]}],
    )
    drafted = root.policies.lint(POLICY)
    permitted(company, "policy.publish", {"policy": "attested", "hash": drafted.hash})
    root.policies.publish(POLICY)
    permitted(company, "policy.assign", {"policy": "attested", "model": "loans"})
    root.policies.assign("attested", model="loans")


def test_people_sign_what_they_say_and_a_run_says_what_it_was(company: Company) -> None:
    alice, bob, carol = (company.as_user(name) for name in ("alice", "bob", "carol"))
    said = {"statement": "validated", "role": "approver"}
    with pytest.raises(NotPermitted):
        alice.evidence.attest("loans", "1", key=company.keys["alice"], **said)
    with pytest.raises(KeyNotYours):
        bob.evidence.attest("loans", "1", key=company.keys["carol"], **said)
    first = bob.evidence.attest("loans", "1", key=company.keys["bob"], **said)
    assert (first.kind, first.assurance, first.recorded_by) == ("attestation", "attested", "bob")
    with pytest.raises(SamePerson):
        bob.evidence.attest("loans", "1", key=company.keys["bob"], reviews=first.id, **said)
    carol.evidence.attest("loans", "1", key=company.keys["carol"], reviews=first.id, **said)
    with pytest.raises(EvidenceInvalid):
        alice.evidence.record("loans", "1", kind="lineage", value={"code": "two words"}, tool="t")
    asked = alice.approvals.request("loans", "1", justification=WHY)
    (filled,) = alice.approvals.show(asked.id).decisions
    assert (filled.approver, filled.custody) == ("policy:attested@1", "policy")
    for name, who in (("bob", bob), ("carol", carol)):
        who.approvals.approve(asked.id, key=company.keys[name])
    with pytest.raises(GateRefused) as caught:
        company.as_user("dave").deployments.start("loans", "1")
    assert caught.value.reasons == ("lineage_incomplete",)
    bytes_of = first.subject
    run = {"run": "run-7", "code": "9f2c1e0", "environment": LOCK, "artifact": bytes_of}
    alice.evidence.record(
        "loans", "1", kind="lineage", value={**run, "datasets": [DATA]}, tool="trainer"
    )
    assert {each.outcome for each in alice.checks.run("loans", "1").checks} == {"pass"}
    assert company.as_user("dave").deployments.start("loans", "1").state == "live"
