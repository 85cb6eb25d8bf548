"""Keys: text forms, other kinds refused, nothing loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import KeyInvalid, SignatureInvalid, ValueInvalid
from modelwarden.ledger.keys import LogKey, PublicKey, SigningKey, VerifierKey, new_seed, parse_vkey

SEED = bytes(range(32))
VKEY = "ledger.example/golden+3108bca7+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"


def _pem(key: ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey) -> tuple[bytes, bytes]:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return public, private


P384_PUBLIC, P384_PRIVATE = _pem(ec.generate_private_key(ec.SECP384R1()))


def test_a_log_key_is_known_by_its_vkey() -> None:
    key = LogKey("ledger.example/golden", SEED)
    assert key.vkey == VKEY
    assert parse_vkey(VKEY) == key.verifier
    assert (key.name, key.key_hash.hex()) == ("ledger.example/golden", "3108bca7")
    parse_vkey(VKEY).verify(b"text", key.sign(b"text"))
    assert new_seed() != new_seed()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a+3108bca7",
        VKEY.replace("golden", "silver"),
        VKEY.replace("3108bca7", "3108BCA7"),
        VKEY.replace("ledger", "led ger"),
        VKEY.replace("AQOhB7", "AgOhB7"),  # ECDSA
        VKEY + "=",
        VKEY[:-1],
        VKEY + "\n",
        "é" * 40,
        VKEY[:-1] + "5",
    ],
)
def test_another_vkey_is_refused(text: str) -> None:
    with pytest.raises(KeyInvalid):
        parse_vkey(text)


@given(st.text(max_size=80))
def test_random_text_is_no_vkey(text: str) -> None:
    with pytest.raises(KeyInvalid):
        parse_vkey(text)


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb", "a\x00", "a\u00a0b"])
def test_a_log_key_needs_a_plain_name(origin: str) -> None:
    with pytest.raises(KeyInvalid):
        LogKey(origin, SEED)


def test_a_key_of_another_length_is_refused() -> None:
    for build in (
        lambda: LogKey("a", b"x"),
        lambda: VerifierKey("a", b"x"),
        lambda: PublicKey(b""),
    ):
        with pytest.raises(KeyInvalid):
            build()


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(63), bytes(65), b"\xff" * 64])
def test_a_wrong_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        parse_vkey(VKEY).verify(b"text", signature)
    with pytest.raises(SignatureInvalid):
        SigningKey.generate().public.verify(b"text", signature)


@pytest.mark.parametrize("password", [None, b"correct horse"])
def test_a_signing_key_is_kept_as_pkcs8(password: bytes | None) -> None:
    key = SigningKey.generate()
    again = SigningKey.from_pem(key.to_pem(password), password)
    again.public.verify(b"data", key.sign(b"data"))
    assert again.keyid == key.keyid
    assert (b"ENCRYPTED" in key.to_pem(password)) == (password is not None)


def test_public_forms_agree_with_cryptography() -> None:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(SEED)
    der = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = PublicKey.from_spki(der)
    assert (key.spki, key.pem.encode()) == (der, pem)
    assert PublicKey.from_pem(pem.decode()) == key
    assert PublicKey.from_pem(pem.decode().replace("\n", "\r\n")) == key
    signing = SigningKey(private)
    assert (signing.spki, signing.public_pem, signing.keyid) == (der, key.pem, key.keyid)
    key.verify(b"data", signing.sign(b"data"))


def test_a_key_of_another_kind_is_named_as_unsupported() -> None:
    with pytest.raises(KeyInvalid, match="only Ed25519 and P-256"):
        PublicKey.from_pem(P384_PUBLIC.decode())
    with pytest.raises(KeyInvalid, match="only Ed25519 and P-256"):
        SigningKey.from_pem(P384_PRIVATE, None)
    with pytest.raises(KeyInvalid, match="only Ed25519 and P-256"):
        SigningKey.from_pem(_pem(ed448.Ed448PrivateKey.generate())[1], None)
    with pytest.raises(ValueInvalid, match="p256"):
        SigningKey.generate("rsa")


def test_a_key_of_a_server_is_ed25519_alone() -> None:
    with pytest.raises(KeyInvalid, match="Ed25519"):
        PublicKey.from_spki(SigningKey.generate("p256").spki)


def test_a_wrong_or_missing_password_is_told() -> None:
    key = SigningKey.generate()
    with pytest.raises(KeyInvalid, match="needs a password"):
        SigningKey.from_pem(key.to_pem(b"secret"), None)
    with pytest.raises(KeyInvalid, match="wrong password"):
        SigningKey.from_pem(key.to_pem(b"secret"), b"other")
    with pytest.raises(KeyInvalid, match="not encrypted"):
        SigningKey.from_pem(key.to_pem(None), b"secret")


@given(st.binary(max_size=100))
def test_random_bytes_are_no_key(data: bytes) -> None:
    with pytest.raises(KeyInvalid):
        SigningKey.from_pem(data, None)
    with pytest.raises(KeyInvalid):
        PublicKey.from_pem(data.decode(errors="replace"))
    with pytest.raises(KeyInvalid):
        PublicKey.from_spki(data)


def test_importing_the_ledger_loads_no_cryptography() -> None:
    rooms = ["dsse", "keys", "lines", "notes", "p256", "strict", "vectors"]
    names = ", ".join(f"modelwarden.ledger.{room}" for room in rooms)
    code = f"import sys, {names}; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
