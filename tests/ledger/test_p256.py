"""P-256 keys of people: the forms of OpenSSL, signatures in strict DER, no other curve."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import KeyInvalid, SignatureInvalid
from modelwarden.ledger.keys import KeyType, PublicKey, SigningKey

KEY = SigningKey.generate("p256")
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_public_forms_agree_with_cryptography() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    der = private.public_key().public_bytes(serialization.Encoding.DER, spki)
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()
    key = SigningKey(private)
    assert (key.spki, key.public_pem) == (der, pem)
    assert PublicKey.from_pem(pem) == key.public
    assert key.public.type is KeyType.P256
    private.public_key().verify(key.sign(b"data"), b"data", ec.ECDSA(hashes.SHA256()))


def test_a_compressed_point_is_the_same_key() -> None:
    """Else one key could be enrolled under two ids."""
    public = serialization.load_pem_public_key(KEY.public_pem.encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    point = public.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    compressed = serialization.load_der_public_key(head + point)
    pem = compressed.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert PublicKey.from_pem(pem.decode()).keyid == KEY.keyid


@pytest.mark.parametrize("password", [None, b"correct horse"])
def test_a_key_is_kept_as_pkcs8(password: bytes | None) -> None:
    again = SigningKey.from_pem(KEY.to_pem(password), password)
    assert again.keyid == KEY.keyid
    again.public.verify(b"data", again.sign(b"data"))


@given(st.binary(max_size=80))
def test_random_bytes_are_no_signature(data: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        KEY.public.verify(b"text", data)


def test_every_changed_byte_of_a_signature_fails() -> None:
    signature = KEY.sign(b"text")
    for place in range(len(signature)):
        for bit in range(8):
            altered = bytearray(signature)
            altered[place] ^= 1 << bit
            with pytest.raises(SignatureInvalid):
                KEY.public.verify(b"text", bytes(altered))


def test_a_signature_in_other_bytes_is_refused() -> None:
    signature = KEY.sign(b"text")
    r, s = decode_dss_signature(signature)
    raw = r.to_bytes(32) + s.to_bytes(32)
    long_form = bytes([0x30, 0x81, signature[1]]) + signature[2:]  # the length in two bytes
    for other in (raw, long_form, signature + b"\x00", signature[:-1]):
        with pytest.raises(SignatureInvalid):
            KEY.public.verify(b"text", other)
    for numbers in ((0, s), (r, 0), (r, s + ORDER), (r + ORDER, s), (ORDER, s)):
        with pytest.raises(SignatureInvalid):
            KEY.public.verify(b"text", encode_dss_signature(*numbers))


def test_a_point_that_is_not_on_the_curve_is_no_key() -> None:
    with pytest.raises(SignatureInvalid):
        PublicKey(b"\x04" + bytes(64)).verify(b"text", KEY.sign(b"text"))
    with pytest.raises(KeyInvalid):
        PublicKey.from_pem(PublicKey(b"\x04" + bytes(64)).pem)
    for raw in (KEY.public.raw[:-1], b"\x02" + KEY.public.raw[1:], b""):
        with pytest.raises(KeyInvalid):
            PublicKey(raw)


def test_a_signature_of_one_kind_is_none_of_the_other() -> None:
    other = SigningKey.generate()
    with pytest.raises(SignatureInvalid):
        KEY.public.verify(b"text", other.sign(b"text"))
    with pytest.raises(SignatureInvalid):
        other.public.verify(b"text", KEY.sign(b"text"))
