"""Keys: those that sign checkpoints (signed notes) and those of people and servers.

Ed25519; people may also sign with P-256 (RL-29). A key of another kind is refused with a message. Where keys lie and
who holds them is decided elsewhere. The package `cryptography` is loaded on first use: importing this costs nothing.
"""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol, Self

from modelwarden.errors import KeyInvalid, NotCanonical, SignatureInvalid, ValueInvalid
from modelwarden.ledger import p256
from modelwarden.values.canonical import from_base64

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519_NOTE: Final = b"\x01"
"""The signature type of C2SP signed notes that we make and trust."""

_KEY_SIZE: Final = 32
_SPKI: Final = bytes.fromhex("302a300506032b6570032100")  # RFC 8410 §4; the 32 bytes follow
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f\ud800-\udfff]+")


def new_seed() -> bytes:
    """Draw the secret of a new log key."""
    return secrets.token_bytes(_KEY_SIZE)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a log key, as `sumdb/note` of Go writes it: name+hash+base64."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise KeyInvalid("a log key's name is text without spaces, + and control characters")
        if len(self.public) != _KEY_SIZE:
            raise KeyInvalid("an Ed25519 public key has 32 bytes")

    @property
    def key_hash(self) -> bytes:
        """The four bytes that name this key in a signature line."""
        return key_hash(self.name, ED25519_NOTE + self.public)

    @property
    def vkey(self) -> str:
        """The key as text, which `parse_vkey` reads."""
        encoded = base64.b64encode(ED25519_NOTE + self.public).decode()
        return f"{self.name}+{self.key_hash.hex()}+{encoded}"

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check a signature over the message. Raises SignatureInvalid."""
        verify_ed25519(self.public, signature, message)


def parse_vkey(text: str) -> VerifierKey:
    """Read a verifier key from its text. Raises KeyInvalid."""
    name, data = split_vkey(text)
    if data[:1] != ED25519_NOTE:
        raise KeyInvalid("only Ed25519 verifier keys (type 01) are read here")
    return VerifierKey(name, data[1:])


def split_vkey(text: str) -> tuple[str, bytes]:
    """Return the name of a verifier key of any type, and its type byte with the key. Raises KeyInvalid."""
    name, _, rest = text.partition("+")
    found, _, encoded = rest.partition("+")
    try:
        data = from_base64(encoded)
    except NotCanonical:
        raise KeyInvalid("a verifier key ends in canonical base64") from None
    if _NAME.fullmatch(name) is None:
        raise KeyInvalid("a key's name is text without spaces, + and control characters")
    if key_hash(name, data).hex() != found:
        raise KeyInvalid("the verifier key's hash does not fit its name and key")
    return name, data


def key_hash(name: str, data: bytes) -> bytes:
    """Return the four bytes that name a key in a signature line; `data` is its type byte and the key."""
    return sha256(name.encode() + b"\n" + data).digest()[:4]


class LogKey:
    """The private key that signs checkpoints; its name is the ledger's origin (LG-63)."""

    __slots__ = ("_private", "verifier")

    def __init__(self, origin: str, seed: bytes) -> None:
        """Build the key from its 32 secret bytes. Raises KeyInvalid."""
        self._private = _private_key(seed)
        self.verifier = VerifierKey(origin, self._private.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        """The origin."""
        return self.verifier.name

    @property
    def vkey(self) -> str:
        """The public half as text (LG-21)."""
        return self.verifier.vkey

    @property
    def key_hash(self) -> bytes:
        """The four bytes that name this key in a signature line."""
        return self.verifier.key_hash

    def sign(self, data: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return self._private.sign(data)


class KeyType(StrEnum):
    """The kinds of key that people sign with."""

    ED25519 = "ed25519"
    P256 = "p256"


class Signer(Protocol):
    """A private key at hand: in memory, or with an agent that signs for us."""

    @property
    def public(self) -> PublicKey:
        """The public half."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature: 64 bytes of Ed25519, or ECDSA in DER."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public key of a person or a server: 32 raw bytes of Ed25519, or the 65 of an uncompressed P-256 point."""

    raw: bytes

    def __post_init__(self) -> None:
        is_point = len(self.raw) == p256.POINT_SIZE and self.raw.startswith(b"\x04")
        if len(self.raw) != _KEY_SIZE and not is_point:
            raise KeyInvalid("an Ed25519 public key has 32 bytes, an uncompressed P-256 point 65")

    @classmethod
    def from_pem(cls, text: str) -> Self:
        """Read a PEM SubjectPublicKeyInfo of either kind. Raises KeyInvalid."""
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

        try:
            key = serialization.load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise KeyInvalid("not a public key in PEM form (BEGIN PUBLIC KEY)") from None
        if isinstance(key, ed25519.Ed25519PublicKey):
            return cls(key.public_bytes_raw())
        return cls(p256.point_of(key))

    @classmethod
    def from_spki(cls, data: bytes) -> Self:
        """Read a DER SubjectPublicKeyInfo of Ed25519, as servers have them. Raises KeyInvalid."""
        if not data.startswith(_SPKI) or len(data) != len(_SPKI) + _KEY_SIZE:
            raise KeyInvalid("not the SubjectPublicKeyInfo of an Ed25519 key")
        return cls(data.removeprefix(_SPKI))

    @property
    def type(self) -> KeyType:
        """Which kind of key it is."""
        return KeyType.ED25519 if len(self.raw) == _KEY_SIZE else KeyType.P256

    @property
    def spki(self) -> bytes:
        """The DER SubjectPublicKeyInfo (RFC 8410 §4, RFC 5480 §2)."""
        return (_SPKI if self.type is KeyType.ED25519 else p256.SPKI) + self.raw

    @property
    def pem(self) -> str:
        """The same in PEM form, LF-ended, in lines of 64 characters."""
        encoded = base64.b64encode(self.spki).decode()
        lines = "\n".join(encoded[at : at + 64] for at in range(0, len(encoded), 64))
        return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"

    @property
    def keyid(self) -> str:
        """The hex SHA-256 of the SubjectPublicKeyInfo (RL-26)."""
        return sha256(self.spki).hexdigest()

    def verify(self, data: bytes, signature: bytes) -> None:
        """Check a signature over the data. Raises SignatureInvalid."""
        check = verify_ed25519 if self.type is KeyType.ED25519 else p256.verify
        check(self.raw, signature, data)


class SigningKey:
    """The private key of a person or a server."""

    __slots__ = ("_private", "public")

    def __init__(self, private: Ed25519PrivateKey | EllipticCurvePrivateKey) -> None:
        """Take a key of `cryptography`. Raises KeyInvalid for one that is neither Ed25519 nor P-256."""
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

        self._private = private
        if isinstance(private, ed25519.Ed25519PrivateKey):
            self.public = PublicKey(private.public_key().public_bytes_raw())
        else:
            self.public = PublicKey(p256.point_of(private))

    @classmethod
    def generate(cls, type: str = KeyType.ED25519) -> Self:  # noqa: A002  # the word of the option
        """Draw a new key, `ed25519` or `p256`. Raises ValueInvalid."""
        if type not in {each.value for each in KeyType}:
            raise ValueInvalid("type", "ed25519 or p256")
        return cls(_private_key(new_seed()) if type == KeyType.ED25519 else p256.new_private())

    @classmethod
    def from_pem(cls, data: bytes, password: bytes | None) -> Self:
        """Read a private key in PEM form, PKCS#8 or SEC 1. Raises KeyInvalid, also for a wrong password."""
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415

        try:
            private = serialization.load_pem_private_key(data, password)
        except TypeError:
            wanted = (
                "needs a password" if password is None else "is not encrypted; give no password"
            )
            raise KeyInvalid(f"the private key {wanted}") from None
        except (ValueError, UnsupportedAlgorithm):
            raise KeyInvalid("not a private key in PEM form, or a wrong password") from None
        if not isinstance(private, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
            raise KeyInvalid("only Ed25519 and P-256 keys are supported here")
        return cls(private)

    def to_pem(self, password: bytes | None) -> bytes:
        """Return the key as PKCS#8 in PEM form, encrypted if a password is given."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

        encryption = (
            serialization.NoEncryption()
            if password is None
            else serialization.BestAvailableEncryption(password)
        )
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )

    @property
    def public_pem(self) -> str:
        """The public half in PEM form."""
        return self.public.pem

    @property
    def spki(self) -> bytes:
        """The public half as DER SubjectPublicKeyInfo."""
        return self.public.spki

    @property
    def keyid(self) -> str:
        """The hex SHA-256 of the SubjectPublicKeyInfo (RL-26)."""
        return self.public.keyid

    def sign(self, data: bytes) -> bytes:
        """Return the signature: 64 bytes of Ed25519, or ECDSA in DER."""
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        if isinstance(self._private, ec.EllipticCurvePrivateKey):
            return p256.sign(self._private, data)
        return self._private.sign(data)


def _private_key(seed: bytes) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    if len(seed) != _KEY_SIZE:
        raise KeyInvalid("an Ed25519 private key has 32 bytes")
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed)


def verify_ed25519(public: bytes, signature: bytes, data: bytes) -> None:
    """Check a signature by 32 bytes of public key. Raises SignatureInvalid."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        raise SignatureInvalid("the signature does not verify under this key") from None
