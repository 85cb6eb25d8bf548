"""The server's own keys, and the sealing of erasable words with one of them.

Files in one folder, each readable by its owner alone: the log key that signs checkpoints, the server key that signs
manifests and token decisions, the pepper under which tokens and handles are looked up, and the key that wraps
the data keys of texts. A key that took over from an older one lies beside it, under its own id (`key_files`).
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modelwarden.errors import EncryptionKeyMissing, KeyUnusable
from modelwarden.ledger.entry import commit_text
from modelwarden.store import key_files
from modelwarden.values.ids import Commitment

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from modelwarden.ledger.keys import LogKey, SigningKey

MISSING: Final = "the key that encrypts texts is not in the keys folder. Put your copy of it back, and start again"
SALT_BYTES: Final = 32
NONCE_BYTES: Final = 12


class Sealed(NamedTuple):
    """Ciphertext of salt ‖ words, and the data key that opens it, wrapped."""

    commitment: Commitment
    key_id: str
    wrapped: bytes
    ciphertext: bytes


class Retiring(NamedTuple):
    """A log key that still signs beside the one that took over (LG-64).

    It does so until a time, and longer while no checkpoint larger than `size` is signed: one by both hands over.
    """

    log_key: LogKey
    until: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys that the server holds. They never leave it, nor enter a log, an entry or a backup.

    Attributes:
        encryption_key: None where it is missing: then texts stay locked, and nothing is sealed (AC-81).
        retiring: log keys that sign beside the current one.
        folder: where older keys of encryption are found.
        state: what the database said of its keys when these were chosen; nothing before the first rotation.
    """

    log_key: LogKey = field(repr=False)
    server_key: SigningKey = field(repr=False)
    pepper: bytes = field(repr=False)
    encryption_key: bytes | None = field(repr=False)
    retiring: tuple[Retiring, ...] = field(default=(), repr=False)
    folder: Path | None = field(default=None, repr=False)
    state: tuple[tuple[str, int], ...] = ()

    @property
    def origin(self) -> str:
        """Return the ledger's name, which is the log key's name too."""
        return self.log_key.name

    @property
    def key_id(self) -> str:
        """Return which encryption key this is, without telling the key. Raises EncryptionKeyMissing."""
        return key_files.encryption_id(self._current)

    @property
    def _current(self) -> bytes:
        if self.encryption_key is None:
            raise EncryptionKeyMissing(f"texts can't be opened or written: {MISSING}")
        return self.encryption_key

    def without_encryption(self) -> Keyring:
        """Return these keys without the one that encrypts texts."""
        return replace(self, encryption_key=None)

    def signing(self, now: datetime, signed: int) -> tuple[LogKey, ...]:
        """Return the log keys that sign now, the current one first; `signed` is the newest size that was signed."""
        beside = (each.log_key for each in self.retiring if now < each.until or signed <= each.size)
        return (self.log_key, *beside)

    def holds(self, key_id: str) -> bool:
        """Tell whether what is under this encryption key can be opened."""
        try:
            self._encryption(key_id)
        except KeyUnusable:
            return False
        return True

    def look_up(self, kind: str, text: str) -> str:
        """Return the keyed digest under which a secret or personal text is found again (AC-50, AC-1)."""
        secret = f"{kind}\0{text}".encode(errors="surrogatepass")  # any text that JSON can carry
        return hmac.digest(self.pepper, secret, "sha256").hex()

    def seal(self, words: str, *, salt: bytes | None = None) -> Sealed:
        """Commit to words and encrypt them with their salt under a fresh data key (LG-60, AC-81)."""
        return self._sealed(salt or os.urandom(SALT_BYTES), words)

    def reseal(self, sealed: Sealed) -> Sealed:
        """Return the same words under the same salt, by our key. Raises KeyUnusable."""
        return self._sealed(*self._opened(sealed))

    def _sealed(self, salt: bytes, words: str) -> Sealed:
        commitment = Commitment(commit_text(salt, words).hex())
        data_key = os.urandom(32)
        key_id = self.key_id
        bound = f"texts\0ciphertext\0{commitment}\0{key_id}".encode()
        return Sealed(
            commitment,
            key_id,
            _encrypt(self._current, data_key, bound),
            _encrypt(data_key, salt + words.encode("utf-8"), bound),
        )

    def unseal(self, sealed: Sealed) -> str:
        """Return the words. Raises KeyUnusable when the key is another or the row was tampered with."""
        return self._opened(sealed)[1]

    def _opened(self, sealed: Sealed) -> tuple[bytes, str]:
        bound = f"texts\0ciphertext\0{sealed.commitment}\0{sealed.key_id}".encode()
        try:
            data_key = _decrypt(self._encryption(sealed.key_id), sealed.wrapped, bound)
            plain = _decrypt(data_key, sealed.ciphertext, bound)
        except InvalidTag as error:
            raise KeyUnusable(
                "a stored text does not open: its row was altered, or its key is another"
            ) from error
        salt, words = plain[:SALT_BYTES], plain[SALT_BYTES:].decode("utf-8")
        if commit_text(salt, words).hex() != sealed.commitment:
            raise KeyUnusable("a stored text does not match its commitment")
        return salt, words

    def wrap(self, data_key: bytes, *, bound: bytes) -> bytes:
        """Encrypt a data key; only with the same `bound` does it open again."""
        return _encrypt(self._current, data_key, bound)

    def unwrap(self, wrapped: bytes, *, bound: bytes, key_id: str | None = None) -> bytes:
        """Return a data key, wrapped by ours or by the older one that is named. Raises KeyUnusable."""
        key = self._current if key_id is None else self._encryption(key_id)
        try:
            return _decrypt(key, wrapped, bound)
        except (InvalidTag, ValueError) as error:
            raise KeyUnusable("a data key does not open: it was wrapped by another key") from error

    def _encryption(self, key_id: str) -> bytes:
        """Return the encryption key of this id: the current one, or one whose file is kept. Raises KeyUnusable."""
        current = self.encryption_key
        if current is not None and key_id == key_files.encryption_id(current):
            return current
        if self.folder is None:
            raise EncryptionKeyMissing(f"the encryption key {key_id} is not there")
        return key_files.encryption_key(self.folder, key_id)


def load(folder: Path) -> Keyring:
    """Return the first keys in a folder. Raises KeyUnusable when one is missing or others may read it."""
    return Keyring(
        key_files.first_log_key(folder),
        key_files.first_server_key(folder),
        key_files.pepper(folder),
        key_files.first_encryption_key(folder),
        folder=folder,
    )


def load_without_encryption(folder: Path) -> Keyring:
    """Return the first keys in a folder but the one that encrypts texts. Raises KeyUnusable for any other."""
    return Keyring(
        key_files.first_log_key(folder),
        key_files.first_server_key(folder),
        key_files.pepper(folder),
        None,
        folder=folder,
    )


def create(folder: Path, origin: str) -> Keyring:
    """Make fresh keys in a folder and return them. Raises KeyUnusable when some are there already."""
    key_files.create(folder, origin)
    return load(folder)


def load_or_create(folder: Path, origin: str) -> Keyring:
    """Return the keys in a folder, made first where there are none; processes that start at once share them."""
    with key_files.alone(folder):
        if not key_files.are_there(folder):
            key_files.create(folder, origin)
        return load(folder)


def _encrypt(key: bytes, data: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, bound)


def _decrypt(key: bytes, data: bytes, bound: bytes) -> bytes:
    return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], bound)
