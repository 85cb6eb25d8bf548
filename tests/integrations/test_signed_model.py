"""`load_model(require="signed")`: a person's key that still counts signed every file of what was fetched."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import ArtifactMismatch, KeyExpired, SignatureInvalid, ValueInvalid
from modelwarden.fingerprints.model_signature import sign
from modelwarden.fingerprints.resources import read_resources
from modelwarden.integrations.mlflow_model import _by_signature, load_model
from modelwarden.ledger.keys import SigningKey
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NOW = datetime.now(UTC)
KEY = SigningKey.generate("p256")


def trust(folder: Path, **changed: object) -> Path:
    entry: Mapping[str, Any] = {
        "keyid": KEY.keyid,
        "pem": KEY.public_pem,
        "person": "per_1",
        "valid_from": timestamp(NOW - timedelta(days=1)),
        "valid_to": timestamp(NOW + timedelta(days=1)),
        "revoked": None,
    }
    file = folder / "keys.json"
    file.write_text(json.dumps([entry | changed]))
    return file


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_bytes(b"flavors: {}")
    (folder / "model.pkl").write_bytes(b"pickle")
    return folder


def signed(model: Path, *, ignore: Sequence[str] = ()) -> Path:
    file = model.parent / "model.sig"
    file.write_bytes(sign(read_resources(model, ignore=ignore), KEY, ignore=ignore))
    return file


def test_what_a_person_signed_is_loaded_and_nothing_else(model: Path, tmp_path: Path) -> None:
    compare = _by_signature(signed(model), trust(tmp_path))
    compare(model)
    (model / "model.pkl").write_bytes(b"other!")
    with pytest.raises(ArtifactMismatch, match=r"changed: model\.pkl"):
        compare(model)


def test_a_file_that_the_signature_ignores_is_not_loaded(model: Path, tmp_path: Path) -> None:
    signature = signed(model, ignore=["model.pkl"])
    with pytest.raises(ArtifactMismatch, match=r"not signed: model\.pkl"):
        _by_signature(signature, trust(tmp_path))(model)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"valid_to": timestamp(NOW - timedelta(hours=1))}, KeyExpired),
        ({"valid_from": timestamp(NOW + timedelta(hours=1))}, KeyExpired),
        ({"revoked": {"at": timestamp(NOW), "as": "lost"}}, KeyExpired),
        ({"revoked": {"at": timestamp(NOW), "as": "compromised"}}, KeyExpired),
        ({"person": None}, SignatureInvalid),
        ({"pem": SigningKey.generate("p256").public_pem}, SignatureInvalid),
        ({"pem": SigningKey.generate().public_pem}, SignatureInvalid),
    ],
)
def test_a_key_has_to_be_a_persons_and_to_count_now(
    model: Path, tmp_path: Path, changed: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        _by_signature(signed(model), trust(tmp_path, **changed))


def test_signed_wants_a_signature_and_keys_and_nothing_else_takes_them() -> None:
    for given in (
        {"require": "signed"},
        {"require": "signed", "signature": "model.sig"},
        {"require": "live", "signature": "model.sig", "trust": "keys.json"},
        {"require": "none"},
    ):
        with pytest.raises(ValueInvalid, match="require"):
            load_model("models:/churn/1", mlflow_url="http://127.0.0.1:1", **given)  # type: ignore[arg-type]
