"""The files in the keys folder: read with care, never overwritten, durable before anything says that they exist.

    log.key          origin, then the seed of the first log key (LG-63); log.<id>.key those that took over
    server.pem       the first server key; server.<id>.pem those that took over
    snapshot.<id>.pem  keys that sign what guards hold; there is none before the first snapshot
    encryption.key   the first key that wraps data keys; encryption.<id>.key those that took over
    pepper.key       under which tokens and handles are looked up

An id is the first sixteen hex digits of a SHA-256: of the public half, or of an encryption key itself. Which key is the
current one says the database (`server_keys`): a file alone makes none.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import hashlib
import os
import stat
from typing import TYPE_CHECKING, Final

from modelwarden.errors import EncryptionKeyMissing, KeyInvalid, KeyUnusable
from modelwarden.ledger.keys import KeyType, LogKey, PublicKey, SigningKey, new_seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ID_DIGITS: Final = 16
KEY_BYTES: Final = 32


def log_id(key: LogKey) -> str:
    """Return the id of a log key."""
    return PublicKey(key.verifier.public).keyid[:ID_DIGITS]


def server_id(key: SigningKey) -> str:
    """Return the id of a server key."""
    return key.keyid[:ID_DIGITS]


def encryption_id(key: bytes) -> str:
    """Return the id of an encryption key, without telling the key."""
    return hashlib.sha256(key).hexdigest()[:ID_DIGITS]


def create(folder: Path, origin: str) -> None:
    """Make the first keys. Raises KeyUnusable when some are there already."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = {
        "log.key": _log_text(origin, new_seed()),
        "server.pem": SigningKey.generate().to_pem(None),
        "pepper.key": _plain_text(os.urandom(KEY_BYTES)),
        "encryption.key": _plain_text(os.urandom(KEY_BYTES)),
    }
    for name, data in secrets.items():
        _write_new(folder / name, data)


def are_there(folder: Path) -> bool:
    """Tell whether the folder holds the first keys."""
    return (folder / "log.key").exists()


def new_log_key(folder: Path, origin: str) -> LogKey:
    """Make another log key of a ledger, durably. Raises KeyUnusable."""
    seed = new_seed()
    key = LogKey(origin, seed)
    _write_new(folder / f"log.{log_id(key)}.key", _log_text(origin, seed))
    return key


def new_server_key(folder: Path) -> SigningKey:
    """Make another server key, durably. Raises KeyUnusable."""
    key = SigningKey.generate()
    _write_new(folder / f"server.{server_id(key)}.pem", key.to_pem(None))
    return key


def new_snapshot_key(folder: Path) -> SigningKey:
    """Make a key that signs snapshots, durably. Raises KeyUnusable."""
    key = SigningKey.generate()
    _write_new(folder / f"snapshot.{server_id(key)}.pem", key.to_pem(None))
    return key


def new_encryption_key(folder: Path) -> bytes:
    """Make another encryption key, durably. Raises KeyUnusable."""
    key = os.urandom(KEY_BYTES)
    _write_new(folder / f"encryption.{encryption_id(key)}.key", _plain_text(key))
    return key


def first_log_key(folder: Path) -> LogKey:
    """Return the log key that stands without an id. Raises KeyUnusable."""
    return _log_key(folder / "log.key")


def first_server_key(folder: Path) -> SigningKey:
    """Return the server key that stands without an id. Raises KeyUnusable."""
    return _server_key(folder / "server.pem")


def first_encryption_key(folder: Path) -> bytes:
    """Return the encryption key that stands without an id, or any once that one was removed.

    Raises EncryptionKeyMissing where there is none, KeyUnusable where there is a file that gives none.
    """
    first = folder / "encryption.key"
    if first.exists():
        return _bytes(first)
    later = sorted(folder.glob("encryption.*.key"))
    return _encrypting(later[0] if later else first)


def pepper(folder: Path) -> bytes:
    """Return the pepper. Raises KeyUnusable."""
    return _bytes(folder / "pepper.key")


