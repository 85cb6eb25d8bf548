"""OpenSSF `model_signing` verifies what we sign, and we verify what it signs; each notices what was changed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import ArtifactMismatch, WardenError
from modelwarden.fingerprints.model_signature import GIT, read_signature, sign, verify
from modelwarden.fingerprints.resources import read_resources
from modelwarden.ledger.keys import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

if importlib.util.find_spec("model_signing") is None and "CI" not in os.environ:
    pytest.skip("model-signing is not installed", allow_module_level=True)


class Peer:
    """The program of `model_signing`, in a folder with a model and a key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = SigningKey.generate("p256")
        (folder / "key.pem").write_bytes(self.key.to_pem(None))
        (folder / "key.pub").write_text(self.key.public_pem)
        self.model = folder / "churn"
        (self.model / "sub").mkdir(parents=True)
        (self.model / "model.bin").write_bytes(bytes(1_000_000))
        (self.model / "sub" / "b.bin").write_bytes(b"b")
        (self.model / "sub.txt").write_bytes(b"c")
        (self.model / ".gitignore").write_bytes(b"*.tmp")
        self.signature = folder / "churn.sig"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  # the peer's own program
            [sys.executable, "-m", "model_signing", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )

    def signs(self, *words: str) -> None:
        key = ("--private_key", "key.pem", "--signature", "churn.sig")
        done = self.run("sign", "key", *key, *words, "churn")
        assert done.returncode == 0, done

    def accepts(self, *words: str) -> bool:
        key = ("--public_key", "key.pub", "--signature", "churn.sig")
        done = self.run("verify", "key", *key, *words, "churn")
        assert done.returncode in {0, 1}, done  # 2 is a wrong word on its command line
        return done.returncode == 0

    def we_sign(self, *, ignore: tuple[str, ...] = GIT, follow_links: bool = False) -> None:
        found = read_resources(self.model, ignore=ignore, follow_links=follow_links)
        data = sign(found, self.key, ignore=ignore, follow_links=follow_links)
        self.signature.write_bytes(data)

    def we_accept(self) -> None:
        verify(self.model, read_signature(self.signature.read_bytes(), self.key.public))


@pytest.fixture
def peer(tmp_path: Path) -> Peer:
    return Peer(tmp_path)


def test_it_verifies_what_we_sign_and_notices_a_change(peer: Peer) -> None:
    peer.we_sign()
    assert peer.accepts()
    (peer.model / "sub" / "b.bin").write_bytes(b"x")
    assert not peer.accepts()


def test_we_verify_what_it_signs_and_notice_a_change(peer: Peer) -> None:
    peer.signs()
    peer.we_accept()
    (peer.model / ".gitignore").write_bytes(b"git's own files are not signed")
    peer.we_accept()
    (peer.model / "model.bin").write_bytes(bytes(999_999) + b"\1")
    with pytest.raises(ArtifactMismatch, match=r"model\.bin"):
        peer.we_accept()


def test_ignored_paths_and_links_mean_the_same(peer: Peer) -> None:
    (peer.model / "latest").symlink_to("model.bin")
    peer.we_sign(ignore=(*GIT, "sub"), follow_links=True)
    assert peer.accepts("--allow_symlinks")
    (peer.model / "sub" / "more").write_bytes(b"ignored")
    assert peer.accepts("--allow_symlinks")
    peer.signs("--allow_symlinks", "--ignore-paths", "churn/sub")
    peer.we_accept()
    (peer.model / "sub" / "again").write_bytes(b"ignored")
    peer.we_accept()
    (peer.model / "latest").unlink()
    (peer.model / "latest").symlink_to("sub.txt")
    with pytest.raises(ArtifactMismatch, match="latest"):
        peer.we_accept()
    assert not peer.accepts("--allow_symlinks")


def test_another_key_and_an_altered_signature_are_refused_by_both(peer: Peer) -> None:
    peer.we_sign()
    whole = peer.signature.read_bytes()
    (peer.folder / "key.pub").write_text(SigningKey.generate("p256").public_pem)
    assert not peer.accepts()
    (peer.folder / "key.pub").write_text(peer.key.public_pem)
    place = whole.index(b'"payload":"') + 40
    peer.signature.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    assert not peer.accepts()
    with pytest.raises(WardenError):
        peer.we_accept()
