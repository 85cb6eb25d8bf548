"""Signatures over a version's files, by keys that people registered here (check `artifact`, `signed: true`).

A bundle of `artifacts sign` or OpenSSF `model_signing`, kept as evidence. It holds no time, so what counts is when the
server took it. Verified when it arrives, and again wherever a check relies on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access import queries as accounts
from modelwarden.access.actor import Revocation
from modelwarden.access.allowed import authorize
from modelwarden.approvals import case
from modelwarden.errors import (
    DigestMismatch,
    EnvelopeMalformed,
    EvidenceInvalid,
    KeyExpired,
    KeyInvalid,
    SignatureInvalid,
)
from modelwarden.fingerprints.model_signature import read_signature
from modelwarden.fingerprints.resources import ALONE
from modelwarden.ledger.bundle import key_hint, parse_bundle
from modelwarden.ledger.keys import PublicKey
from modelwarden.permissions import Permission
from modelwarden.policies import gathering, queries, recording
from modelwarden.policies.check import ALTERED, Exhibit, at_text
from modelwarden.policies.evidence import Assurance, EvidenceKind, NewEvidence, value_digest
from modelwarden.registry import reads as registry
from modelwarden.values.pages import Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from modelwarden.approvals.signatures import KnownKey
    from modelwarden.policies.evidence import Evidence
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View

WHOLE_PAGE: Final = 200


def record_signature(change: Change, model: str, version: str, *, new: NewEvidence) -> Evidence:
    """Keep a signature over a version's files, if it holds.

    Raises:
        SignatureInvalid, EnvelopeMalformed, KeyExpired.
        EvidenceInvalid: no key that a person registered here made it, or a folder's contents are not recorded.
        DigestMismatch: it was made over other bytes.
        ModelNotFound, VersionNotFound, NotPermitted, VersionIsRetired.
    """
    parent = registry.model(change, model)
    found = registry.version(change, model, version)
    authorize(change, Permission.METRIC_RECORD, on=registry.resource_of(parent))
    found.require_usable()
    text = str(new.value.get("bundle"))
    key = _maker(change, text)
    _require_valid(key, change.now)
    if read_signature(text.encode(), PublicKey.from_pem(key.pem)).digests != _files(change, found):
        raise DigestMismatch(f"the signature is over other files than those of {found.name}")
    value = {"bundle": text, "keyid": key.keyid}
    kept = NewEvidence(
        kind=EvidenceKind.SIGNATURE, value=value, tool=new.tool, artifact=new.artifact
    )
    return recording.kept_evidence(change, found, kept, assurance=Assurance.ATTESTED)


def signatures_over(view: View, version: Version) -> tuple[Exhibit, ...]:
    """Return the signatures over a version's files that hold now, newest first."""
    files = _files(view, version)
    found = (_exhibit(view, each, files) for each in _kept(view, version))
    return tuple(each for each in found if each is not None)


def _kept(view: View, version: Version) -> Iterator[Evidence]:
    kind = EvidenceKind.SIGNATURE.value
    found = queries.evidence_of(
        view, version.name, kind=kind, by=queries.NEWEST, limit=gathering.MOST
    )
    return (each for each in found if gathering.counts(view, each, version))


def _exhibit(view: View, each: Evidence, files: Mapping[str, str]) -> Exhibit | None:
    altered = value_digest(each.value) != each.value_sha256
    keyid = str(each.value.get("keyid"))
    key = case.known_keys(view, {keyid}).get(keyid)
    if not altered and (key is None or not _holds(each, key, files)):
        return None
    return Exhibit(
        id=each.id,
        kind=each.kind.value,
        version=each.version,
        produced_at=at_text(each.produced_at),
        value=ALTERED if altered or key is None else {"by": str(key.person), "keyid": key.keyid},
    )


def _holds(each: Evidence, key: KnownKey, files: Mapping[str, str]) -> bool:
    """Tell whether a person's key made it over these files, was valid when we took it, and is not compromised since."""
    try:
        _require_valid(key, each.recorded_at)
        said = read_signature(str(each.value["bundle"]).encode(), PublicKey.from_pem(key.pem))
    except (KeyError, KeyExpired, KeyInvalid, EvidenceInvalid, EnvelopeMalformed, SignatureInvalid):
        return False
    return said.digests == files


def _require_valid(key: KnownKey, taken_at: datetime) -> None:
    if key.person is None:
        raise EvidenceInvalid("the server's own key stands for nobody: a person has to sign")
    if key.revoked_at is not None and key.revoked_at <= taken_at:
        compromised = key.revoked_as is Revocation.COMPROMISED
        raise KeyExpired(
            f"key {key.keyid[:16]}… {'is compromised' if compromised else 'was revoked'}"
        )
    if not key.was_valid(taken_at):
        raise KeyExpired(f"key {key.keyid[:16]}… is not in its time of validity")


def _files(view: View, version: Version) -> Mapping[str, str]:
    """Return each file's SHA-256 as we read it; of a lone file the version knows it."""
    contents = gathering.contents_of(view, version)
    if contents is not None:
        return {str(path): str(sha256) for path, sha256 in contents.value["files"].items()}
    return {ALONE: gathering.subject_of(version)}


def _maker(view: View, text: str) -> KnownKey:
    """Return the registered key that a bundle names. Raises EnvelopeMalformed, EvidenceInvalid."""
    hint = parse_bundle(text.encode()).hint
    cursor: str | None = None
    while True:
        page = accounts.keys_page(view, Page(limit=WHOLE_PAGE, cursor=cursor))
        for each in page.items:
            if key_hint(PublicKey.from_pem(each.pem)) == hint:
                key = case.known_keys(view, {each.id}).get(each.id)
                if key is not None:
                    return key
        cursor = page.next_cursor
        if cursor is None:
            raise EvidenceInvalid("no key that a person registered here made this signature")