def log_key(folder: Path, key_id: str) -> LogKey:
    """Return the log key of an id. Raises KeyUnusable."""
    first = folder / "log.key"
    if first.exists() and log_id(found := _log_key(first)) == key_id:
        return found
    return _log_key(folder / f"log.{key_id}.key")


def log_keys(folder: Path) -> tuple[LogKey, ...]:
    """Return all log keys that lie in the folder, current or not. Raises KeyUnusable."""
    return tuple(_log_key(path) for path in sorted(folder.glob("log*.key")))


def take_first_place(folder: Path, key: LogKey) -> None:
    """Let a log key stand without an id, and the one that stood there under its own. Safe to repeat (LG-47)."""
    first = folder / "log.key"
    if first.exists():
        first.rename(folder / f"log.{log_id(_log_key(first))}.key")
    (folder / f"log.{log_id(key)}.key").rename(first)


def holds_log_key(folder: Path, key_id: str) -> bool:
    """Tell whether the log key of an id can be read."""
    try:
        log_key(folder, key_id)
    except KeyUnusable:
        return False
    return True


def server_key(folder: Path, key_id: str) -> SigningKey:
    """Return the server key of an id. Raises KeyUnusable."""
    first = folder / "server.pem"
    if first.exists() and server_id(found := _server_key(first)) == key_id:
        return found
    return _server_key(folder / f"server.{key_id}.pem")


def snapshot_key(folder: Path, key_id: str) -> SigningKey:
    """Return the key of an id that signs snapshots. Raises KeyUnusable."""
    return _server_key(folder / f"snapshot.{key_id}.pem")


def encryption_key(folder: Path, key_id: str) -> bytes:
    """Return the encryption key of an id. Raises EncryptionKeyMissing, KeyUnusable."""
    first = folder / "encryption.key"
    if first.exists() and encryption_id(found := _bytes(first)) == key_id:
        return found
    return _encrypting(folder / f"encryption.{key_id}.key")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder, made where there is none, against processes that start at the same time."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:  # a child that was forked meanwhile has a copy, which closing leaves locked
            fcntl.flock(lock, fcntl.LOCK_UN)


def _log_text(origin: str, seed: bytes) -> bytes:
    return origin.encode() + b"\n" + _plain_text(seed)


def _plain_text(secret: bytes) -> bytes:
    return base64.b64encode(secret) + b"\n"


def _log_key(path: Path) -> LogKey:
    origin, _, seed = _read(path).decode("utf-8", "replace").strip().partition("\n")
    try:
        return LogKey(origin, base64.b64decode(seed, validate=True))
    except (binascii.Error, KeyInvalid) as error:
        raise _damaged(path) from error


def _server_key(path: Path) -> SigningKey:
    try:
        key = SigningKey.from_pem(_read(path), None)
    except KeyInvalid as error:
        raise _damaged(path) from error
    if key.public.type is not KeyType.ED25519:  # people alone sign with others
        raise _damaged(path)
    return key


def _encrypting(path: Path) -> bytes:
    """Return the key in a file. Raises EncryptionKeyMissing, also for a folder whose volume is not there."""
    if not path.exists():
        raise EncryptionKeyMissing(f"{path.name} is not in the keys folder")
    return _bytes(path)


def _bytes(path: Path) -> bytes:
    try:
        found = base64.b64decode(_read(path))
    except binascii.Error as error:
        raise _damaged(path) from error
    if len(found) != KEY_BYTES:
        raise _damaged(path)
    return found


def _damaged(path: Path) -> KeyUnusable:
    return KeyUnusable(f"{path.name} does not hold a key: take the copy that you kept of it")


def _write_new(path: Path, data: bytes) -> None:
    """Write a file for its owner alone, durable together with its folder."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError as error:
        raise KeyUnusable(f"{path.name} exists already; keys are never overwritten") from error
    except OSError as error:
        raise KeyUnusable(f"{path.name} can't be written: {error.strerror}") from error


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
