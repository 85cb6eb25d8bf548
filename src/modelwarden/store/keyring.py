"""The server's own keys, and the sealing of erasable words with one of them.

Four files, each readable by its owner alone: the log key that signs checkpoints, the server key that signs manifests
and token decisions, the pepper under which tokens and handles are looked up, and the key that wraps
the data keys of texts.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modelwarden.errors import KeyUnusable
from modelwarden.ledger.entry import commit_text
from modelwarden.ledger.keys import LogKey, SigningKey, new_seed
from modelwarden.values.ids import Commitment

if TYPE_CHECKING:
    from pathlib import Path

SALT_BYTES: Final = 32
NONCE_BYTES: Final = 12


class Sealed(NamedTuple):
    """Ciphertext of salt ‖ words, and the data key that opens it, wrapped."""

    commitment: Commitment
    key_id: str
    wrapped: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys that the server holds. They never leave it, nor enter a log, an entry or a backup."""

    log_key: LogKey = field(repr=False)
    server_key: SigningKey = field(repr=False)
    pepper: bytes = field(repr=False)
    encryption_key: bytes = field(repr=False)

    @property
    def origin(self) -> str:
        """Return the ledger's name, which is the log key's name too."""
        return self.log_key.name

    @property
    def key_id(self) -> str:
        """Return which encryption key this is, without telling the key."""
        return hashlib.sha256(self.encryption_key).hexdigest()[:16]

    def look_up(self, kind: str, text: str) -> str:
        """Return the keyed digest under which a secret or personal text is found again (AC-50, AC-1)."""
        secret = f"{kind}\0{text}".encode(errors="surrogatepass")  # any text that JSON can carry
        return hmac.digest(self.pepper, secret, "sha256").hex()

    def seal(self, words: str, *, salt: bytes | None = None) -> Sealed:
        """Commit to words and encrypt them with their salt under a fresh data key (LG-60, AC-81)."""
        salt = salt or os.urandom(SALT_BYTES)
        commitment = Commitment(commit_text(salt, words).hex())
        data_key = os.urandom(32)
        key_id = self.key_id
        bound = f"texts\0ciphertext\0{commitment}\0{key_id}".encode()
        return Sealed(
            commitment,
            key_id,
            _encrypt(self.encryption_key, data_key, bound),
            _encrypt(data_key, salt + words.encode("utf-8"), bound),
        )

    def unseal(self, sealed: Sealed) -> str:
        """Return the words. Raises KeyUnusable when the key is another or the row was tampered with."""
        bound = f"texts\0ciphertext\0{sealed.commitment}\0{sealed.key_id}".encode()
        try:
            data_key = _decrypt(self.encryption_key, sealed.wrapped, bound)
            plain = _decrypt(data_key, sealed.ciphertext, bound)
        except InvalidTag as error:
            raise KeyUnusable(
                "a stored text does not open: its row was altered, or its key is another"
            ) from error
        salt, words = plain[:SALT_BYTES], plain[SALT_BYTES:].decode("utf-8")
        if commit_text(salt, words).hex() != sealed.commitment:
            raise KeyUnusable("a stored text does not match its commitment")
        return words

    def wrap(self, data_key: bytes, *, bound: bytes) -> bytes:
        """Encrypt a data key; only with the same `bound` does it open again."""
        return _encrypt(self.encryption_key, data_key, bound)

    def unwrap(self, wrapped: bytes, *, bound: bytes) -> bytes:
        """Return a data key. Raises KeyUnusable."""
        try:
            return _decrypt(self.encryption_key, wrapped, bound)
        except (InvalidTag, ValueError) as error:
            raise KeyUnusable("a data key does not open: it was wrapped by another key") from error


def create(folder: Path, origin: str) -> Keyring:
    """Make fresh keys in a folder and return them. Raises KeyUnusable when some are there already."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    server_key = SigningKey.generate()
    secrets = {
        "log.key": origin.encode() + b"\n" + base64.b64encode(new_seed()) + b"\n",
        "server.pem": server_key.to_pem(None),
        "pepper.key": base64.b64encode(os.urandom(32)) + b"\n",
        "encryption.key": base64.b64encode(os.urandom(32)) + b"\n",
    }
    for name, data in secrets.items():
        _write_new(folder / name, data)
    return load(folder)


def load(folder: Path) -> Keyring:
    """Return the keys in a folder. Raises KeyUnusable when one is missing or others may read it."""
    origin, _, seed = _read(folder / "log.key").decode("ascii").strip().partition("\n")
    return Keyring(
        LogKey(origin, base64.b64decode(seed, validate=True)),
        SigningKey.from_pem(_read(folder / "server.pem"), None),
        base64.b64decode(_read(folder / "pepper.key"), validate=False),
        base64.b64decode(_read(folder / "encryption.key"), validate=False),
    )


def load_or_create(folder: Path, origin: str) -> Keyring:
    """Return the keys in a folder, made first where there are none; processes that start at once share them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return load(folder) if (folder / "log.key").exists() else create(folder, origin)


def _write_new(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyUnusable(f"{path.name} exists already; keys are never overwritten") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o027:  # owner, and at most reading by the group (AC-80)
            raise KeyUnusable(f"{path.name} may be read by others; run chmod 600 on it")
        return path.read_bytes()
    except OSError as error:
        raise KeyUnusable(
            f"{path.name} can't be read in the keys folder: {error.strerror}"
        ) from error


def _encrypt(key: bytes, data: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, bound)


def _decrypt(key: bytes, data: bytes, bound: bytes) -> bytes:
    return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], bound)
