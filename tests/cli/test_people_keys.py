"""Keys of people on the command line: both kinds, from files and from an agent, to the offline verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelwarden.ledger.keys import SigningKey

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

PURPOSE = "predicts which customers leave next month"
PASSPHRASE = {"MODELWARDEN_KEY_PASSPHRASE": "only for this test"}


def test_p256_keys_are_made_enrolled_used_and_verified_offline(desk: Desk) -> None:
    file = str(desk.folder / "carol-p256.pem")
    made = desk.run("keys", "generate", file, "--type", "p256", "--json", env=PASSPHRASE)
    assert made.code == 0, made
    enrolled = desk.run("keys", "enrol", file, "--as", "carol", "--json", env=PASSPHRASE)
    assert (enrolled.json["id"], enrolled.json["type"]) == (made.json["id"], "p256")
    desk.done("root", "keys", "confirm", made.json["id"])

    artifact = desk.folder / "p256.bin"
    artifact.write_bytes(b"a model")
    desk.done("alice", "models", "register", "signed", "--purpose", PURPOSE, "--owner", "alice")
    desk.done("alice", "versions", "register", "signed@1", "--artifact", str(artifact))
    asked = desk.done("alice", "approvals", "request", "signed@1", "-j", PURPOSE)["id"]
    desk.done("bob", "approvals", "approve", asked, "--key", desk.key("bob"))
    said = desk.run(
        "approvals", "approve", asked, "--key", file, "--as", "carol", "--json", env=PASSPHRASE
    )
    assert said.json["state"] == "approved"
    assert desk.done("dave", "deploy", "start", "signed@1")["state"] == "live"

    release, trust = desk.folder / "p256.intoto.jsonl", desk.folder / "p256-keys.json"
    desk.run("approvals", "envelopes", asked, "--release", "-o", str(release), "--as", "frank")
    trust.write_text(desk.run("keys", "list", "--trust", "--as", "root").out)
    words = (
        "approvals",
        "verify",
        str(release),
        "--trust",
        str(trust),
        "--artifact",
        str(artifact),
    )
    assert desk.run(*words).out == "holds\n"
    kinds = {one["keyid"]: one["pem"] for one in json.loads(trust.read_text())}
    assert made.json["pem"] == kinds[made.json["id"]]


def test_a_key_of_an_unknown_type_is_not_made(desk: Desk) -> None:
    ran = desk.run("keys", "generate", str(desk.folder / "rsa.pem"), "--type", "rsa")
    assert ran.code == 2
    assert not (desk.folder / "rsa.pem").exists()


def test_a_missing_key_and_a_missing_agent_are_told(desk: Desk) -> None:
    for source in (str(desk.folder / "none.pem"), "ssh-agent", "ssh-agent:bob@laptop"):
        ran = desk.run(
            "keys", "enrol", source, "--as", "bob", "--json", env={"SSH_AUTH_SOCK": None}
        )
        assert ran.error["code"] == "key_unusable"


def test_a_p256_key_can_be_enrolled_once(desk: Desk) -> None:
    file = desk.folder / "bob-p256.pem"
    file.write_bytes(SigningKey.generate("p256").to_pem(None))
    desk.done("bob", "keys", "enrol", str(file))
    assert desk.refused("bob", "keys", "enrol", str(file)).error["code"] == "key_known"
