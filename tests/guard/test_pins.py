"""Which keys a guard trusts, and how it comes to trust another (SG-18)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import KeyInvalid
from modelwarden.guard.pins import KEY_TYPE, VARIABLE, Pins, fetched_keys, given_keys, read_pems
from modelwarden.ledger.keys import SigningKey
from tests.guard.wire import sealed
from tests.services.snapshot_server import handover, spki

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND, THIRD, STRANGER = (SigningKey.generate() for _ in range(4))


def trusted(*handovers: Any) -> set[str]:
    return {key.keyid for key in Pins((FIRST.public,), handovers).keys.keys}


def test_keys_are_given_as_text_as_files_or_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = FIRST.public.pem + SECOND.public.pem
    (tmp_path / "keys.pem").write_text(both, encoding="ascii")
    expected = (FIRST.public, SECOND.public)
    assert given_keys(both) == given_keys(str(tmp_path / "keys.pem")) == expected
    assert given_keys([FIRST.public.pem, SECOND.public.pem]) == expected
    monkeypatch.setenv(VARIABLE, str(tmp_path / "keys.pem"))
    assert given_keys(None) == expected
    assert given_keys(THIRD.public.pem) == (THIRD.public,)
    monkeypatch.delenv(VARIABLE)
    assert given_keys(None) == ()


@pytest.mark.parametrize(
    "text",
    [
        "nowhere.pem",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "-----BEGIN nothing",
    ],
)
def test_what_holds_no_ed25519_key_is_refused(text: str) -> None:
    with pytest.raises(KeyInvalid):
        given_keys(text)


def test_a_handover_by_a_trusted_key_counts_and_so_does_one_behind_it() -> None:
    first, second = handover(SECOND, by=FIRST), handover(THIRD, by=SECOND)
    assert trusted(first) == {FIRST.keyid, SECOND.keyid}
    assert trusted(second) == {FIRST.keyid}
    assert trusted(second, first) == {FIRST.keyid, SECOND.keyid, THIRD.keyid}


def said(old: SigningKey, new: SigningKey) -> dict[str, Any]:
    return {"schema": 1, "old": spki(old), "new": spki(new)}


def test_no_other_handover_counts() -> None:
    good = handover(SECOND, by=FIRST)
    for bad in (
        handover(SECOND, by=STRANGER),
        handover(SECOND, by=SECOND),
        good | {"signatures": handover(THIRD, by=FIRST)["signatures"]},
        sealed(said(FIRST, SECOND), key=FIRST),
        sealed(said(FIRST, SECOND) | {"schema": 2}, key=FIRST, payload_type=KEY_TYPE),
        sealed(said(THIRD, SECOND), key=FIRST, payload_type=KEY_TYPE),
        sealed(said(FIRST, SECOND) | {"new": "none"}, key=FIRST, payload_type=KEY_TYPE),
        sealed(b"\xff", key=FIRST, payload_type=KEY_TYPE),
        {}, None, 7, 1.5, [good], "text",
    ):  # fmt: skip
        assert trusted(bad) == {FIRST.keyid}


def test_what_a_server_says_of_keys_adds_none_by_itself() -> None:
    said = {"keys": [STRANGER.public.pem], "handovers": [handover(STRANGER, by=STRANGER)]}
    assert [key.keyid for key in Pins((FIRST.public,)).heard(said).keys.keys] == [FIRST.keyid]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"keys": 7}', b'{"keys": ["x"]}', b"\xff"])
def test_an_answer_that_names_no_keys_is_refused(data: bytes) -> None:
    with pytest.raises(KeyInvalid):
        fetched_keys(data)


def test_keys_are_read_without_a_package_and_as_by_it() -> None:
    assert read_pems(FIRST.public.pem) == (FIRST.public,)
    assert fetched_keys(json.dumps({"keys": [FIRST.public.pem]}).encode())[0] == (FIRST.public,)
