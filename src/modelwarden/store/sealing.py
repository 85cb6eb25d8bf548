"""Sealed files: encrypted and authenticated in chunks, so that neither size nor memory is a limit (AC-81, AC-87).

Form, after the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015), as `age` uses it:

    line 1   modelwarden-sealed-v1
    line 2   JSON: origin, key_id (which key wraps), wrapped (base64: the data key under that key)
    then     chunks: AES-256-GCM under the data key over 65,536 bytes each, the last over fewer or as many

A chunk's nonce is its number in 11 bytes, big-endian, and one byte that is 1 for the last chunk alone; its associated
data is the SHA-256 of the two lines. So no chunk can be moved, repeated, left out, or taken from another file, and an
end that was cut off is noticed. The data key is fresh for each file, and bound to the ledger's origin.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import IO, TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modelwarden.errors import BackupInvalid, KeyUnusable, NotCanonical
from modelwarden.values.canonical import encode, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modelwarden.store.keyring import Keyring

MAGIC: Final = b"modelwarden-sealed-v1\n"
CHUNK: Final = 64 * 1024
TAG: Final = 16
KEY_BYTES: Final = 32
HEADER_BYTES: Final = 4_096


def seal_stream(parts: Iterable[bytes], output: IO[bytes], keyring: Keyring) -> None:
    """Write the parts, joined, as a sealed file."""
    data_key = os.urandom(KEY_BYTES)
    wrapped = keyring.wrap(data_key, bound=_bound(keyring.origin, keyring.key_id))
    header = {
        "origin": keyring.origin,
        "key_id": keyring.key_id,
        "wrapped": base64.b64encode(wrapped).decode(),
    }
    lines = MAGIC + encode(header) + b"\n"
    output.write(lines)
    cipher, bound = AESGCM(data_key), hashlib.sha256(lines).digest()
    for number, (chunk, is_last) in enumerate(_chunks(parts)):
        output.write(cipher.encrypt(_nonce(number, is_last=is_last), chunk, bound))


def unseal_stream(source: IO[bytes], keyring: Keyring) -> Iterator[bytes]:
    """Yield what a sealed file holds, each piece only once it is authenticated. Raises BackupInvalid.

    Only when the last piece was given is it certain that nothing was cut off: use nothing before.
    """
    cipher, bound = _opened(source, keyring)
    number, sealed = 0, source.read(CHUNK + TAG)
    while True:
        following = source.read(CHUNK + TAG)
        try:
            yield cipher.decrypt(_nonce(number, is_last=not following), sealed, bound)
        except (InvalidTag, ValueError) as error:
            raise BackupInvalid("the backup was altered or cut off; take another copy") from error
        if not following:
            return
        number, sealed = number + 1, following


def _opened(source: IO[bytes], keyring: Keyring) -> tuple[AESGCM, bytes]:
    magic, line = source.readline(len(MAGIC)), source.readline(HEADER_BYTES)
    if magic != MAGIC:
        raise BackupInvalid("this is not a backup that `modelwarden backup` wrote")
    try:
        header = parse(line)
    except NotCanonical as error:
        raise BackupInvalid("the backup's header does not parse") from error
    match header:
        case {"origin": str(origin), "key_id": str(key_id), "wrapped": str(text)}:
            if origin != keyring.origin or not keyring.holds(key_id):
                raise BackupInvalid(
                    f"the backup is of {origin}, sealed by the key {key_id}; ours are"
                    f" {keyring.origin} and {keyring.key_id}: point keys.folder to its keys"
                )
        case _:
            raise BackupInvalid("the backup's header lacks origin, key_id or wrapped")
    try:
        wrapped = base64.b64decode(text, validate=True)
        data_key = keyring.unwrap(wrapped, bound=_bound(origin, key_id), key_id=key_id)
    except (KeyUnusable, ValueError) as error:
        raise BackupInvalid("the backup's header was altered; take another copy") from error
    return AESGCM(data_key), hashlib.sha256(magic + line).digest()


def _chunks(parts: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Cut the joined parts into chunks, and say which is the last."""
    held = bytearray()
    for part in parts:
        held += part
        while len(held) > CHUNK:  # one full chunk is held back: it may be the last
            yield bytes(held[:CHUNK]), False
            del held[:CHUNK]
    yield bytes(held), True


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11) + bytes([is_last])


def _bound(origin: str, key_id: str) -> bytes:
    return json.dumps(["sealed", "data_key", origin, key_id]).encode()
