"""Checks that rest on what people signed and on what a run was: attestation, lineage (RL-33, EV-3)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import update

from modelwarden.approvals import actions as approvals
from modelwarden.approvals.statement import PAYLOAD_TYPE
from modelwarden.errors import (
    EvidenceInvalid,
    KeyNotYours,
    NotFound,
    NotPermitted,
    PolicyWeakensParent,
    SamePerson,
    StatementChanged,
    StatementStale,
)
from modelwarden.ledger.dsse import seal
from modelwarden.policies import actions as policies
from modelwarden.policies import checking
from modelwarden.registry.reads import version
from modelwarden.store.schema.policies import evidence
from modelwarden.values.pages import Page
from tests.approvals.test_checks import outcomes, publish, ran, reasons, runs

if TYPE_CHECKING:
    from modelwarden.policies.evidence import Evidence
    from tests.approvals.org import Org

VALIDATED: Final = (
    "{id: validated, type: attestation, max_age: P1D,"
    " params: {statement: independent-validation, by_role: approver}}"
)
REVIEWED: Final = VALIDATED.replace("approver}", "approver, reviewed: true}")
LINEAGE: Final = "{id: made, type: lineage}"
DATA: Final = "blake3:" + "c" * 64
LOCK: Final = "sha256:" + "d" * 64


def said(name: str = "independent-validation", role: str = "approver") -> dict[str, str]:
    return {"statement": name, "role": role}


def line(org: Org, by: str, label: str = "1.0.0", **given: Any) -> bytes:  # noqa: ANN401  # what is said
    words = {**said(), **given}
    data = org.see(by, approvals.attestation_statement, "churn", label, **words)
    return seal(PAYLOAD_TYPE, data, org.keys[by]).to_line()


def attested(org: Org, by: str, label: str = "1.0.0", **given: Any) -> Evidence:  # noqa: ANN401  # what is said
    envelope = line(org, by, label, **given)
    words = {**said(), **given}
    found: Evidence = org.do(by, approvals.attest, "churn", label, envelope=envelope, **words)
    return found


def test_a_signed_statement_passes_until_it_is_too_old(org: Org) -> None:
    publish(org, VALIDATED)
    assert outcomes(ran(org)) == {"validated": "unknown"}
    kept = attested(org, "bob")
    assert (kept.assurance, kept.kind) == ("attested", "attestation")
    run = ran(org)
    assert outcomes(run) == {"validated": "pass"}
    assert run.evidence == (kept.id,)
    org.approved()
    assert org.deploy().state == "live"
    org.clock.advance(days=1, seconds=1)
    assert outcomes(ran(org)) == {"validated": "stale"}
    for each in runs(org):
        assert org.see("alice", checking.is_reproduced, each)


def test_a_review_is_by_a_second_person(org: Org) -> None:
    publish(org, REVIEWED)
    first = attested(org, "bob")
    assert outcomes(ran(org)) == {"validated": "unknown"}
    with pytest.raises(SamePerson):
        attested(org, "bob", reviews=first.id)
    with pytest.raises(NotFound):
        attested(org, "carol", reviews="evi_none")
    with pytest.raises(EvidenceInvalid):
        attested(org, "carol", statement="something-else", reviews=first.id)
    second = attested(org, "carol", reviews=first.id)
    assert outcomes(ran(org)) == {"validated": "pass"}
    with pytest.raises(EvidenceInvalid):
        attested(org, "bob", reviews=second.id)  # a review is no statement to review
    org.warden.acting_as("root").users.link("carol", to="bob")
    assert outcomes(ran(org)) == {"validated": "unknown"}  # two accounts, one person


def test_who_may_say_what(org: Org) -> None:
    publish(org, VALIDATED)
    org.enrol("alice")
    with pytest.raises(NotPermitted):
        attested(org, "alice")  # no approver
    attested(org, "alice", role="developer")
    attested(org, "bob", statement="something-else")
    assert outcomes(ran(org)) == {"validated": "unknown"}
    for wrong in ("a b", "", "x" * 200):
        with pytest.raises(EvidenceInvalid):
            attested(org, "bob", statement=wrong)
    with pytest.raises(NotPermitted):
        org.see("root", approvals.attestation_statement, "churn", "1.0.0", **said())
    with pytest.raises(EvidenceInvalid):
        policies.prepare_evidence("attestation", value=said(), tool="t")


def test_another_person_s_signature_and_another_version_s_do_not_serve(org: Org) -> None:
    publish(org, VALIDATED)
    org.register("2.0.0")
    signed = line(org, "bob")
    with pytest.raises(KeyNotYours):
        org.do("carol", approvals.attest, "churn", "1.0.0", envelope=signed, **said())
    with pytest.raises(StatementChanged):
        org.do("bob", approvals.attest, "churn", "2.0.0", envelope=signed, **said())
    org.clock.advance(minutes=11)
    with pytest.raises(StatementStale):
        org.do("bob", approvals.attest, "churn", "1.0.0", envelope=signed, **said())
    kept = attested(org, "bob")
    with org.warden.store.database.writing() as connection:
        connection.execute(
            update(evidence).where(evidence.c.id == kept.id).values(recorded_by="act_other")
        )
    assert outcomes(ran(org)) == {"validated": "pass"}  # the person behind it is kept beside
    with org.warden.store.database.writing() as connection:
        connection.execute(update(evidence).where(evidence.c.id == kept.id).values(value="{}"))
    assert outcomes(ran(org)) == {"validated": "error"}


def test_a_compromised_key_takes_its_statements_along(org: Org) -> None:
    publish(org, VALIDATED)
    before = org.clock.now()
    attested(org, "bob")
    org.clock.advance(minutes=1)
    root, keyid = org.warden.acting_as("root"), org.keys["bob"].keyid
    root.keys.revoke(keyid, cause="compromised", since=before)
    assert outcomes(ran(org)) == {"validated": "unknown"}
    assert "checks_unknown" in reasons(org)


def test_a_witness_had_no_part_in_the_version(org: Org) -> None:
    text = VALIDATED.replace("by_role: approver", "by_role: developer")
    publish(org, text.replace("max_age: P1D", "assurance: {witness: distinct}"))
    org.enrol("alice")
    attested(org, "alice", role="developer")
    assert outcomes(ran(org)) == {"validated": "unknown"}


def test_a_child_can_not_do_without_the_review(org: Org) -> None:
    publish(org, REVIEWED)
    head = "schema: modelwarden.policy/v1\nname: child\nextends: mine\napprovals: {humans: 2}\n"
    looser = REVIEWED.replace("reviewed: true", "reviewed: false")
    with pytest.raises(PolicyWeakensParent):
        org.see("root", policies.lint, f"{head}checks: [{looser}]")
    publish(org, VALIDATED)
    org.see("root", policies.lint, f"{head}checks: [{REVIEWED}]")


def ran_on(org: Org, label: str, **given: Any) -> Evidence:  # noqa: ANN401  # what is recorded
    sha256 = org.see("alice", version, "churn", label).subject_sha256
    value = {"run": "run-7", "code": "9f2c1e0", "environment": LOCK, "artifact": sha256,
             "datasets": [DATA], **given}  # fmt: skip
    whole = {key: item for key, item in value.items() if item is not None}
    new = policies.prepare_evidence(
        "lineage", value=whole, tool="trainer", produced_at=org.clock.now() - timedelta(seconds=1)
    )
    found: Evidence = org.do("alice", policies.record_evidence, "churn", label, new=new)
    return found


def made(org: Org, label: str = "2.0.0") -> str:
    return outcomes(org.do("alice", approvals.run_checks, "churn", label))["made"]


def test_a_run_joins_data_code_environment_and_bytes(org: Org) -> None:
    publish(org, LINEAGE)
    data = [{"name": "spring", "role": "training", "fingerprints": [DATA]}]
    org.register("2.0.0", datasets=data, run="run-7", source_commit="9f2c1e0")
    assert made(org) == "unknown"
    for missing in ("run", "code", "environment", "artifact"):
        ran_on(org, "2.0.0", **{missing: None})
        assert made(org) == "unknown", missing
        org.clock.advance(minutes=1)
    ran_on(org, "2.0.0", datasets=[])
    assert made(org) == "unknown"
    org.clock.advance(minutes=1)
    for differing in ({"run": "run-8"}, {"code": "0000000"}, {"artifact": "e" * 64}):
        ran_on(org, "2.0.0", **differing)
        assert made(org) == "fail", differing
        org.clock.advance(minutes=1)
    ran_on(org, "2.0.0")
    assert made(org) == "pass"
    for run in org.see("alice", policies.check_runs, "churn", "2.0.0", page=Page()).items:
        assert org.see("alice", checking.is_reproduced, run)


def test_what_is_incomplete_is_its_own_reason_at_the_gate(org: Org) -> None:
    publish(org, LINEAGE)
    org.approved()
    assert reasons(org) == ("lineage_incomplete",)
    ran_on(org, "1.0.0")  # registered without data, run and commit
    assert reasons(org) == ("lineage_incomplete",)


@pytest.mark.parametrize(
    "wrong",
    [
        {"run": "two words"},
        {"environment": "requirements.txt"},
        {"datasets": "all"},
        {"datasets": [1]},
        {"datasets": [DATA] * 65},
        {"artifact": "latest"},
        {"seed": 1},
    ],
)
def test_a_run_is_written_in_one_form(wrong: dict[str, object]) -> None:
    with pytest.raises(EvidenceInvalid):
        policies.prepare_evidence("lineage", value=wrong, tool="trainer")
