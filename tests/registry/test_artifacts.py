from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import ArtifactTooLarge, DigestMismatch, SizeMismatch, ValueInvalid
from modelwarden.fingerprints.artifact import unchanged
from modelwarden.registry.artifacts import PreparedArtifact, prepare_artifact
from modelwarden.registry.uploads import Upload, store_upload, upload_size
from modelwarden.registry.version import ArtifactKind
from modelwarden.values.ids import Digest
from tests.registry.sample import settings

if TYPE_CHECKING:
    from pathlib import Path

WORDS = b"a model"
SHA = Digest(hashlib.sha256(WORDS).hexdigest())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "models" / "model.bin"
    path.parent.mkdir()
    path.write_bytes(WORDS)
    return path


def test_an_embedded_process_reads_what_its_user_may(file: Path) -> None:
    found = prepare_artifact(str(file), settings=settings())
    assert (found.trust, found.subject_sha256, found.size_bytes) == ("verified", SHA, 7)
    assert (found.kind, found.uri) == (ArtifactKind.FILE, str(file.resolve()))
    assert found.fingerprints == (f"sha256:{SHA}",)
    assert found.seen is not None
    assert unchanged(found.seen)
    file.write_bytes(b"another")
    assert not unchanged(found.seen)


def test_a_relative_path_is_kept_where_it_leads(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    assert prepare_artifact("model.bin", settings=settings()).uri == str(file.resolve())


def test_a_file_address_is_a_path(file: Path) -> None:
    address = f"file://{file}".replace("model.bin", "model%2Ebin")
    assert prepare_artifact(address, settings=settings()).subject_sha256 == SHA


def test_a_folder_is_named_by_its_manifest(file: Path) -> None:
    found = prepare_artifact(str(file.parent), settings=settings())
    assert found.kind is ArtifactKind.FOLDER
    assert found.fingerprints[0].startswith("mw-dir-v1:")
    assert found.subject_sha256 is not None


def test_a_server_reads_below_its_roots_alone(file: Path, tmp_path: Path) -> None:
    server = settings(embedded=False, artifact_roots=(file.parent,))
    outside = tmp_path / "secret"
    outside.write_bytes(b"x")
    assert prepare_artifact(str(file), settings=server).trust == "verified"
    for uri in (str(outside), str(tmp_path / "nothing"), "model.bin", "s3://bucket/model"):
        assert prepare_artifact(uri, settings=server) == PreparedArtifact(
            uri=uri, kind=ArtifactKind.TEXT
        )


def test_a_link_does_not_lead_a_server_out_of_its_roots(file: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_bytes(b"x")
    (file.parent / "link").symlink_to(outside)
    server = settings(embedded=False, artifact_roots=(file.parent,))
    for uri in (
        str(file.parent / "link"),
        f"{file.parent}/../secret",
        f"file://{file.parent}/../secret",
    ):
        assert prepare_artifact(uri, settings=server).trust == ""


def test_what_can_not_be_read_is_kept_as_text(file: Path) -> None:
    found = prepare_artifact(f"{file}.gone", settings=settings())
    assert (found.kind, found.trust) == (ArtifactKind.TEXT, "")


@pytest.mark.parametrize("uri", ["", "x" * 2049, "a\nb", "a\0b"])
def test_an_address_is_printable_and_short(uri: str) -> None:
    with pytest.raises(ValueInvalid):
        prepare_artifact(uri, settings=settings())


@pytest.mark.parametrize(
    "uri", ["http://[", "file://other/x", "file:", "sha256:zz", "~", "%00", "file:///%00"]
)
def test_a_strange_address_is_text(uri: str) -> None:
    assert prepare_artifact(uri, settings=settings()).trust == ""


def test_claims_are_compared_with_what_is_read(file: Path) -> None:
    with pytest.raises(SizeMismatch):
        prepare_artifact(str(file), settings=settings(), size_bytes=8)
    with pytest.raises(DigestMismatch):
        prepare_artifact(str(file), settings=settings(), fingerprints=[f"sha256:{'0' * 64}"])
    prepare_artifact(str(file), settings=settings(), size_bytes=7, fingerprints=[f"sha256:{SHA}"])


def test_claims_about_what_is_not_read_are_asserted() -> None:
    found = prepare_artifact(
        "s3://bucket/model", settings=settings(), size_bytes=7, fingerprints=[f"sha256:{SHA}"]
    )
    assert (found.trust, found.subject_sha256, found.size_bytes) == ("asserted", SHA, 7)


def test_an_upload_is_found_by_its_digest(tmp_path: Path) -> None:
    server = settings(embedded=False, artifact_store=tmp_path / "store")
    assert upload_size(server, SHA) is None
    assert store_upload(server, SHA, [WORDS[:3], WORDS[3:]]) == 7
    assert upload_size(server, SHA) == 7
    found = prepare_artifact(f"sha256:{SHA}", settings=server)
    assert (found.kind, found.trust, found.uri) == (
        ArtifactKind.UPLOAD,
        "verified",
        f"sha256:{SHA}",
    )
    assert (tmp_path / "store" / SHA).stat().st_mode & 0o777 == 0o444
    assert store_upload(server, SHA, [WORDS]) == 7  # the same again


def test_a_store_that_was_tampered_with_is_not_believed(tmp_path: Path) -> None:
    server = settings(artifact_store=tmp_path)
    (tmp_path / SHA).write_bytes(b"other bytes")
    with pytest.raises(DigestMismatch):
        prepare_artifact(f"sha256:{SHA}", settings=server)


def test_a_refused_upload_leaves_nothing_behind(tmp_path: Path) -> None:
    server = settings(artifact_store=tmp_path, artifact_limit_bytes=7)
    with pytest.raises(DigestMismatch):
        store_upload(server, SHA, [b"other"])
    with pytest.raises(ArtifactTooLarge):
        store_upload(server, SHA, [WORDS, b"!"])
    with Upload(server, SHA) as unfinished:
        unfinished.write(WORDS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../x", "A" * 64, "a" * 63])
def test_an_upload_is_named_by_a_digest_alone(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueInvalid):
        store_upload(settings(artifact_store=tmp_path), Digest(name), [])
