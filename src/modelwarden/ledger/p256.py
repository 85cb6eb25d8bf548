"""ECDSA on P-256 with SHA-256, its signatures in DER: what cosign and OpenSSF `model_signing` verify (RL-29).

The package `cryptography` is loaded on first use, as in `keys`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.errors import KeyInvalid, SignatureInvalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

POINT_SIZE: Final = 65
"""Of a point as we write it: 04, then x and y (SEC 1 §2.3.3)."""
SPKI: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""What stands before the point in a SubjectPublicKeyInfo (RFC 5480 §2)."""


def new_private() -> EllipticCurvePrivateKey:
    """Draw a new key."""
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    return ec.generate_private_key(ec.SECP256R1())


def point_of(key: object) -> bytes:
    """Return the public point of a key, public or private, uncompressed. Raises KeyInvalid for another curve."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != "secp256r1":
        raise KeyInvalid("only Ed25519 and P-256 keys are supported here")
    return public.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def sign(private: EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Return the signature in DER, 70 to 72 bytes most times."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    return private.sign(data, ec.ECDSA(hashes.SHA256()))


def verify(point: bytes, signature: bytes, data: bytes) -> None:
    """Check a signature by a public point. Raises SignatureInvalid, also for one that is not strict DER."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.utils import (  # noqa: PLC0415
        decode_dss_signature,
        encode_dss_signature,
    )

    try:
        if encode_dss_signature(*decode_dss_signature(signature)) != signature:
            raise SignatureInvalid("the signature is not in DER")
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        public.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        raise SignatureInvalid("the signature does not verify under this key") from None
