"""Releases whose files a registered key has to have signed, in formats that are on a list (check `artifact`)."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import update

from modelwarden.approvals import actions as approvals
from modelwarden.errors import (
    DigestMismatch,
    EnvelopeMalformed,
    EvidenceInvalid,
    KeyExpired,
    NotPermitted,
    PolicyWeakensParent,
    Unreadable,
)
from modelwarden.fingerprints.model_signature import sign
from modelwarden.fingerprints.resources import read_resources
from modelwarden.ledger.keys import SigningKey
from modelwarden.policies import actions as policies
from modelwarden.policies import checking
from modelwarden.store.schema.policies import evidence
from tests.approvals.test_checks import draft_of, outcomes, permit, publish, ran, reasons, runs
from tests.fingerprints.test_formats import tensors

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.ledger.keys import Signer
    from modelwarden.policies.evidence import Evidence
    from tests.approvals.org import Org

SIGNED: Final = "{id: bytes, type: artifact, params: {signed: true}}"
LISTED: Final = "{id: bytes, type: artifact, params: {formats: [safetensors, json]}}"
BOTH: Final = "{id: bytes, type: artifact, params: {signed: true, formats: [safetensors, text]}}"


def bundle(path: Path, key: Signer) -> str:
    return sign(read_resources(path), key).decode()


def kept(org: Org, text: str, label: str = "1.0.0", by: str = "alice") -> Evidence:
    new = policies.prepare_evidence("signature", report=text)
    found: Evidence = org.do(by, approvals.record_signature, "churn", label, new=new)
    return found


def looked(org: Org, label: str = "1.0.0", by: str = "alice") -> Evidence:
    uri = org.see(by, policies.artifact_to_read, "churn", label)
    new = policies.read_artifact(uri, settings=org.warden.settings)
    found: Evidence = org.do(by, policies.record_evidence, "churn", label, new=new)
    return found


def made(org: Org, label: str, **files: bytes) -> Path:
    """Register a folder of files as a version."""
    folder = org.folder / label
    folder.mkdir()
    for name, data in files.items():
        (folder / name.replace("_", ".")).write_bytes(data)
    org.warden.acting_as("alice").versions.register("churn", label, artifact=str(folder))
    return folder


def came_to(org: Org, label: str) -> str:
    run = org.do("alice", approvals.run_checks, "churn", label)
    return outcomes(run)["bytes"]


def test_a_registered_key_signs_and_the_version_goes_live(org: Org) -> None:
    publish(org, SIGNED)
    assert outcomes(ran(org)) == {"bytes": "unknown"}
    one = kept(org, bundle(org.folder / "1.0.0.bin", org.keys["bob"]))
    assert (one.kind, one.assurance, one.value["keyid"]) == (
        "signature",
        "attested",
        org.keys["bob"].keyid,
    )
    assert outcomes(ran(org)) == {"bytes": "pass"}
    org.approved()
    assert org.deploy().state == "live"
    for each in runs(org):
        assert org.see("alice", checking.is_reproduced, each)


def test_other_bytes_another_version_and_words_that_are_no_bundle(org: Org) -> None:
    publish(org, SIGNED)
    path = org.register("2.0.0")
    text = bundle(path, org.keys["bob"])
    kept(org, text, "2.0.0")
    with pytest.raises(DigestMismatch):
        kept(org, text)  # another version's
    path.write_bytes(b"other bytes")
    with pytest.raises(DigestMismatch):
        kept(org, bundle(path, org.keys["bob"]), "2.0.0")
    folder = org.folder / "folder"
    folder.mkdir()
    (folder / "1.0.0.bin").write_bytes((org.folder / "1.0.0.bin").read_bytes())
    with pytest.raises(DigestMismatch):
        kept(org, bundle(folder, org.keys["bob"]))  # of a folder that holds the same file
    for wrong in ("", "{}", text.replace("payloadType", "payload"), text[:-9]):
        with pytest.raises(EnvelopeMalformed):
            kept(org, wrong)
    with pytest.raises(NotPermitted):
        kept(org, bundle(org.folder / "1.0.0.bin", org.keys["bob"]), by="root")
    unverified = policies.prepare_evidence("signature", report=text)
    with pytest.raises(EvidenceInvalid):
        org.do("alice", policies.record_evidence, "churn", "1.0.0", new=unverified)
    for value in ({"bundle": text, "keyid": org.keys["bob"].keyid}, {"files": {}, "formats": {}}):
        for kind in ("signature", "contents"):
            with pytest.raises(EvidenceInvalid):
                policies.prepare_evidence(kind, value=value, tool="mine")
    assert outcomes(ran(org)) == {"bytes": "unknown"}


def test_strangers_and_pending_keys_do_not_sign(org: Org) -> None:
    publish(org, SIGNED)
    file = org.folder / "1.0.0.bin"
    stranger, pending = SigningKey.generate(), SigningKey.generate("p256")
    org.warden.acting_as("alice").keys.enrol(pending)
    for key in (stranger, pending):
        with pytest.raises(EvidenceInvalid):
            kept(org, bundle(file, key))
    org.warden.acting_as("root").keys.confirm(pending.keyid)
    kept(org, bundle(file, pending))
    assert outcomes(ran(org)) == {"bytes": "pass"}


def test_a_revoked_key_signs_no_more_and_a_compromised_one_takes_it_along(org: Org) -> None:
    publish(org, SIGNED)
    file, root = org.folder / "1.0.0.bin", org.warden.acting_as("root")
    before = org.clock.now()
    org.clock.advance(minutes=1)
    kept(org, bundle(file, org.keys["bob"]))
    kept(org, bundle(file, org.keys["carol"]))
    org.clock.advance(minutes=1)
    root.keys.revoke(org.keys["bob"].keyid, cause="superseded")
    with pytest.raises(KeyExpired):
        kept(org, bundle(file, org.keys["bob"]))
    root.keys.revoke(org.keys["carol"].keyid, cause="compromised", since=before)
    assert outcomes(ran(org)) == {"bytes": "pass"}  # bob's was valid when we took it
    with pytest.raises(KeyExpired):
        kept(org, bundle(file, org.keys["carol"]))


def test_a_compromised_key_alone_leaves_nothing(org: Org) -> None:
    publish(org, SIGNED)
    before = org.clock.now()
    kept(org, bundle(org.folder / "1.0.0.bin", org.keys["bob"]))
    org.warden.acting_as("root").keys.revoke(
        org.keys["bob"].keyid, cause="compromised", since=before
    )
    assert outcomes(ran(org)) == {"bytes": "unknown"}
    assert "checks_unknown" in reasons(org)


def test_an_edited_row_is_an_error_or_no_signature(org: Org) -> None:
    publish(org, SIGNED)
    one = kept(org, bundle(org.folder / "1.0.0.bin", org.keys["bob"]))

    def edit(**values: object) -> None:
        with org.warden.store.database.writing() as connection:
            connection.execute(update(evidence).where(evidence.c.id == one.id).values(**values))

    edit(version="churn@2.0.0")
    assert outcomes(ran(org)) == {"bytes": "unknown"}
    edit(version="churn@1.0.0", value="{}")
    assert outcomes(ran(org)) == {"bytes": "error"}


def test_formats_are_read_by_us_and_names_are_not_believed(org: Org) -> None:
    publish(org, LISTED)
    made(org, "3", model_safetensors=tensors(), config_json=b'{"a": 1}')
    assert came_to(org, "3") == "unknown"
    assert looked(org, "3").assurance == "measured"
    assert came_to(org, "3") == "pass"
    evil = pickle.dumps({"w": 1})
    made(org, "4", model_onnx=evil, config_json=b"{}")
    made(org, "5", model_safetensors=tensors(), README_md=b"# hi\n")
    for label, what in (("4", "pickle: model.onnx"), ("5", "text: README.md")):
        looked(org, label)
        run = org.do("alice", approvals.run_checks, "churn", label)
        assert outcomes(run) == {"bytes": "fail"}
        assert [atom.value for atom in run.found[0].atoms] == [what]


def test_a_folder_is_signed_whole(org: Org) -> None:
    publish(org, BOTH)
    folder = made(org, "3", model_safetensors=tensors(), MLmodel=b"flavors:\n")
    text = bundle(folder, org.keys["bob"])
    with pytest.raises(DigestMismatch):
        kept(org, text, "3")  # nobody has looked into the folder yet
    looked(org, "3")
    assert came_to(org, "3") == "unknown"
    less = sign(read_resources(folder, ignore=["MLmodel"]), org.keys["bob"], ignore=["MLmodel"])
    with pytest.raises(DigestMismatch):
        kept(org, less.decode(), "3")
    kept(org, text, "3")
    assert came_to(org, "3") == "pass"


def test_what_changed_since_is_not_looked_into(org: Org) -> None:
    publish(org, LISTED)
    folder = made(org, "3", model_safetensors=pickle.dumps([1]))
    (folder / "model.safetensors").write_bytes(tensors())
    with pytest.raises(DigestMismatch):
        looked(org, "3")
    (folder / "model.safetensors").unlink()
    folder.rmdir()
    with pytest.raises(Unreadable):
        looked(org, "3")
    with pytest.raises(NotPermitted):
        looked(org, "3", by="root")


@pytest.mark.parametrize(
    ("params", "weaker"),
    [
        ("{signed: true, formats: [safetensors]}", False),
        ("{formats: [safetensors, text], signed: true}", False),
        ("{signed: true}", False),  # what is left out is inherited
        ("{formats: [safetensors]}", False),
        ("{signed: false, formats: [safetensors]}", True),
        ("{signed: true, formats: [safetensors, pickle]}", True),
    ],
)
def test_a_child_may_only_ask_for_more(org: Org, params: str, *, weaker: bool) -> None:
    publish(org, BOTH)
    child: dict[str, Any] = {"name": "child", "rest": "extends: mine"}
    text = draft_of(BOTH.split("params")[0] + f"params: {params}}}", **child)
    if weaker:
        with pytest.raises(PolicyWeakensParent):
            org.see("root", policies.lint, text)
    else:
        permit(
            org,
            policies.publish_payload("child", org.see("root", policies.lint, text).hash),
            "policy.publish",
        )
        org.do("root", policies.publish, policies.prepare_policy(text))
