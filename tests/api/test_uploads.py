"""Artifacts by their digest: streamed, checked, limited (RL-4)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tests.api import town as towns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.town import Town

DATA = b"weights" * 100_000
DIGEST = hashlib.sha256(DATA).hexdigest()


def parts() -> Iterator[bytes]:
    for begin in range(0, len(DATA), 65_536):
        yield DATA[begin : begin + 65_536]


def test_bytes_are_kept_under_their_digest_and_named_by_a_version(town: Town) -> None:
    assert town.call("alice", "HEAD", f"/artifacts/{DIGEST}").status_code == 404
    headers = {"Authorization": f"Bearer {town.tokens['alice']}"}
    made = town.http.put(f"/api/governance/artifacts/{DIGEST}", content=parts(), headers=headers)
    assert (made.status_code, made.json()) == (
        201,
        {"sha256": DIGEST, "size_bytes": len(DATA), "uri": f"sha256:{DIGEST}"},
    )
    assert town.entry(made)["type"] == "artifact.uploaded"
    assert town.call("alice", "HEAD", f"/artifacts/{DIGEST}").status_code == 200
    again = town.call("alice", "PUT", f"/artifacts/{DIGEST}", content=DATA)
    assert again.headers["Governance-Entry"] == made.headers["Governance-Entry"]
    body = {"model": "uploaded", "version": "1", "artifact": f"sha256:{DIGEST}"}
    version = town.call("alice", "POST", "/models/register", body).json()
    assert (version["trust"], version["sha256"], version["artifact_kind"]) == (
        "verified",
        DIGEST,
        "upload",
    )


def test_who_may_not_upload_is_refused_before_the_bytes_are_kept(town: Town) -> None:
    digest = hashlib.sha256(b"other").hexdigest()
    answer = town.call("bob", "PUT", f"/artifacts/{digest}", content=b"other")
    assert (answer.status_code, answer.json()["permission"]) == (403, "artifact.write")
    assert town.call("alice", "HEAD", f"/artifacts/{digest}").status_code == 404


def test_an_upload_over_the_limit_leaves_nothing(tmp_path: Path) -> None:
    with towns.town(tmp_path, artifact_limit_bytes=1_000) as town:
        answer = town.call("alice", "PUT", f"/artifacts/{DIGEST}", content=DATA)
        assert (answer.status_code, answer.json()["code"]) == (413, "artifact_too_large")
        store = town.warden.settings.artifact_store
        assert store is not None
        assert list(store.iterdir()) == []


def test_a_file_outside_the_roots_is_not_opened_by_a_server(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"secret")
    body = {"model": "outside", "version": "1", "artifact": str(file)}
    version = town.call("alice", "POST", "/models/register", body).json()
    assert (version["sha256"], version["artifact_kind"]) == (None, "text")


def test_who_may_not_register_has_no_file_hashed(town: Town) -> None:
    body = {"model": "unhashed", "version": "1", "artifact": f"sha256:{'1' * 64}"}
    answer = town.call("bob", "POST", "/models/register", body)
    assert (answer.status_code, answer.json()["permission"]) == (403, "model.register")
