"""A local file goes up once, named by its digest; a folder says that it can't."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from modelwarden.client.transport import Transport
from modelwarden.client.upload import artifact_name
from modelwarden.errors import ArtifactTooLarge, ChangedWhileHashing, Unreadable, ValueInvalid
from tests.client.scripted import Said, Scripted, problem

if TYPE_CHECKING:
    from pathlib import Path

ABSENT = Said(status=404)
TAKEN = Said(body={"sha256": "", "size_bytes": 1, "uri": ""}, status=201)
DATA = b"model" * 500_000
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.joblib"
    path.write_bytes(DATA)
    return path


def test_a_file_is_uploaded_under_its_digest(model: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    with Scripted(ABSENT, TAKEN) as server:
        transport = Transport(server.url, "x")
        name = artifact_name(transport, model, progress=lambda *step: steps.append(step))
        transport.close()
    assert name == f"sha256:{DIGEST}"
    assert [(one.method, one.target) for one in server.asked] == [
        ("HEAD", f"/api/governance/artifacts/{DIGEST}"),
        ("PUT", f"/api/governance/artifacts/{DIGEST}"),
    ]
    assert server.asked[1].body == DATA
    assert {step for step, _, _ in steps} == {"hash", "upload"}
    assert steps[-1] == ("upload", len(DATA), len(DATA))


def test_a_file_that_is_there_is_not_sent_again(model: Path) -> None:
    with Scripted(Said()) as server:
        transport = Transport(server.url, "x")
        assert artifact_name(transport, str(model)) == f"sha256:{DIGEST}"
        transport.close()
    assert [one.method for one in server.asked] == ["HEAD"]


def test_an_upload_that_broke_off_is_sent_again_from_its_first_byte(model: Path) -> None:
    with Scripted(ABSENT, Said(status=502, kind="text/html"), TAKEN) as server:
        transport = Transport(server.url, "x", pause=lambda _: None)
        artifact_name(transport, model)
        transport.close()
    assert [one.body for one in server.asked[1:]] == [DATA, DATA]


def test_a_file_that_changes_on_its_way_is_given_up(model: Path) -> None:
    def change(step: str, done: int, _total: int) -> None:
        if step == "upload" and done < len(DATA):
            model.write_bytes(b"other" * 500_000)

    with Scripted(ABSENT, TAKEN) as server:
        transport = Transport(server.url, "x")
        with pytest.raises(ChangedWhileHashing):
            artifact_name(transport, model, progress=change)
        transport.close()


def test_the_servers_limit_is_told(model: Path) -> None:
    with Scripted(ABSENT, problem("artifact_too_large", 413)) as server:
        transport = Transport(server.url, "x")
        with pytest.raises(ArtifactTooLarge):
            artifact_name(transport, model)
        transport.close()


def test_a_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    transport = Transport("http://127.0.0.1:1", "x")
    with pytest.raises(ValueInvalid, match="pack it into one file"):
        artifact_name(transport, tmp_path)
    transport.close()


def test_an_address_goes_as_it_is_and_a_missing_path_does_not(tmp_path: Path) -> None:
    transport = Transport("http://127.0.0.1:1", "x")
    assert artifact_name(transport, "s3://bucket/model") == "s3://bucket/model"
    with pytest.raises(Unreadable):
        artifact_name(transport, tmp_path / "missing")
    transport.close()
