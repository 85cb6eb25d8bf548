"""`artifacts sign` and `verify` on the command line: files alone, no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.ledger.keys import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk


@pytest.fixture
def model(tmp_path: Path) -> Path:
    key = SigningKey.generate("p256")
    (tmp_path / "key.pem").write_bytes(key.to_pem(None))
    (tmp_path / "key.pub").write_text(key.public_pem)
    folder = tmp_path / "churn"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"a model")
    (folder / "README.md").write_bytes(b"about it")
    return folder


def words(verb: str, folder: Path, signature: Path, key: str, *more: str) -> tuple[str, ...]:
    paths = ("--signature", str(signature), "--key", str(folder.parent / key))
    return ("artifacts", verb, str(folder), *paths, *more)


def test_a_folder_is_signed_and_verified_and_a_change_refused(desk: Desk, model: Path) -> None:
    signature = model / "model.sig"  # in the folder itself: it can't be part of what it signs
    signed = desk.run(*words("sign", model, signature, "key.pem", "--json"))
    assert (signed.code, signed.json["files"]) == (0, 2), signed
    assert "model.sig" in signed.json["ignored"]
    holds = desk.run(*words("verify", model, signature, "key.pub", "--json"))
    assert (holds.code, holds.json["files"]) == (0, 2), holds
    (model / "model.bin").write_bytes(b"another")
    differs = desk.run(*words("verify", model, signature, "key.pub", "--json"))
    assert (differs.code, differs.error["code"]) == (1, "artifact_mismatch")


def test_what_is_ignored_is_said(desk: Desk, model: Path) -> None:
    signature = model.parent / "churn.sig"
    ignoring = ("--ignore", "README.md", "--no-ignore-git", "--json")
    signed = desk.run(*words("sign", model, signature, "key.pem", *ignoring))
    assert (signed.json["files"], signed.json["ignored"]) == (1, ["README.md"])
    (model / "README.md").write_bytes(b"something else")
    holds = desk.run(*words("verify", model, signature, "key.pub", "--json"))
    assert (holds.code, holds.json["ignored"]) == (0, ["README.md"])


def test_a_private_key_is_no_key_to_verify_with(desk: Desk, model: Path) -> None:
    signature = model.parent / "churn.sig"
    assert desk.run(*words("sign", model, signature, "key.pem")).code == 0
    ran = desk.run(*words("verify", model, signature, "key.pem", "--json"))
    assert ran.error["code"] == "key_invalid"
