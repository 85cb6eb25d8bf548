"""A release is proved on another machine: files alone, an empty home, no database, no network (RL-28, RL-60).

What we say there, two programs that are not ours say too: securesystemslib of the envelopes, OpenSSF `model_signing` of
the artifact's signature. A byte that differs in any of the files ends all three.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from tests.stories.doors import Line, Sdk
from tests.stories.office import POLICY, office

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stories.office import Office

if importlib.util.find_spec("model_signing") is None and "CI" not in os.environ:
    pytest.skip("model-signing is not installed", allow_module_level=True)

FILES: Final = (
    "1.0.0.bin", "artifact.sig", "carol.pub", "keys.json", "policy.yaml", "release.intoto.jsonl",
)  # fmt: skip
PEER: Final = """
import json, sys
from securesystemslib import dsse
from securesystemslib.signer import SSlibKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

def known(one):
    key = load_pem_public_key(one["pem"].encode())
    if hasattr(key, "curve"):
        return SSlibKey(one["keyid"], "ecdsa", "ecdsa-sha2-nistp256", {"public": one["pem"]})
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    return SSlibKey(one["keyid"], "ed25519", "ed25519", {"public": raw})

keys = [known(one) for one in json.load(open("keys.json"))]
for line in open(sys.argv[1]):
    print(*dsse.Envelope.from_dict(json.loads(line)).verify(keys, 1))
"""


def released(here: Office, away: Path) -> None:
    """Release 1.0.0, and carry away what an auditor gets: no key of anybody, no database."""
    door, line = Sdk(here), Line(here)
    door.register_model("alice")
    here.govern()
    artifact = here.artifact("1.0.0")
    door.register("alice", "1.0.0", artifact)
    asked = door.ask("alice", "1.0.0").id
    for name in ("bob", "carol"):
        door.approve(name, asked)
    assert door.start("dave", "1.0.0", "staging").state == "live"
    assert door.start("dave", "1.0.0", "production").state == "live"
    signature = str(away / "artifact.sig")
    shutil.copy(artifact, away)
    line.run(
        "carol", "artifacts", "sign", str(away / "1.0.0.bin"), "--key", here.key_file("carol"),
        "--signature", signature, "--no-ignore-git",
    )  # fmt: skip
    (away / "release.intoto.jsonl").write_bytes(
        door.as_user("frank").deployments.release_file(asked)
    )
    (away / "keys.json").write_text(json.dumps(line.run("root", "keys", "list", "--trust")))
    (away / "policy.yaml").write_text(POLICY.format(external=""))
    (away / "carol.pub").write_text(here.keys["carol"].public_pem)
    assert sorted(each.name for each in away.iterdir()) == list(FILES)


@functools.cache
def apart() -> tuple[str, ...]:
    """Return what takes the network away, even loopback, where this machine allows it."""
    words = ("unshare", "-r", "-n")
    found = shutil.which("unshare") is not None and (
        subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0  # noqa: S603
    )
    return words if found else ()


def there(away: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program on the other machine, whose home is empty before and after."""
    home = away.with_name("home")
    home.mkdir(exist_ok=True)
    done = subprocess.run(  # noqa: S603  # ours, and two peers'
        [*apart(), sys.executable, *words],
        cwd=away,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "HOME": str(home),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert list(home.iterdir()) == []
    return done


def altered(away: Path, name: str, place: float) -> str:
    """Write a copy of a file in which one bit of one byte differs; return its name."""
    data = bytearray((away / name).read_bytes())
    data[int(place * len(data))] ^= 1
    (away / f"altered-{name}").write_bytes(data)
    return f"altered-{name}"


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_files_alone_prove_a_release_and_no_other(tmp_path: Path) -> None:
    company, away = tmp_path / "company", tmp_path / "away"
    company.mkdir()
    away.mkdir()
    with office(company) as here:
        released(here, away)
        at = (here.clock.now() + timedelta(minutes=1)).isoformat()
    shutil.rmtree(company)
    if apart():
        call = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"
        assert "unreachable" in there(away, "-c", call).stderr

    def verified(*, release: str = "release.intoto.jsonl", artifact: str = "1.0.0.bin") -> set[str]:
        words = ("--trust", "keys.json", "--policy", "policy.yaml", "--at", at)
        done = there(
            away, "-m", "modelwarden", "approvals", "verify", release, "--artifact", artifact,
            *words, "--json",
        )  # fmt: skip
        assert done.returncode in {0, 1}, done.stderr
        told = json.loads(done.stdout)
        codes = {each["code"] for each in told["failed"]}
        assert told["ok"] is (done.returncode == 0) is (not codes), done
        return codes

    assert verified() == set()
    assert verified(artifact=altered(away, "1.0.0.bin", 0.5)) == {"artifact_mismatch"}
    for place in (0.02, 0.97):
        assert verified(release=altered(away, "release.intoto.jsonl", place))
    peers_agree(away)


def peers_agree(away: Path) -> None:
    """securesystemslib knows each signer again, `model_signing` the artifact; neither what was altered."""
    said = there(away, "-c", PEER, "release.intoto.jsonl")
    assert said.returncode == 0, said.stderr
    listed = [one["keyid"] for one in json.loads((away / "keys.json").read_text())]
    signers = said.stdout.split()
    assert len(set(signers)) == len(signers) == 3
    assert set(signers) <= set(listed)
    lied = there(away, "-c", PEER, altered(away, "release.intoto.jsonl", 0.02))
    assert "VerificationError" in lied.stderr
    words = ("-m", "model_signing", "verify", "key", "--public_key", "carol.pub")
    agrees = there(away, *words, "--signature", "artifact.sig", "1.0.0.bin")
    assert agrees.returncode == 0, agrees.stderr
    (away / "1.0.0.bin").write_bytes((away / altered(away, "1.0.0.bin", 0.1)).read_bytes())
    assert there(away, *words, "--signature", "artifact.sig", "1.0.0.bin").returncode == 1
