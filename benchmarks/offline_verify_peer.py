"""securesystemslib verifying the signatures of a release and nothing else; as a process of its own too."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from modelwarden.ledger.keys import PublicKey


def keys_in(path: Path) -> list[SSlibKey]:
    """Return the Ed25519 keys of a `keys.json`."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    return [_key(each["keyid"], PublicKey.from_pem(each["pem"]).raw) for each in listed]


def signers(release: Path, keys: list[SSlibKey]) -> set[str]:
    """Return whose signatures hold. Raises VerificationError for one that does not."""
    found = set()
    for line in release.read_bytes().splitlines():
        found |= set(Envelope.from_dict(json.loads(line)).verify(keys, 1))
    return found


def _key(keyid: str, raw: bytes) -> SSlibKey:
    return SSlibKey(keyid, "ed25519", "ed25519", {"public": raw.hex()})


if __name__ == "__main__":
    print(len(signers(Path(sys.argv[1]), keys_in(Path(sys.argv[2])))))
