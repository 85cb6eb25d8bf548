"""Signatures over a model's files: what differs is named, and no byte of a bundle can be changed."""

from __future__ import annotations

import base64
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import (
    ArtifactMismatch,
    ChangedWhileHashing,
    EnvelopeMalformed,
    SignatureInvalid,
    SpecialFile,
    SymlinkEscapes,
    ValueInvalid,
    WardenError,
)
from modelwarden.fingerprints.model_signature import (
    PAYLOAD_TYPE,
    read_signature,
    sign,
    verify,
)
from modelwarden.fingerprints.resources import read_resources
from modelwarden.ledger.bundle import to_bundle
from modelwarden.ledger.dsse import seal
from modelwarden.ledger.keys import SigningKey
from modelwarden.values.canonical import encode_any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = SigningKey.generate("p256")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "churn"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.bin").write_bytes(bytes(100_000))
    (folder / "sub" / "b.bin").write_bytes(b"b")
    (folder / "sub.txt").write_bytes(b"c")
    return folder


def signed(folder: Path, *, key: SigningKey = KEY, **rules: Any) -> bytes:  # noqa: ANN401  # of reading
    return sign(read_resources(folder, **rules), key, **rules)


def check(folder: Path, bundle: bytes, key: SigningKey = KEY) -> None:
    verify(folder, read_signature(bundle, key.public))


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_a_folder_and_a_file_verify_as_they_were_signed(model: Path, kind: str) -> None:
    key = SigningKey.generate(kind)
    check(model, signed(model, key=key), key)
    check(model / "model.bin", signed(model / "model.bin", key=key), key)
    said = read_signature(signed(model, key=key), key.public)
    assert list(said.digests) == ["model.bin", "sub/b.bin", "sub.txt"]


