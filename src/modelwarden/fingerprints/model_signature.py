"""Signatures over a model's files that OpenSSF `model_signing` reads and writes (statement v1.0), and what they cover.

    signature = sign(read_resources(folder), key, ignore=[".git"])

The statement names every file with its SHA-256 and what was ignored; its subject is the SHA-256 of all digests in the
order of the list. Files hashed with SHA-256 alone are read here, not shards and not BLAKE.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import ArtifactMismatch, EnvelopeMalformed, NotCanonical, ValueInvalid
from modelwarden.fingerprints.resources import Resources, read_resources
from modelwarden.ledger.bundle import parse_bundle, to_bundle
from modelwarden.ledger.dsse import seal
from modelwarden.values.canonical import encode_any, parse
from modelwarden.values.ids import HEX_DIGEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modelwarden.fingerprints.hashing import Progress
    from modelwarden.ledger.keys import PublicKey, Signer

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://model_signing/signature/v1.0"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
GIT: Final = (".git", ".gitattributes", ".github", ".gitignore")
"""What `model_signing` ignores unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSignature:
    """What was signed: a model's name, its files by digest, and the rules under which they were read."""

    name: str
    subject_sha256: str
    digests: Mapping[str, str]
    ignore: tuple[str, ...]
    follow_links: bool


def sign(
    found: Resources, key: Signer, *, ignore: Sequence[str] = (), follow_links: bool = False
) -> bytes:
    """Return the bundle over files that were just read, under the rules they were read with.

    `model_signing` verifies it if the key is a P-256 one; an Ed25519 signature, only we do. Raises ValueInvalid.
    """
    if not found.digests:
        raise ValueInvalid("ignore", "less: no file is left to sign")
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": found.name, "digest": {"sha256": _root(found.digests)}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": follow_links,
                "ignore_paths": sorted(set(ignore)),
            },
            "resources": [
                {"name": path, "algorithm": "sha256", "digest": digest}
                for path, digest in found.digests.items()
            ],
        },
    }
    return to_bundle(seal(PAYLOAD_TYPE, encode_any(statement), key), key.public)


def read_signature(data: bytes, key: PublicKey) -> ModelSignature:
    """Return what a bundle says, once its signature holds. Raises EnvelopeMalformed, SignatureInvalid."""
    bundle = parse_bundle(data)
    if bundle.payload_type != PAYLOAD_TYPE:
        raise EnvelopeMalformed(f"payloadType has to be {PAYLOAD_TYPE}")
    bundle.verify(key)
    try:
        return _signature(parse(bundle.payload))
    except (NotCanonical, KeyError, TypeError, ValueError) as error:
        raise EnvelopeMalformed(f"the statement can't be read: {error}") from None


def verify(path: Path, signature: ModelSignature, *, progress: Progress | None = None) -> Resources:
    """Read the files and compare them with what was signed: none changed, missing or too many.

    Raises ArtifactMismatch, and what `read_resources` raises.
    """
    found = read_resources(
        path, ignore=signature.ignore, follow_links=signature.follow_links, progress=progress
    )
    wrong = [
        *_listed(
            "changed", [p for p, d in found.digests.items() if signature.digests.get(p, d) != d]
        ),
        *_listed("missing", [p for p in signature.digests if p not in found.digests]),
        *_listed("not signed", [p for p in found.digests if p not in signature.digests]),
    ]
    if wrong:
        raise ArtifactMismatch(f"{found.name} is not what was signed; {'; '.join(wrong)}")
    return found


def _listed(what: str, paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""  # noqa: PLR2004  # as many as one reads
    return [f"{what}: {', '.join(sorted(paths)[:5])}{more}"]


def _signature(statement: Any) -> ModelSignature:  # noqa: ANN401  # JSON
    if statement["_type"] != STATEMENT or statement["predicateType"] != PREDICATE:
        raise ValueError(f"its predicateType is not {PREDICATE}")
    (subject,) = statement["subject"]
    rules = statement["predicate"]["serialization"]
    if (rules["method"], rules["hash_type"]) != ("files", "sha256"):
        raise ValueError("only whole files under SHA-256 are read here")
    digests: dict[str, str] = {}
    for each in statement["predicate"]["resources"]:
        name, digest = each["name"], each["digest"]
        if each["algorithm"] != "sha256" or not HEX_DIGEST.fullmatch(digest) or name in digests:
            raise ValueError("a file is listed twice, or not by SHA-256")
        digests[name] = digest
    if not digests:
        raise ValueError("no file is signed")
    if subject["digest"]["sha256"] != _root(digests):
        raise ValueError("the subject is not the digest of the files")
    return ModelSignature(
        name=str(subject["name"]),
        subject_sha256=subject["digest"]["sha256"],
        digests=digests,
        ignore=tuple(str(each) for each in rules.get("ignore_paths", ())),
        follow_links=rules["allow_symlinks"] is True,
    )


def _root(digests: Mapping[str, str]) -> str:
    """Return the SHA-256 of all digests in their order, as `model_signing` names a model."""
    whole = hashlib.sha256()
    for digest in digests.values():
        whole.update(bytes.fromhex(digest))
    return whole.hexdigest()
