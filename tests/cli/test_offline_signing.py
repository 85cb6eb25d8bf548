"""An answer from a machine that asks nobody, and the verdict of one: files in, files out, no network (RL-25, RL-28)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwarden.approvals.offline import trusted_keys, verify_release
from modelwarden.errors import ValueInvalid
from modelwarden.fingerprints.artifact import Artifact, fingerprint
from modelwarden.ledger.keys import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk, Ran

PURPOSE = "predicts which customers leave next month"


def apart(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command where no network is, not even loopback; without leave to do that, with no address to call."""
    alone = ["unshare", "-r", "-n"] if _may_unshare() else []
    return subprocess.run(  # noqa: S603  # our own program
        [*alone, sys.executable, "-m", "modelwarden", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def _may_unshare() -> bool:
    tried = shutil.which("unshare") and subprocess.run(
        ["unshare", "-r", "-n", "true"],  # noqa: S607
        capture_output=True,
        check=False,
    )
    return bool(tried) and tried.returncode == 0


@pytest.fixture(scope="module")
def asked(desk: Desk) -> dict[str, str]:
    """A model with an open request for each test that answers one; carol has a P-256 key."""
    key = SigningKey.generate("p256")
    (desk.folder / "carol256.pem").write_bytes(key.to_pem(None))
    desk.done("carol", "keys", "enrol", str(desk.folder / "carol256.pem"))
    desk.done("root", "keys", "confirm", key.keyid)
    desk.done("alice", "models", "register", "far", "--purpose", PURPOSE, "--owner", "alice")
    found = {}
    for label in ("1", "2", "3"):
        artifact = desk.folder / f"far-{label}.bin"
        artifact.write_bytes(f"a model, {label}".encode())
        desk.done("alice", "versions", "register", f"far@{label}", "--artifact", str(artifact))
        made = desk.done("alice", "approvals", "request", f"far@{label}", "-j", PURPOSE)
        found[label] = made["id"]
    return found


def answered(desk: Desk, name: str, request: str, *, key: str, more: tuple[str, ...] = ()) -> Ran:
    paper, envelope = desk.folder / f"{name}.statement", desk.folder / f"{name}.dsse"
    paper.unlink(missing_ok=True)
    got = desk.run("approvals", "statement", request, "-o", str(paper), "--as", name, *more)
    assert got.code == 0, got
    signed = apart("approvals", "sign", paper.name, "--key", key, "-o", envelope.name,
                   folder=desk.folder)  # fmt: skip
    assert signed.returncode == 0, signed
    assert f"request: {request}" in signed.stderr
    kept = ("--comment-file", f"{paper}.comment") if "--comment" in more else ()
    return desk.run("approvals", "submit", str(envelope), *kept, "--as", name, "--json")


def test_answers_are_signed_apart_and_the_release_verifies_apart(
    desk: Desk, asked: dict[str, str]
) -> None:
    request = asked["1"]
    said = ("--comment", "errors by region are fine")
    first = answered(desk, "bob", request, key="bob.pem", more=said)
    assert (first.code, first.json["state"]) == (0, "open"), first
    second = answered(desk, "carol", request, key="carol256.pem")
    assert (second.code, second.json["state"]) == (0, "approved"), second
    assert desk.done("dave", "deploy", "start", "far@1")["state"] == "live"

    release = desk.folder / "far.intoto.jsonl"
    desk.run("approvals", "envelopes", request, "--release", "-o", str(release), "--as", "frank")
    (desk.folder / "far-keys.json").write_text(
        desk.run("keys", "list", "--trust", "--as", "root").out
    )
    shown = desk.done("root", "policy", "show", "builtin/moderate@1")
    at = datetime.now(UTC).isoformat()
    words = ("approvals", "verify", release.name, "--trust", "far-keys.json", "--at", at)
    whole = (*words, "--artifact", "far-1.bin", "--policy", shown["hash"])
    holds = apart(*whole, folder=desk.folder)
    assert (holds.returncode, holds.stdout) == (0, "holds\n"), holds
    other = apart(*words, "--artifact", "far-2.bin", folder=desk.folder)
    assert (other.returncode, "artifact_mismatch" in other.stdout) == (1, True), other
    _every_byte_counts(release.read_bytes(), (desk.folder / "far-keys.json").read_text())


def _every_byte_counts(release: bytes, keys: str) -> None:
    trust = trusted_keys(keys)
    now = datetime.now(UTC)

    def holds(data: bytes, text: str | None = None) -> bool:
        try:
            known = trust if text is None else trusted_keys(text)
        except ValueInvalid:
            return False
        return not [f for f in verify_release(data, trust=known, at=now) if not f.is_note]

    assert holds(release)
    for place in range(0, len(release), 41):
        altered = bytearray(release)
        altered[place] ^= 1
        assert not holds(bytes(altered)), place

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(place=st.integers(0, len(release) - 1), byte=st.integers(0, 255))
    def any_other_byte(place: int, byte: int) -> None:
        altered = bytearray(release)
        altered[place] = byte
        assert holds(bytes(altered)) == (bytes(altered) == release)

    any_other_byte()

    def meant(text: str) -> Any:  # noqa: ANN401  # JSON
        """What a list of keys says but for when they are valid: that is the auditor's own word."""
        return [(k["keyid"], "".join(k["pem"].split()), k["person"]) for k in json.loads(text)]

    for place in range(0, len(keys), 29):
        altered = keys[:place] + chr(ord(keys[place]) ^ 1) + keys[place + 1 :]
        if holds(release, altered):
            signers = {json.loads(line)["signatures"][0]["keyid"] for line in release.splitlines()}
            before = [key for key in meant(keys) if key[0] in signers]
            assert before == [key for key in meant(altered) if key[0] in signers], place


def test_every_byte_of_the_artifact_counts(desk: Desk, asked: dict[str, str]) -> None:
    assert asked
    path = desk.folder / "far-3.bin"
    data, folder = path.read_bytes(), desk.folder / "altered"
    folder.mkdir()
    known = Artifact.of(fingerprint(path, sha256_too=True)).subject_sha256
    for place in range(len(data)):
        other = folder / f"{place}.bin"
        other.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert Artifact.of(fingerprint(other, sha256_too=True)).subject_sha256 != known


def test_an_envelope_signed_apart_is_taken_for_its_own_question_alone(
    desk: Desk, asked: dict[str, str]
) -> None:
    first = answered(desk, "bob", asked["2"], key="bob.pem")
    assert first.code == 0, first
    envelope = str(desk.folder / "bob.dsse")
    replayed = desk.refused("bob", "approvals", "submit", envelope)
    assert replayed.error["code"] == "already_decided"
    another = desk.refused("carol", "approvals", "submit", envelope)
    assert another.error["code"] in {"key_not_yours", "seat_filled", "statement_changed"}


def test_a_comment_has_to_come_with_its_salt(desk: Desk, asked: dict[str, str]) -> None:
    said = ("--decision", "reject", "--comment", "the errors of region 3")
    paper = desk.folder / "carol.statement"
    got = desk.run("approvals", "statement", asked["3"], "-o", str(paper), "--as", "carol", *said)
    assert got.code == 0, got
    assert (desk.folder / "carol.statement.comment").stat().st_mode & 0o777 == 0o600
    words = ("approvals", "sign", paper.name, "--key", "carol256.pem", "-o", "carol.dsse")
    assert apart(*words, folder=desk.folder).returncode == 0
    envelope = str(desk.folder / "carol.dsse")
    assert desk.refused("carol", "approvals", "submit", envelope).code == 1
    kept = ("--comment-file", f"{paper}.comment")
    ended = desk.done("carol", "approvals", "submit", envelope, *kept)
    assert ended["state"] == "rejected"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"_type":"https://in-toto.io/Statement/v1"}',
        "pay to the bearer",
        '{"_type":"https://in-toto.io/Statement/v1","predicate":{},"predicateType":"x","subject":[]}',
    ],
)
def test_a_key_signs_no_other_thing(desk: Desk, text: str) -> None:
    paper = desk.folder / "odd.statement"
    paper.write_text(text)
    ran = desk.refused("bob", "approvals", "sign", str(paper), "--key", desk.key("bob"))
    assert ran.error["code"] == "envelope_malformed"