CHANGES: dict[str, Callable[[Path], object]] = {
    "changed: model.bin": lambda m: (m / "model.bin").write_bytes(b"\1" + bytes(99_999)),
    "missing: sub/b.bin": lambda m: (m / "sub" / "b.bin").unlink(),
    "not signed: extra.pkl": lambda m: (m / "extra.pkl").write_bytes(b"x"),
    "missing: sub.txt; not signed: sub.md": lambda m: (m / "sub.txt").rename(m / "sub.md"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_differs_is_named(model: Path, what: str) -> None:
    bundle = signed(model)
    CHANGES[what](model)
    with pytest.raises(ArtifactMismatch, match=what):
        check(model, bundle)


def test_swapped_contents_are_found(model: Path) -> None:
    bundle = signed(model)
    (model / "sub" / "b.bin").write_bytes(b"c")
    (model / "sub.txt").write_bytes(b"b")
    with pytest.raises(ArtifactMismatch, match=r"changed: sub\.txt, sub/b\.bin"):
        check(model, bundle)


def test_a_byte_put_in_place_with_its_times_restored_is_found(model: Path) -> None:
    bundle, path = signed(model), model / "model.bin"
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(50_000)
        file.write(b"\1")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ArtifactMismatch):
        check(model, bundle)


def test_any_changed_byte_of_a_bundle_fails(model: Path) -> None:
    bundle = signed(model)
    for place in range(0, len(bundle) - 1, 7):
        altered = bytearray(bundle)
        altered[place] ^= 1
        with pytest.raises((EnvelopeMalformed, SignatureInvalid)):
            read_signature(bytes(altered), KEY.public)


def test_another_key_does_not_verify(model: Path) -> None:
    with pytest.raises(SignatureInvalid, match="another key"):
        read_signature(signed(model), SigningKey.generate("p256").public)


def test_ignored_paths_are_exact_and_signed(model: Path) -> None:
    (model / ".git" / "hooks").mkdir(parents=True)
    (model / ".git" / "hooks" / "x").write_bytes(b"x")
    (model / "sub" / ".git").write_bytes(b"a file of that name, deeper")
    bundle = signed(model, ignore=[".git", "sub.txt"])
    (model / ".git" / "hooks" / "y").write_bytes(b"y")
    (model / "sub.txt").unlink()
    check(model, bundle)
    assert read_signature(bundle, KEY.public).ignore == (".git", "sub.txt")
    (model / "sub" / ".git").write_bytes(b"changed")
    with pytest.raises(ArtifactMismatch, match=r"sub/\.git"):
        check(model, bundle)


@pytest.mark.parametrize("path", ["..", "../x", "/etc", "", "a/../../b"])
def test_a_path_to_ignore_stays_in_the_folder(model: Path, path: str) -> None:
    with pytest.raises(ValueInvalid):
        read_resources(model, ignore=[path])


def test_nothing_at_all_is_not_signed(model: Path) -> None:
    with pytest.raises(ValueInvalid):
        signed(model, ignore=["."])


def test_a_link_is_refused_or_followed_inside_the_folder_alone(model: Path) -> None:
    (model / "latest").symlink_to("model.bin")
    with pytest.raises(SpecialFile):
        signed(model)
    bundle = signed(model, follow_links=True)
    check(model, bundle)
    (model / "latest").unlink()
    (model / "latest").symlink_to("sub.txt")
    with pytest.raises(ArtifactMismatch, match="latest"):
        check(model, bundle)
    (model / "latest").unlink()
    (model / "latest").symlink_to("sub")
    with pytest.raises(SpecialFile):
        check(model, bundle)
    (model / "latest").unlink()
    (model / "latest").symlink_to("/etc/passwd")
    with pytest.raises(SymlinkEscapes):
        check(model, bundle)


def test_a_large_file_tells_how_far_it_is(model: Path) -> None:
    with (model / "model.bin").open("r+b") as file:
        file.truncate(70 * 2**20)  # above what is one piece elsewhere
    seen: list[tuple[int, int]] = []
    found = read_resources(model, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (70 * 2**20 + 2, 70 * 2**20 + 2)
    check(model, sign(found, KEY))


def test_a_file_swapped_while_it_is_read_is_noticed(model: Path) -> None:
    with (model / "model.bin").open("r+b") as file:
        file.truncate(40 * 2**20)
    (model / "other").write_bytes(b"x")
    swapped = threading.Event()

    def swap(_done: int, _total: int) -> None:
        if not swapped.is_set():
            swapped.set()
            (model / "other").replace(model / "sub.txt")

    with pytest.raises(ChangedWhileHashing):
        read_resources(model, progress=swap)


def statement(**changed: object) -> bytes:
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    root = "da3811154d59c4267077ddd8bb768fa9b06399c486e1fc00485116b57c9872f5"
    rules = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    predicate = {
        "serialization": rules | changed.pop("rules", {}),  # type: ignore[operator]
        "resources": changed.pop(
            "resources", [{"name": "a", "algorithm": "sha256", "digest": digest}]
        ),
    }
    whole = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "m", "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": predicate,
    }
    return to_bundle(seal(PAYLOAD_TYPE, encode_any(whole | changed), KEY), KEY.public)


@pytest.mark.parametrize(
    "changed",
    [
        {"_type": "x"},
        {"predicateType": "https://slsa.dev/provenance/v1"},
        {"subject": []},
        {"subject": [{"name": "m", "digest": {"sha256": "0" * 64}}]},
        {"rules": {"method": "shards"}},
        {"rules": {"hash_type": "blake3"}},
        {"resources": []},
        {"resources": [{"name": "a", "algorithm": "sha256", "digest": "zz"}]},
        {"resources": [{"name": "a", "algorithm": "blake2", "digest": "0" * 64}]},
        {"resources": [{"name": "a", "algorithm": "sha256", "digest": "0" * 64}] * 2},
        {"resources": [1]},
        {"predicate": None},
    ],
)
def test_a_signed_statement_of_another_shape_is_malformed(changed: dict[str, object]) -> None:
    with pytest.raises(EnvelopeMalformed):
        read_signature(statement(**changed), KEY.public)


def test_a_bundle_of_another_shape_is_malformed(model: Path) -> None:
    whole = json.loads(signed(model))
    material = whole["verificationMaterial"]
    signature = whole["dsseEnvelope"]["signatures"][0]
    envelope = whole["dsseEnvelope"]
    for changed in (
        {"mediaType": "application/vnd.dev.sigstore.bundle.v0.1+json"},
        {"verificationMaterial": {"certificate": {"rawBytes": ""}, "tlogEntries": []}},
        {"verificationMaterial": material | {"tlogEntries": [{}]}},
        {"verificationMaterial": material | {"publicKey": {}}},
        {"dsseEnvelope": envelope | {"signatures": [signature, signature]}},
        {"dsseEnvelope": envelope | {"signatures": []}},
        {"dsseEnvelope": envelope | {"payload": "?"}},
        {"dsseEnvelope": envelope | {"signatures": [signature | {"keyid": 1}]}},
        {"messageSignature": {}},
    ):
        with pytest.raises((EnvelopeMalformed, SignatureInvalid)):
            read_signature(json.dumps(whole | changed).encode(), KEY.public)
    for data in (b"", b"[]", b"{}", base64.b64encode(bytes(10)), b'{"mediaType":1}'):
        with pytest.raises(WardenError):
            read_signature(data, KEY.public)
