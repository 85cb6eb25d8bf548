"""An export from a server lands whole or not at all, and never outside of its place."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from modelwarden.client.remote import connect
from modelwarden.errors import (
    AnswerMalformed,
    EvidenceError,
    NotPermitted,
    ValueInvalid,
    WardenError,
)
from tests.client.scripted import Said, Scripted, problem

if TYPE_CHECKING:
    from pathlib import Path


NOTHING = "x"
"""A token that opens nothing."""


def packed(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return data.getvalue()


def fetched(said: Said, output: Path) -> WardenError:
    with Scripted(said) as server, connect(server.url, token=NOTHING) as remote:
        with pytest.raises(WardenError) as caught:
            remote.audit.export(output)
        return caught.value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip",
        packed("entries.jsonl"),
        packed("manifest.dsse.json", "../outside"),
        packed("manifest.dsse.json", "/outside"),
        packed("manifest.dsse.json", "a\\..\\b"),
        packed("manifest.dsse.json")[:-30],
    ],
    ids=["empty", "no zip", "no manifest", "upward", "absolute", "backslash", "cut off"],
)
def test_what_is_no_export_leaves_nothing(data: bytes, tmp_path: Path) -> None:
    error = fetched(Said(body=data, kind="application/zip"), tmp_path / "in" / "export")
    assert isinstance(error, AnswerMalformed)
    assert [path for path in tmp_path.rglob("*") if path.name != "in"] == []


def test_a_manifest_that_is_none_is_told(tmp_path: Path) -> None:
    data = packed("manifest.dsse.json")
    error = fetched(Said(body=data, kind="application/zip"), tmp_path / "export")
    assert isinstance(error, EvidenceError)


def test_a_refusal_is_the_error(tmp_path: Path) -> None:
    assert isinstance(fetched(problem("not_permitted", 403), tmp_path / "export"), NotPermitted)


def test_what_is_there_is_never_replaced(tmp_path: Path) -> None:
    with (
        connect("http://127.0.0.1:1", token=NOTHING) as remote,
        pytest.raises(ValueInvalid, match="nothing is yet"),
    ):
        remote.audit.export(tmp_path)
